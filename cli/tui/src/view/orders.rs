//! The latest orders and where each one is now; of one, its way and all that happened to it.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line as Row, Span},
};

use super::put;
use crate::{
    line::{ago, clock},
    model::Model,
    orders::{Look, Mark, Order, Place, Station, Trying},
    subject::Subject,
    text::{fit, fit_right, pieces, plain, width},
    theme::{Theme, Tone},
};

/// From so many columns on each station has a column with its name.
const NAMED: u16 = 120;
/// With fewer columns, status and total are left out: the way tells enough.
const WHOLE: u16 = 72;
/// Columns of such a one.
const STATION: usize = 5;

/// The rows of the list and the first order among them.
fn placed(model: &Model, area: Rect) -> (Rect, usize) {
    // The head, and who is away.
    let above = u16::try_from(1 + model.orders.away.len()).unwrap_or(1).min(area.height);
    let inside = Rect { y: area.y + above, height: area.height - above, ..area };
    let listed = model.orders.listed(&model.kafka, model.now.wall);
    let at = model.orders.selected.and_then(|id| listed.iter().position(|(order, _)| order.id == id)).unwrap_or(0);
    let height = usize::from(inside.height);
    (inside, (at + 1 + (height / 4)).saturating_sub(height).min(listed.len().saturating_sub(height)))
}

/// The order in this row of the screen.
pub(crate) fn entry(model: &Model, area: Rect, row: u16) -> Option<i64> {
    let (inside, first) = placed(model, area);
    let index = first + usize::from(row.checked_sub(inside.y)?);
    model.orders.listed(&model.kafka, model.now.wall).get(index).map(|(order, _)| order.id)
}

pub(super) fn list(model: &Model, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let listed = model.orders.listed(&model.kafka, model.now.wall);
    let stations: String = if area.width >= NAMED {
        Station::ALL.map(|station| fit(station.short(), STATION, theme.ascii)).concat()
    } else {
        "its way".to_owned()
    };
    let head = if area.width >= WHOLE {
        format!("      order  status              age       total  {stations}  where it is")
    } else {
        format!("    order     age  {stations}  where it is")
    };
    put(buffer, area, 0, &Row::styled(head, theme.style(Tone::Quiet)));
    for (y, (database, why)) in (1..area.height).zip(&model.orders.away) {
        let text = format!(" {} is away: {}", database.name(), plain(why));
        put(buffer, area, y, &Row::styled(text, theme.style(Tone::Bad)));
    }
    let (inside, first) = placed(model, area);
    if listed.is_empty() {
        let text = if model.orders.look != Look::Nothing {
            "  there is no order yet; `c` plays a checkout"
        } else {
            "  the databases are not there yet"
        };
        put(buffer, inside, 0, &Row::styled(text, theme.style(Tone::Quiet)));
        return;
    }
    let at = model.orders.selected.and_then(|id| listed.iter().position(|(order, _)| order.id == id)).unwrap_or(0);
    for (y, (index, (order, stuck))) in (0..inside.height).zip(listed.iter().enumerate().skip(first)) {
        put(buffer, inside, y, &one(model, order, *stuck, area.width));
        if index == at {
            buffer.set_style(
                Rect { y: inside.y + y, height: 1, ..inside }.intersection(buffer.area),
                theme.style(Tone::Selected),
            );
        }
    }
}

fn one(model: &Model, order: &Order, stuck: bool, width: u16) -> Row<'static> {
    let theme = model.theme;
    let age = ago(model.now.wall.saturating_sub(order.created));
    let (sign, sign_tone) = if stuck { (theme.pick("▲", "!"), Tone::Warning) } else { (" ", Tone::Plain) };
    let (text, tone) = place(model, order, stuck);
    let mut spans = vec![
        Span::styled(format!(" {sign} "), theme.style(sign_tone)),
        Span::raw(fit_right(&order.id.to_string(), if width >= WHOLE { 8 } else { 6 }, theme.ascii)),
    ];
    if width >= WHOLE {
        spans.extend([Span::raw("  "), status(theme, &order.status, 16)]);
    }
    spans.push(Span::raw(fit_right(&age, if width >= WHOLE { 7 } else { 8 }, theme.ascii)));
    if width >= WHOLE {
        spans.push(Span::raw(fit_right(&order.cents.map(money).unwrap_or_default(), 12, theme.ascii)));
    }
    spans.push(Span::raw("  "));
    for mark in model.orders.marks(order, &model.kafka) {
        let (sign, tone) = signed(theme, mark, stuck);
        let columns = if width >= NAMED { STATION } else { 1 };
        spans.push(Span::styled(fit(sign, columns, theme.ascii), theme.style(tone)));
    }
    spans.extend([Span::raw("  "), Span::styled(text, theme.style(tone))]);
    Row::from(spans)
}

fn signed(theme: Theme, mark: Mark, stuck: bool) -> (&'static str, Tone) {
    match mark {
        Mark::Passed => (theme.pick("●", "*"), Tone::Good),
        Mark::Next if stuck => (theme.pick("▲", "!"), Tone::Warning),
        Mark::Next => (theme.pick("◐", "~"), Tone::Busy),
        Mark::Refused => (theme.pick("✗", "X"), Tone::Bad),
        Mark::Ahead => (theme.pick("·", "."), Tone::Quiet),
        Mark::Spared => ("-", Tone::Quiet),
        Mark::Unknown => ("?", Tone::Warning),
    }
}

fn status(theme: Theme, status: &str, columns: usize) -> Span<'static> {
    let tone = match status {
        "PAID" => Tone::Good,
        "PENDING" => Tone::Busy,
        "PAYMENT_FAILED" => Tone::Bad,
        _ => Tone::Quiet,
    };
    Span::styled(fit(&plain(status), columns, theme.ascii), theme.style(tone))
}

/// Cents as an amount.
fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents.unsigned_abs() % 100)
}

fn place(model: &Model, order: &Order, stuck: bool) -> (String, Tone) {
    let tone = if stuck { Tone::Warning } else { Tone::Busy };
    let with = |text: &str, Trying { error, attempts, due }: Trying| {
        let why = error.map(|error| format!(": {}", plain(&error))).unwrap_or_default();
        let tries = attempts.filter(|&tries| tries > 0).map(|tries| format!(", attempt {tries}")).unwrap_or_default();
        let next = match due {
            Some(due) if due > model.now.wall => format!(", next in {}", ago(due - model.now.wall)),
            Some(_) => ", next at once".to_owned(),
            None => String::new(),
        };
        format!("{text}{why}{tries}{next}")
    };
    let text = match model.orders.place(order, &model.kafka) {
        Place::Nothing => {
            return ("done".to_owned(), Tone::Quiet);
        }
        Place::Session => "no session yet".to_owned(),
        Place::Provider => "not paid yet".to_owned(),
        Place::Retry => "declined, not tried again".to_owned(),
        Place::Webhook(trying) => with("no webhook yet", trying),
        Place::Telling(trying) => with("order not told yet", trying),
        Place::Publishing => "event not published".to_owned(),
        Place::Recommender => "not in recommender".to_owned(),
        Place::Groups(groups) => format!("not applied by {}", plain(&groups.join(", "))),
        Place::Unseen(database) => format!("{} is away", database.name()),
    };
    (text, tone)
}

/// The order's stations, with when it passed each.
fn way(model: &Model, order: &Order, stuck: bool) -> Vec<Row<'static>> {
    let theme = model.theme;
    let payment = order.known.as_ref().and_then(|known| known.payment.as_ref());
    let published = order.events.iter().rfind(|event| event.refused.is_none()).map(|event| event.stamp);
    let when = |station| match station {
        Station::Created => Some(order.created),
        Station::Session => payment.map(|payment| payment.opened),
        Station::Paid => payment.and_then(|payment| payment.decided),
        Station::Webhook => payment.and_then(|payment| payment.heard),
        Station::Told => payment.and_then(|payment| payment.told),
        Station::Published => published,
        Station::Applied => None,
    };
    let marks = model.orders.marks(order, &model.kafka);
    let row = |(station, mark): (Station, Mark)| {
        let (sign, tone) = signed(theme, mark, stuck);
        let time = match (mark, when(station)) {
            (Mark::Passed | Mark::Refused, Some(stamp)) => {
                format!("{}  +{}", clock(stamp), ago(stamp.saturating_sub(order.created)))
            }
            (Mark::Next, _) => format!("for {}", ago(model.now.wall.saturating_sub(order.changed))),
            _ => String::new(),
        };
        let name_tone = if mark == Mark::Ahead { Tone::Quiet } else { Tone::Plain };
        Row::from(vec![
            Span::styled(format!("   {sign} "), theme.style(tone)),
            Span::styled(fit(station.name(), 22, theme.ascii), theme.style(name_tone)),
            Span::styled(time, theme.style(Tone::Quiet)),
        ])
    };
    Station::ALL.into_iter().zip(marks).map(row).collect()
}

/// What databases, events, logs and traces tell of what is opened: its way, then all of it by time.
pub(super) fn timeline(model: &Model) -> Vec<Row<'static>> {
    let theme = model.theme;
    let Some(about) = model.orders.opened else { return Vec::new() };
    let order = match about {
        Subject::Order(id) => model.orders.get(id),
        Subject::Trace(_) => None,
    };
    let mentions = model.mentions.of(about);
    let told = model.spans.as_ref().filter(|told| told.about == about && !told.lines.is_empty());
    let begin = order.map(|order| order.created).or_else(|| mentions.first().map(|line| line.stamp));
    let mut rows = head(model, about, order);
    let mut entries: Vec<(u64, Row<'static>)> = Vec::new();
    for event in order.into_iter().flat_map(|order| &order.events) {
        let place = format!("  {}/{}", event.partition, event.offset);
        let mut spans = time(theme, event.stamp, begin);
        spans.extend([
            Span::styled("  event     ", theme.style(Tone::Key)),
            Span::styled(plain(&event.kind), theme.style(Tone::Strong)),
            Span::styled(place, theme.style(Tone::Quiet)),
        ]);
        spans.extend(event.refused.iter().map(|why| Span::styled(format!("  {why}"), theme.style(Tone::Bad))));
        entries.push((event.stamp, Row::from(spans)));
    }
    let shape = crate::line::Shape {
        names: None,
        wrap: false,
        stamps: crate::log::Stamps::Off,
        search: None,
        ..model.shape(usize::from(model.size.width).saturating_sub(36).max(10))
    };
    for line in mentions {
        let hue = model.hue(&line.resource);
        let mut spans = time(theme, line.stamp, begin);
        spans.extend([Span::raw("  "), Span::styled(fit(&plain(&line.resource), 10, theme.ascii), hue)]);
        spans.extend(shape.rows(line, false, hue, false).into_iter().next().unwrap_or_default().spans);
        entries.push((line.stamp, Row::from(spans)));
    }
    entries.sort_by_key(|(stamp, _)| *stamp);
    rows.push(Row::default());
    if entries.is_empty() && order.is_none() && told.is_none() {
        rows.push(Row::styled("   nothing that was read tells of it", theme.style(Tone::Quiet)));
    }
    rows.extend(entries.into_iter().map(|(_, row)| row));
    if let Some(told) = told {
        rows.push(Row::default());
        let own = |line: &String| {
            let pieces = pieces(line).into_iter().map(|(style, text)| Span::styled(text, theme.allowed(style)));
            Row::from(pieces.collect::<Vec<_>>())
        };
        rows.extend(told.lines.iter().map(own));
    }
    rows
}

/// What it is, and of an order where it is and its way.
fn head(model: &Model, about: Subject, order: Option<&Order>) -> Vec<Row<'static>> {
    let theme = model.theme;
    let title = Span::styled(format!(" {about}  "), theme.style(Tone::Strong));
    let Some(order) = order else {
        let what = match about {
            Subject::Order(_) => "",
            Subject::Trace(_) => "of no order that is known",
        };
        return vec![Row::from(vec![title, Span::styled(what, theme.style(Tone::Quiet))])];
    };
    let stuck = model.orders.is_stuck(order, &model.kafka, model.now.wall);
    let (text, tone) = place(model, order, stuck);
    let account = order.account.map(|account| format!("of account {account}, ")).unwrap_or_default();
    let mut row = Row::from(vec![
        title,
        status(theme, &order.status, order.status.len() + 2),
        Span::raw(format!("{account}{}  ", order.cents.map(money).unwrap_or_default())),
    ]);
    let columns = usize::from(model.size.width);
    let mut rows = if row.width() + width(&text) < columns {
        row.push_span(Span::styled(text, theme.style(tone)));
        vec![row]
    } else {
        // What it waits for is what one came for: it is never cut.
        let below = folded(&text, columns.saturating_sub(4)).into_iter();
        std::iter::once(row).chain(below.map(|part| Row::styled(format!("   {part}"), theme.style(tone)))).collect()
    };
    rows.extend(way(model, order, stuck));
    rows
}

/// Broken at blanks, into parts that are as wide as that allows.
fn folded(text: &str, columns: usize) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match parts.last_mut() {
            Some(part) if width(part) + 1 + width(word) <= columns => {
                part.push(' ');
                part.push_str(word);
            }
            Some(_) | None => parts.push(word.to_owned()),
        }
    }
    parts
}

/// When it was, and how long after the beginning.
fn time(theme: Theme, stamp: u64, begin: Option<u64>) -> Vec<Span<'static>> {
    let since = begin.filter(|&begin| begin > 0).and_then(|begin| stamp.checked_sub(begin));
    let since = since.map(|since| format!("+{}", ago(since))).unwrap_or_default();
    vec![
        Span::styled(format!(" {} ", clock(stamp)), theme.style(Tone::Quiet)),
        Span::raw(fit_right(&since, 8, theme.ascii)),
    ]
}
