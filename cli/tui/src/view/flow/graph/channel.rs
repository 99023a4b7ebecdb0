//! The space between two columns of boxes, with a track for each net of lines.

use ratatui::style::Style;

use crate::{
    flow::{Link, Standing},
    model::Model,
    text::{cut, width},
    theme::Tone,
    view::flow::{canvas::Canvas, label},
};

/// Columns beside an arrow that has no label.
const SHORT: usize = 3;

/// Where something leaves or enters a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// An end of a net: at which side of the channel, and in which row.
#[derive(Debug)]
pub(super) struct Pin<'a> {
    pub(super) side: Side,
    pub(super) row: usize,
    /// The edge that enters there, or none if it leaves.
    pub(super) enters: Option<&'a Link>,
}

/// Lines that are joined: from one port to all that it goes to.
#[derive(Debug)]
pub(super) struct Net<'a> {
    pub(super) pins: Vec<Pin<'a>>,
    pub(super) style: Style,
}

/// The space between two columns.
#[derive(Debug, Default)]
pub(super) struct Channel<'a> {
    nets: Vec<Net<'a>>,
    tracks: Vec<Option<usize>>,
}

impl<'a> Channel<'a> {
    /// Gives each net a track of its own where it needs one: none of those whose rows it shares, and where one comes from the
    /// left in the row in which another comes from the right, left of that one.
    pub(super) fn of(nets: Vec<Net<'a>>) -> Self {
        let span = |net: &Net<'_>| {
            let rows = || net.pins.iter().map(|pin| pin.row);
            (rows().min().unwrap_or_default(), rows().max().unwrap_or_default())
        };
        let has = |net: &Net<'_>, side, row| net.pins.iter().any(|pin| pin.side == side && pin.row == row);
        let is_left_of =
            |a: &Net<'_>, b: &Net<'_>| a.pins.iter().any(|pin| pin.side == Side::Left && has(b, Side::Right, pin.row));
        let mut tracks: Vec<Option<usize>> = vec![None; nets.len()];
        let mut left: Vec<usize> =
            (0..nets.len()).filter(|&index| span(&nets[index]).0 < span(&nets[index]).1).collect();
        left.sort_by_key(|&index| (span(&nets[index]).1 - span(&nets[index]).0, index));
        while !left.is_empty() {
            // One that has none left of it that is still to come; in a circle, any.
            let is_free =
                |&index: &usize| left.iter().all(|&other| other == index || !is_left_of(&nets[other], &nets[index]));
            let at = left.iter().position(is_free).unwrap_or(0);
            let index = left.remove(at);
            let (from, to) = span(&nets[index]);
            let least = (0..nets.len())
                .filter(|&other| is_left_of(&nets[other], &nets[index]))
                .filter_map(|other| tracks[other]);
            let least = least.max().map_or(0, |track| track + 1);
            let is_taken = |track: usize| {
                (0..nets.len()).any(|other| {
                    tracks[other] == Some(track) && span(&nets[other]).0 <= to && span(&nets[other]).1 >= from
                })
            };
            tracks[index] = (least..).find(|&track| !is_taken(track));
        }
        Self { nets, tracks }
    }

    /// Columns of labels at a side: none where nothing enters there.
    fn margin(&self, side: Side, label: usize) -> usize {
        let entering = self.nets.iter().flat_map(|net| &net.pins).filter(|pin| pin.side == side);
        let entering = entering.filter_map(|pin| pin.enters).collect::<Vec<_>>();
        let is_told = |link: &&Link| {
            link.rate.is_some() || link.errors > 0 || link.behind > 0 || link.standing != Standing::Declared
        };
        if entering.iter().any(is_told) { label } else { SHORT }
    }

    pub(super) fn width(&self, space: usize, label: usize) -> usize {
        if self.nets.is_empty() {
            return 0;
        }
        let tracks = self.tracks.iter().flatten().max().map_or(0, |track| track + 1);
        self.margin(Side::Left, label) + tracks * space + self.margin(Side::Right, label)
    }

    /// Draws it between two columns, neither of them included.
    pub(super) fn draw(
        &self,
        model: &Model,
        canvas: &mut Canvas,
        (from, to): (usize, usize),
        (space, label): (usize, usize),
    ) {
        if self.nets.is_empty() || from >= to {
            return;
        }
        let first = from + self.margin(Side::Left, label);
        for (net, track) in self.nets.iter().zip(&self.tracks) {
            let rows = || net.pins.iter().map(|pin| pin.row);
            let x = track.map(|track| first + track * space);
            if let Some(x) = x {
                canvas.down(x, (rows().min().unwrap_or_default(), rows().max().unwrap_or_default()), net.style);
            }
            for pin in &net.pins {
                match (x, pin.side) {
                    (Some(x), Side::Left) => {
                        canvas.across(pin.row, (from, x), net.style);
                        canvas.through(pin.row, (from, x.saturating_sub(1).max(from)), net.style);
                    }
                    (Some(x), Side::Right) => {
                        canvas.across(pin.row, (x, to - 1), net.style);
                        canvas.through(pin.row, ((x + 1).min(to - 1), to - 1), net.style);
                    }
                    (None, _) => canvas.through(pin.row, (from, to - 1), net.style),
                }
            }
        }
        // Over all lines.
        for net in &self.nets {
            for pin in &net.pins {
                let Some(link) = pin.enters else { continue };
                let columns = self.margin(pin.side, label) - 1;
                arrow(model, canvas, (pin, link), (from, to), columns);
            }
        }
    }
}

fn arrow(
    model: &Model,
    canvas: &mut Canvas,
    (pin, link): (&Pin<'_>, &Link),
    (from, to): (usize, usize),
    columns: usize,
) {
    let theme = model.theme;
    let (text, tone) = label(theme, link);
    let head = match pin.side {
        Side::Left => (from, theme.pick("◀", "<")),
        Side::Right => (to - 1, theme.pick("▶", ">")),
    };
    let head_tone = if link.errors > 0 || link.standing == Standing::Undeclared { tone } else { Tone::Strong };
    canvas.text((head.0, pin.row), 1, head.1, theme.style(head_tone));
    if text.is_empty() || columns < 4 {
        return;
    }
    let text = cut(&text, columns - 2, theme.ascii).into_owned();
    let taken = width(&text);
    let x = match pin.side {
        Side::Left => from + 2,
        Side::Right => to - 2 - taken,
    };
    canvas.text((x, pin.row), taken, &text, theme.style(tone));
}
