//! One log line on the screen: the JSON of our services folded into what people read, or opened with all its fields.

use ratatui::{
    style::Style,
    text::{Line as Row, Span},
};
use regex::Regex;
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::{
    log::{Level, Line, Stamps},
    text::{self, pieces, width},
    theme::{Theme, Tone},
};

/// Columns that the rest of a wrapped line is moved to the right.
const INDENT: usize = 2;
/// Digits of a trace's id that tell it from others on a screen.
const ID: usize = 8;
/// Rows of one wrapped line: more of it is only seen in the file.
const ROWS: usize = 200;

/// How lines are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) theme: Theme,
    pub(crate) columns: usize,
    pub(crate) wrap: bool,
    pub(crate) stamps: Stamps,
    /// Columns of the resources' names, where there are several.
    pub(crate) names: Option<usize>,
    pub(crate) search: Option<&'a Regex>,
    /// Nanoseconds since 1970.
    pub(crate) wall: u64,
}

type Piece = (Style, String);

impl Shape<'_> {
    /// How many rows a line takes.
    pub(crate) fn height(&self, line: &Line, opened: bool) -> usize {
        if !self.wrap && !opened {
            return 1;
        }
        let room = self.columns.saturating_sub(self.gutter_width()).max(1);
        let bodies = self.bodies(line, opened);
        let rows = bodies.iter().map(|body| self.broken(body, room).len()).sum::<usize>();
        rows.clamp(1, ROWS)
    }

    /// The rows of a line; `hue` is that of its resource.
    pub(crate) fn rows(&self, line: &Line, opened: bool, hue: Style, here: bool) -> Vec<Row<'static>> {
        let gutter = self.gutter(line, hue);
        let indent = self.gutter_width();
        let room = self.columns.saturating_sub(indent).max(1);
        let mut rows = Vec::new();
        for body in self.bodies(line, opened) {
            let body = self.marked(body, here);
            for pieces in self.broken(&body, room) {
                let mut spans: Vec<Span<'static>> = if rows.is_empty() {
                    gutter.iter().map(|(style, text)| Span::styled(text.clone(), *style)).collect()
                } else {
                    vec![Span::raw(" ".repeat(indent))]
                };
                spans.extend(pieces.into_iter().map(|(style, text)| Span::styled(text, style)));
                rows.push(Row::from(spans));
                if rows.len() == ROWS {
                    return rows;
                }
            }
        }
        rows
    }

    fn gutter_width(&self) -> usize {
        let stamps = match self.stamps {
            Stamps::Off => 0,
            Stamps::Absolute => 13,
            Stamps::Relative => 8,
        };
        2 + stamps + self.names.map_or(0, |columns| columns + 1)
    }

    /// What stands before a line: its level's sign, its time, whose it is.
    fn gutter(&self, line: &Line, hue: Style) -> Vec<Piece> {
        let (sign, tone) = match line.level {
            Some(Level::Error) => (self.theme.pick("✗ ", "E "), Tone::Bad),
            Some(Level::Warn) => (self.theme.pick("▲ ", "W "), Tone::Warning),
            Some(Level::Info | Level::Debug | Level::Trace) | None => ("  ", Tone::Plain),
        };
        let mut gutter = vec![(self.theme.style(tone), sign.to_owned())];
        let stamp = match self.stamps {
            Stamps::Off => None,
            Stamps::Absolute => Some(clock(line.stamp)),
            Stamps::Relative => Some(format!("{:>7}", ago(self.wall.saturating_sub(line.stamp)))),
        };
        gutter.extend(stamp.map(|stamp| (self.theme.style(Tone::Quiet), stamp + " ")));
        if let Some(columns) = self.names {
            gutter.push((hue, text::fit(&text::plain(&line.resource), columns, self.theme.ascii) + " "));
        }
        gutter
    }

    /// The text of a line: one, or several if it is opened.
    fn bodies(&self, line: &Line, opened: bool) -> Vec<Vec<Piece>> {
        // Where a line is cut, the whole id of its trace would leave no room for what it says.
        let is_brief = !self.wrap && !opened && self.search.is_none();
        let brief = |(style, text): Piece| (style, if is_brief { self.without_ids(text) } else { text });
        let Some(fields) = fields(&line.text) else {
            let own = pieces(timeless(&line.text)).into_iter().map(|(style, text)| (self.theme.allowed(style), text));
            return vec![own.map(brief).collect()];
        };
        let mut bodies = vec![self.folded(fields).into_iter().map(brief).collect::<Vec<_>>()];
        if opened && let Ok(value) = serde_json::from_str::<Value>(&line.text) {
            let pretty = serde_json::to_string_pretty(&value).unwrap_or_default();
            bodies.extend(pretty.lines().map(|line| vec![(self.theme.style(Tone::Quiet), text::plain(line))]));
        }
        bodies
    }

    /// A text with only the beginning of the first trace's id in it.
    fn without_ids(&self, text: String) -> String {
        const KEY: &str = "trace_id=";
        let Some(begin) = text.find(KEY).map(|at| at + KEY.len()) else { return text };
        let digits = text[begin..].bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits <= ID {
            return text;
        }
        format!("{}{}{}", &text[..begin + ID], self.theme.pick("…", "~"), &text[begin + digits..])
    }

    /// Level, spans, target, message and fields of a service's line.
    fn folded(&self, mut fields: Map<String, Value>) -> Vec<Piece> {
        let quiet = self.theme.style(Tone::Quiet);
        let mut take = |name: &str| fields.remove(name);
        // The time is in front of the line, if it is wanted; `span` is the last of the spans.
        let (_, level, _) = (take("timestamp"), take("level"), take("span"));
        let (message, target, spans) = (take("message"), take("target"), take("spans"));
        let level = level.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let tone = match level.as_str() {
            "ERROR" => Tone::Bad,
            "WARN" => Tone::Warning,
            "INFO" => Tone::Good,
            _ => Tone::Busy,
        };
        let mut pieces = vec![(self.theme.style(tone), format!("{:<5} ", text::plain(&level)))];
        if let Some(Value::Array(spans)) = spans {
            for span in &spans {
                let Value::Object(span) = span else { continue };
                let name = span.get("name").map(short).unwrap_or_default();
                let fields: Vec<String> =
                    span.iter().filter(|(name, _)| *name != "name").map(|(name, value)| pair(name, value)).collect();
                let fields = if fields.is_empty() { String::new() } else { format!("{{{}}}", fields.join(" ")) };
                pieces.push((quiet, format!("{name}{fields}: ")));
            }
        }
        if let Some(Value::String(target)) = target {
            pieces.push((quiet, text::plain(&target) + ": "));
        }
        let message = message.map(|message| short(&message)).unwrap_or_default();
        let message = if fields.is_empty() || message.is_empty() { message } else { message + " " };
        pieces.push((Style::new(), message));
        let fields: Vec<String> = fields.iter().map(|(name, value)| pair(name, value)).collect();
        pieces.push((quiet, fields.join(" ")));
        pieces.retain(|(_, text)| !text.is_empty());
        pieces
    }

    /// With the matches of the search.
    fn marked(&self, body: Vec<Piece>, here: bool) -> Vec<Piece> {
        let Some(search) = self.search else { return body };
        let whole: String = body.iter().map(|(_, text)| text.as_str()).collect();
        let matches: Vec<_> =
            search.find_iter(&whole).filter(|found| !found.is_empty()).map(|found| found.range()).collect();
        if matches.is_empty() {
            return body;
        }
        let style = self.theme.style(if here { Tone::MatchHere } else { Tone::Match });
        let mut marked = Vec::new();
        let mut offset = 0;
        for (own, text) in body {
            let end = offset + text.len();
            let mut at = offset;
            for range in matches.iter().filter(|range| range.start < end && range.end > offset) {
                let (from, to) = (range.start.max(offset), range.end.min(end));
                marked.push((own, text[at - offset..from - offset].to_owned()));
                marked.push((own.patch(style), text[from - offset..to - offset].to_owned()));
                at = to;
            }
            marked.push((own, text[at - offset..].to_owned()));
            offset = end;
        }
        marked.retain(|(_, text)| !text.is_empty());
        marked
    }

    /// A text in rows of so many columns; one, cut, unless it is to be wrapped.
    fn broken(&self, body: &[Piece], room: usize) -> Vec<Vec<Piece>> {
        let (mut rows, mut row, mut used) = (Vec::new(), Vec::new(), 0);
        for (style, text) in body {
            let mut piece = String::new();
            for grapheme in text.graphemes(true) {
                let more = width(grapheme);
                if used + more > room {
                    if !self.wrap {
                        row.push((*style, piece));
                        return vec![self.cut_off(row, room)];
                    }
                    row.push((*style, std::mem::take(&mut piece)));
                    rows.push(std::mem::take(&mut row));
                    if rows.len() == ROWS {
                        return rows;
                    }
                    let indent = INDENT.min(room.saturating_sub(2));
                    row.push((Style::new(), " ".repeat(indent)));
                    used = indent;
                }
                piece.push_str(grapheme);
                used += more;
            }
            if !piece.is_empty() {
                row.push((*style, piece));
            }
        }
        rows.push(row);
        rows
    }

    fn cut_off(&self, mut row: Vec<Piece>, room: usize) -> Vec<Piece> {
        let whole: usize = row.iter().map(|(_, text)| width(text)).sum();
        if whole >= room
            && let Some((_, last)) = row.iter_mut().rev().find(|(_, text)| !text.is_empty())
        {
            let columns = width(last);
            *last = text::cut(&format!("{last}  "), columns, self.theme.ascii).into_owned();
        }
        row
    }
}

/// The fields of a line that is one of our services' events.
fn fields(line: &str) -> Option<Map<String, Value>> {
    if !line.starts_with('{') {
        return None;
    }
    let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
    (fields.contains_key("level") && fields.contains_key("timestamp")).then_some(fields)
}

/// A line without the time that it begins with: `2026-11-27T01:53:01.123456Z  INFO …`. The time is in front of the line, if
/// it is wanted.
fn timeless(line: &str) -> &str {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let is_time = line.len() > SHAPE.len()
        && line.bytes().zip(SHAPE).all(|(byte, &shape)| byte == shape || shape == b'0' && byte.is_ascii_digit());
    let rest = is_time.then(|| line[SHAPE.len()..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()));
    rest.and_then(|rest| rest.strip_prefix('Z')).map_or(line, str::trim_start)
}

/// Whether there is more to a line than is shown.
pub(crate) fn can_be_opened(line: &str) -> bool {
    fields(line).is_some()
}

fn pair(name: &str, value: &Value) -> String {
    format!("{}={}", text::plain(name), short(value))
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text::plain(text),
        other => text::plain(&other.to_string()),
    }
}

/// Wall-clock time in UTC, in milliseconds.
pub(crate) fn clock(stamp: u64) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
    let time = OffsetDateTime::from_unix_timestamp_nanos(stamp.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(FORMAT).unwrap_or_default()
}

/// Nanoseconds as people say them, in one unit.
pub(crate) fn ago(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds / 1_000_000;
    match milliseconds {
        0..1000 => format!("{milliseconds}ms"),
        1000..60_000 => format!("{:.1}s", milliseconds as f64 / 1000.0),
        60_000..3_600_000 => format!("{}m{:02}s", milliseconds / 60_000, milliseconds / 1000 % 60),
        3_600_000..86_400_000 => format!("{}h{:02}m", milliseconds / 3_600_000, milliseconds / 60_000 % 60),
        86_400_000.. => format!("{}d", milliseconds / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Colours, Options, Owner};

    const EVENT: &str = r#"{"timestamp":"2026-11-27T01:53:01Z","level":"INFO","message":"answered","status":200,"target":"http","span":{"name":"b"},"spans":[{"name":"a","route":"/x"},{"name":"b"}]}"#;

    fn shape(columns: usize, wrap: bool) -> Shape<'static> {
        let options = Options { instance: String::new(), owner: Owner::Up, colours: Colours::Sixteen, ascii: false };
        let theme = Theme::new(&options);
        Shape { theme, columns, wrap, stamps: Stamps::Off, names: None, search: None, wall: 0 }
    }

    fn line(text: &str) -> Line {
        Line { stamp: 0, resource: "order".into(), level: None, text: text.to_owned() }
    }

    fn shown(shape: &Shape<'_>, line: &Line, opened: bool) -> Vec<String> {
        let rows = shape.rows(line, opened, Style::new(), false);
        assert_eq!(rows.len(), shape.height(line, opened), "the height is that of the rows");
        rows.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn json_is_folded_and_opened() {
        assert_eq!(
            shown(&shape(80, false), &line(EVENT), false),
            ["  INFO  a{route=/x}: b: http: answered status=200"]
        );
        let opened = shown(&shape(80, false), &line(EVENT), true);
        assert!(opened.len() > 10 && opened.iter().any(|row| row.contains(r#""route": "/x""#)), "{opened:?}");
    }

    #[test]
    fn a_line_that_is_cut_has_only_the_beginning_of_its_traces_id() {
        let text = "INFO http{trace_id=15efc6a02e5040aa4776ee6f8c823b35}: answered status=200";
        let cut = ["  INFO http{trace_id=15efc6a0…}: answered status=200"];
        assert_eq!(shown(&shape(80, false), &line(text), false), cut);
        assert_eq!(shown(&shape(80, true), &line(text), false), [format!("  {text}")]);
        let regex = Regex::new("776ee").expect("a pattern");
        let searched = Shape { search: Some(&regex), ..shape(80, false) };
        assert_eq!(shown(&searched, &line(text), false), [format!("  {text}")], "a match is seen");
    }

    #[test]
    fn the_time_that_a_line_begins_with_takes_no_room() {
        for (line, rest) in [
            ("2026-11-27T01:53:01.123456Z  INFO order: up", "INFO order: up"),
            ("2026-11-27T01:53:01Z x", "x"),
            ("2026-11-27 01:53:01.123 UTC [7] LOG:  ready", "2026-11-27 01:53:01.123 UTC [7] LOG:  ready"),
            ("2026-11-27T01:53:01", "2026-11-27T01:53:01"),
            ("2026-11-27T01:53:01日Z", "2026-11-27T01:53:01日Z"),
        ] {
            assert_eq!(timeless(line), rest);
        }
    }

    #[test]
    fn long_lines_are_cut_or_wrapped_by_columns() {
        assert_eq!(shown(&shape(8, false), &line("日本語の文"), false), ["  日本…"]);
        assert_eq!(shown(&shape(8, true), &line("日本語の文"), false), ["  日本語", "    の文"]);
        assert_eq!(shown(&shape(8, true), &line(""), false), ["  "]);
        assert_eq!(shown(&shape(8, false), &line("123456"), false), ["  123456"]);
        assert_eq!(shown(&shape(8, false), &line("1234567"), false), ["  12345…"]);
    }

    #[test]
    fn matches_are_marked_across_colours() {
        let regex = Regex::new("bc").expect("a pattern");
        let shape = Shape { search: Some(&regex), ..shape(20, false) };
        let rows = shape.rows(&line("ab\x1b[31mcd"), false, Style::new(), false);
        let marked: Vec<&str> =
            rows[0].spans.iter().filter(|span| span.style.bg.is_some()).map(|span| span.content.as_ref()).collect();
        assert_eq!(marked, ["b", "c"]);
    }

    #[test]
    fn ages_have_one_unit() {
        let ages = [5, 1500, 61_000, 3_700_000, 90_000_000].map(|ms| ago(ms * 1_000_000));
        assert_eq!(ages, ["5ms", "1.5s", "1m01s", "1h01m", "1d"]);
    }
}
