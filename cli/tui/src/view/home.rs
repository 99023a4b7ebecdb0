//! Resources and logs.

mod asked;

use std::time::Duration;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line as Row, Span},
};
use shopctl_protocol::Resource;

use asked::Asked;

use super::{layout, put};
use crate::{
    log::Source,
    model::{Focus, GROUPS, Model},
    text::{cut, fit, fit_right, grouped, plain, width},
    theme::Tone,
};

/// What stands in a row of the list.
enum Entry<'a> {
    All,
    Group(&'static str),
    Resource(&'a Resource),
}

pub(super) fn view(model: &Model, buffer: &mut Buffer) {
    let areas = layout::home(model);
    if let Some(area) = areas.list {
        list(model, buffer, area);
        if areas.log.is_some() {
            let bar = model.theme.pick("│", "|");
            let body = layout::body(model);
            for y in body.top()..body.bottom() {
                buffer.set_string(area.right(), y, bar, model.theme.style(Tone::Quiet));
            }
        }
    }
    if let Some(area) = areas.log {
        log(model, buffer, area);
    }
}

fn entries(model: &Model) -> Vec<Entry<'_>> {
    let mut entries = vec![Entry::All];
    for (group, kinds) in GROUPS {
        let resources: Vec<&str> = model.of_kinds(kinds).collect();
        if !resources.is_empty() {
            entries.push(Entry::Group(group));
            entries.extend(resources.into_iter().filter_map(|name| model.shop.resource(name)).map(Entry::Resource));
        }
    }
    entries
}

fn is_selected(model: &Model, entry: &Entry<'_>) -> bool {
    match entry {
        Entry::All => model.selected.is_none(),
        Entry::Group(_) => false,
        Entry::Resource(resource) => model.selected.as_ref() == Some(&resource.name),
    }
}

/// How many entries are above the first row.
fn skipped(model: &Model, entries: &[Entry<'_>], height: usize) -> usize {
    let selected = entries.iter().position(|entry| is_selected(model, entry)).unwrap_or_default();
    let ahead = (height / 4).max(1);
    (selected + ahead + 1).saturating_sub(height).min(entries.len().saturating_sub(height))
}

/// What a click on this row of the list selects.
pub(crate) fn list_entry(model: &Model, area: Rect, row: u16) -> Option<Option<String>> {
    let entries = entries(model);
    let skipped = skipped(model, &entries, usize::from(area.height));
    match entries.get(skipped + usize::from(row))? {
        Entry::All => Some(None),
        Entry::Group(_) => None,
        Entry::Resource(resource) => Some(Some(resource.name.clone())),
    }
}

fn list(model: &Model, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let columns = Columns::of(model, area.width);
    let title = Rect { y: area.y - 1, height: 1, ..area };
    put(buffer, title, 0, &Row::styled(columns.head(model), theme.style(Tone::Quiet)));
    let entries = entries(model);
    let skipped = skipped(model, &entries, usize::from(area.height));
    for (y, entry) in (0..area.height).zip(entries.iter().skip(skipped)) {
        let row = match entry {
            Entry::All => {
                let errors: u64 = model.shop.errors.values().sum();
                columns.row(model, (theme.pick("≡", "="), Tone::Plain), "all", Style::new(), None, errors)
            }
            Entry::Group(name) => Row::styled(format!(" {name}"), theme.style(Tone::Quiet)),
            Entry::Resource(resource) => {
                let errors = model.shop.errors.get(&resource.name).copied().unwrap_or_default();
                let sign = theme.state(&resource.state);
                columns.row(model, sign, &resource.name, model.hue(&resource.name), Some(resource), errors)
            }
        };
        put(buffer, area, y, &row);
        if is_selected(model, entry) {
            let has_keys = model.focus == Focus::List;
            let tone = if has_keys { Tone::Selected } else { Tone::SelectedElsewhere };
            buffer.set_style(Rect { y: area.y + y, height: 1, ..area }, theme.style(tone));
        }
    }
    if model.shop.snapshot.is_none() {
        let notes = model.notes.iter().rev().take(usize::from(area.height.saturating_sub(2))).rev();
        for (y, note) in (2..area.height).zip(notes) {
            put(buffer, area, y, &Row::styled(format!(" {note}"), theme.style(Tone::Quiet)));
        }
    }
}

/// Which columns the list has, by the room for them.
struct Columns {
    name: usize,
    state: usize,
    uptime: usize,
    restarts: usize,
    requests: usize,
    failed: usize,
    p99: usize,
    cpu: usize,
    memory: usize,
    curve: usize,
    errors: usize,
    is_narrow: bool,
}

impl Columns {
    fn of(model: &Model, width: u16) -> Self {
        let longest = model.shop.resources().iter().map(|resource| resource.name.len()).max().unwrap_or(8);
        let mut columns = Self {
            name: 0,
            state: 0,
            uptime: 0,
            restarts: 0,
            requests: 0,
            failed: 0,
            p99: 0,
            cpu: 0,
            memory: 0,
            curve: 0,
            errors: 5,
            is_narrow: false,
        };
        // Sign, blanks around it, and the errors at the end.
        let mut room = usize::from(width).saturating_sub(3 + 5);
        columns.is_narrow = room < 40;
        let mut take = |wanted: usize, least: usize| {
            let given = if room >= least { wanted.min(room) } else { 0 };
            room -= given;
            given
        };
        // Where there is little room, state and uptime share a column, and a glance at the curves is worth more than
        // whole names.
        columns.name = take(longest.clamp(6, if columns.is_narrow { 13 } else { 16 }), 4);
        columns.state = take(if columns.is_narrow { 9 } else { 12 }, 6);
        columns.uptime = if columns.is_narrow { 0 } else { take(7, 7) };
        columns.curve = take(7, 4);
        columns.cpu = take(6, 6);
        columns.memory = take(6, 6);
        columns.restarts = take(4, 4);
        if layout::has_rates(model) {
            columns.requests = take(7, 7);
            columns.failed = take(6, 6);
            columns.p99 = take(7, 7);
        }
        columns.curve += take(12, 1);
        columns
    }

    fn head(&self, model: &Model) -> String {
        let ascii = model.theme.ascii;
        [
            fit("   resource", 3 + self.name, ascii),
            fit(" state", self.state, ascii),
            fit_right("up", self.uptime, ascii),
            fit_right("req/s", self.requests, ascii),
            fit_right("fail", self.failed, ascii),
            fit_right("p99", self.p99, ascii),
            fit_right("cpu", self.cpu, ascii),
            fit_right("mem", self.memory, ascii),
            fit_right("rst", self.restarts, ascii),
            fit(if self.curve < 10 { " log" } else { " log rate" }, self.curve, ascii),
            fit_right("err", self.errors, ascii),
        ]
        .concat()
    }

    fn row(
        &self,
        model: &Model,
        (sign, tone): (&'static str, Tone),
        name: &str,
        hue: Style,
        resource: Option<&Resource>,
        errors: u64,
    ) -> Row<'static> {
        let theme = model.theme;
        let ascii = theme.ascii;
        let usage = model.shop.usage.get(name);
        let figure = usage.and_then(|usage| usage.figure.as_ref());
        let runs = resource.is_some_and(|resource| resource.pid.is_some());
        let state = resource.map_or("", |resource| resource.state.as_str());
        let uptime = resource.and_then(|resource| model.shop.uptime(resource, model.now.since)).map(age);
        let uptime = uptime.or_else(|| resource.and_then(|resource| resource.took).map(|took| format!("{took:.1}s")));
        // What is broken on purpose stands before all else: nobody shall look for its cause.
        let fault = resource.and_then(|resource| resource.faults.first());
        let tone = if fault.is_some() { Tone::Warning } else { tone };
        let state_word = match (fault, resource) {
            (Some(fault), _) => fault.as_str(),
            (None, Some(resource)) if resource.external => "external",
            (None, Some(resource)) if self.is_narrow && resource.ready => uptime.as_deref().unwrap_or_default(),
            (None, Some(_) | None) => state,
        };
        let state_word = fit(&format!(" {state_word}"), self.state, ascii);
        let cpu = figure.filter(|_| runs).and_then(|figure| figure.cpu).map(percent);
        let memory = figure.filter(|_| runs).and_then(|figure| figure.memory).map(size);
        let restarts = resource.map(|resource| resource.restarts).filter(|&restarts| restarts > 0);
        let rates = usage.map(|usage| usage.rates.iter().copied());
        let curve = rates.map(|rates| theme.spark(rates, self.curve.saturating_sub(1)));
        let count = (errors > 0).then(|| format!("{}{}", theme.pick("✗", "E"), short(errors)));
        let restarts_tone = if restarts.is_some() { Tone::Warning } else { Tone::Plain };
        let blank = String::new;
        let asked = Asked::of(model, resource);
        let [requests, failed, p99] = asked.cells();
        let asked_tone = asked.tone();
        Row::from(vec![
            Span::styled(format!(" {sign} "), theme.style(tone)),
            Span::styled(fit(&plain(name), self.name, ascii), hue),
            Span::styled(state_word, theme.style(if tone == Tone::Good { Tone::Plain } else { tone })),
            Span::raw(fit_right(&uptime.unwrap_or_else(blank), self.uptime, ascii)),
            Span::styled(fit_right(&requests, self.requests, ascii), theme.style(asked_tone)),
            Span::styled(fit_right(&failed, self.failed, ascii), theme.style(asked.failed_tone())),
            Span::styled(fit_right(&p99, self.p99, ascii), theme.style(asked_tone)),
            Span::raw(fit_right(&cpu.unwrap_or_else(blank), self.cpu, ascii)),
            Span::raw(fit_right(&memory.unwrap_or_else(blank), self.memory, ascii)),
            Span::styled(
                fit_right(&restarts.map_or_else(blank, |restarts| restarts.to_string()), self.restarts, ascii),
                theme.style(restarts_tone),
            ),
            Span::styled(fit(&format!(" {}", curve.unwrap_or_else(blank)), self.curve, ascii), theme.style(Tone::Busy)),
            Span::styled(fit_right(&count.unwrap_or_else(blank), self.errors, ascii), theme.style(Tone::Bad)),
        ])
    }
}

/// Seconds in one or two units, in few columns.
pub(super) fn age(seconds: f64) -> String {
    let seconds = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        86_400.. => format!("{}d", seconds / 86_400),
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 10.0 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{}K", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{}M", bytes >> 20),
        0x4000_0000.. => format!("{:.1}G", bytes as f64 / f64::from(1 << 30)),
    }
}

fn short(count: u64) -> String {
    match count {
        0..1000 => count.to_string(),
        1000..1_000_000 => format!("{}k", count / 1000),
        1_000_000.. => "1M+".to_owned(),
    }
}

fn log(model: &Model, buffer: &mut Buffer, area: Rect) {
    let title = Rect { y: area.y - 1, height: 1, ..area };
    put(buffer, title, 0, &log_title(model, usize::from(area.width)));
    if model.log.is_empty() {
        let text = match (&model.log.source, model.log.opening) {
            (_, true) => return,
            _ if model.shop.snapshot.is_none() => "",
            _ if model.log.about.is_some() => "nobody has written anything about it (Esc goes back)",
            _ if model.log.filter != crate::log::Filter::default() => "nothing passes the filter (Esc removes it)",
            (Source::All, false) => "nothing has been written yet",
            (Source::One(_), false) => "it has written nothing yet",
        };
        put(buffer, area, 0, &Row::styled(format!("  {text}"), model.theme.style(Tone::Quiet)));
        return;
    }
    let shape = model.shape(usize::from(area.width));
    let (from, to) = model.log.selection();
    let mut y = 0;
    for (number, line) in model.log.from(model.log.top) {
        let is_here = number == model.log.cursor;
        let opened = model.log.opened.contains(&line.stamp);
        for row in shape.rows(line, opened, model.hue(&line.resource), is_here) {
            put(buffer, area, y, &row);
            let is_marked = model.log.mark.is_some() && (from..=to).contains(&number);
            let is_shown = is_here && model.focus == Focus::Log && !model.log.follow;
            if is_marked || is_shown {
                buffer.set_style(
                    Rect { y: area.y + y, height: 1, ..area }.intersection(buffer.area),
                    model.theme.style(Tone::Selected),
                );
            }
            y += 1;
            if y >= area.height {
                return;
            }
        }
    }
}

/// Whose log it is, what is shown of it, and whether it goes on.
fn log_title(model: &Model, columns: usize) -> Row<'static> {
    let theme = model.theme;
    let log = &model.log;
    let whose = match &log.source {
        Source::All => "all resources".to_owned(),
        Source::One(name) => plain(name),
    };
    let (sign, state) = if log.follow {
        (theme.pick("▼", "v"), "following".to_owned())
    } else if log.fresh > 0 {
        (theme.pick("‖", "="), format!("{} new lines", grouped(log.fresh)))
    } else {
        (theme.pick("‖", "="), "paused".to_owned())
    };
    let mut middle = Vec::new();
    middle.extend(match (log.about, &log.filter.only) {
        (Some(about), Some(_)) => Some(format!("&{about}")),
        (None, Some(only)) => Some(format!("&{}", plain(only.trim_start_matches("(?i)")))),
        (_, None) => None,
    });
    middle.extend(log.filter.level.map(|level| format!("level {}", level.name())));
    if let Some(search) = &log.search {
        let count = match search.count {
            Some((count, at)) => format!(" {} of {}", grouped(at.min(count)), grouped(count)),
            None if log.finding => format!(" {}", theme.pick("…", "...")),
            None => String::new(),
        };
        middle.push(format!("/{}{count}", plain(&search.pattern)));
    }
    if log.mark.is_some() {
        let (from, to) = log.selection();
        middle.push(format!("{} marked", to - from + 1));
    }
    let error = model.shop.resource(&whose).and_then(|resource| resource.log_error.as_deref());
    let tone = if log.follow { Tone::Good } else { Tone::Warning };
    let right = format!("{sign} {state} ");
    let room = columns.saturating_sub(width(&right) + 1);
    let left = format!(" {whose}  {}", middle.join("  "));
    let left = error.map_or(left, |error| format!(" {whose}: {}", plain(error)));
    let left = fit(&cut(&left, room, theme.ascii), room + 1, theme.ascii);
    let strong = if model.focus == Focus::Log { Tone::Strong } else { Tone::Quiet };
    Row::from(vec![Span::styled(left, theme.style(strong)), Span::styled(right, theme.style(tone))])
}
