//! Where everything is: what is drawn, and what the mouse hits.

use ratatui::layout::Rect;

use crate::model::{Focus, Model, Tab};

/// The resource that the services' spans go to.
const TELEMETRY: &str = "telemetry";
/// Narrower than this, list and log are shown by turns.
const BOTH: u16 = 64;

/// The places of the home view. Each is the inside, without title and border.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Home {
    pub(crate) list: Option<Rect>,
    pub(crate) log: Option<Rect>,
}

/// All but the first and the last row, and the one that tells what is broken.
pub(crate) fn body(model: &Model) -> Rect {
    let Rect { x, y, width, height } = model.size;
    let above = 1 + trouble(model).height;
    Rect { x, y: y + height.min(above), width, height: height.saturating_sub(above + 1) }
}

/// The row that tells what is broken, where something is and the view does not tell it anyway.
pub(crate) fn trouble(model: &Model) -> Rect {
    let Rect { x, y, width, height } = model.size;
    let is_told = matches!(model.tab, Tab::Why | Tab::Boot) || model.trouble().is_none();
    Rect { x, y: y + height.min(1), width, height: if is_told || height < 6 { 0 } else { 1 } }
}

pub(crate) fn bottom(model: &Model) -> Rect {
    let Rect { x, y, width, height } = model.size;
    Rect { x, y: (y + height).saturating_sub(1), width, height: height.min(1) }
}

/// The names of the views, at the right end of the first row: by their digits alone where there is little room.
pub(crate) fn tabs(model: &Model) -> Vec<(Tab, Rect)> {
    let long: u16 = Tab::ALL.iter().map(|tab| 4 + tab.name().len() as u16).sum();
    let is_long = long + 40 <= model.size.width;
    let width = |tab: Tab| if is_long { 4 + tab.name().len() as u16 } else { 3 };
    let all: u16 = Tab::ALL.iter().map(|&tab| width(tab)).sum();
    let mut x = model.size.width.saturating_sub(all);
    let place = |tab: Tab| {
        let area = Rect { x, y: 0, width: width(tab), height: model.size.height.min(1) };
        x += area.width;
        (tab, area.intersection(model.size))
    };
    Tab::ALL.into_iter().map(place).collect()
}

/// Columns of a list that has room for all that there is to tell.
const WHOLE: u16 = 86;

/// Columns of the list beside the log, of so many for both; `is_measured`: it is known what services are asked for.
fn list_width(columns: u16, is_measured: bool) -> u16 {
    match columns {
        0..100 => 30,
        100..130 => 50,
        130..140 => 66,
        140..180 if is_measured => WHOLE,
        180.. if is_measured => WHOLE + 10,
        140..180 => 66,
        180.. => 76,
    }
}

/// Whether the list tells what services are asked for.
pub(crate) fn has_rates(model: &Model) -> bool {
    is_measured(model) && home(model).list.is_some_and(|list| list.width >= WHOLE)
}

/// Whether there is somebody who measures it.
fn is_measured(model: &Model) -> bool {
    model.shop.resource(TELEMETRY).is_some()
}

pub(crate) fn home(model: &Model) -> Home {
    let body = body(model);
    // One row for the title.
    let inside = |area: Rect| Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area };
    let one_only = body.width < BOTH || model.zoom;
    match (one_only, model.focus) {
        (true, Focus::List) if !model.zoom => Home { list: Some(inside(body)), log: None },
        (true, _) => Home { list: None, log: Some(inside(body)) },
        (false, _) => {
            let width = list_width(body.width, is_measured(model));
            let list = Rect { width, ..body };
            // A column between them.
            let log = Rect { x: body.x + width + 1, width: body.width - width - 1, ..body };
            Home { list: Some(inside(list)), log: Some(inside(log)) }
        }
    }
}
