use serde_json::json;
use shopctl_tui::{Colours, Command, Msg, Owner, log::Answer, traces::Look};

use super::{
    desk::{Desk, options},
    sample::{self, changed, measured, up},
};

#[test]
fn the_shop_at_a_glance_in_80_columns() {
    insta::assert_snapshot!(up(Desk::new(80, 24)).picture());
}

#[test]
fn the_shop_at_a_glance_in_160_columns() {
    insta::assert_snapshot!(up(Desk::new(160, 48)).picture());
}

#[test]
fn one_glance_tells_what_is_broken() {
    let mut desk = up(Desk::new(120, 30));
    let why = json!([{"resource": "order", "detail": "crash loop: exited with 1 (3 in a row), starts again in 0.8 s", "lines": []}]);
    desk.feed(changed(
        "order",
        &[
            ("state", json!("backing-off")),
            ("ready", json!(false)),
            ("uptime", json!(null)),
            ("took", json!(null)),
            ("pid", json!(null)),
            ("restarts", json!(3)),
            ("why", why),
        ],
    ));
    desk.feed(Msg::Log(Answer::Errors(vec![("order".to_owned(), 12), ("payment".to_owned(), 1)])));
    insta::assert_snapshot!(desk.picture());
}

#[test]
fn a_wide_terminal_shows_rate_errors_and_duration_of_each_service_and_a_dash_where_nobody_asks() {
    let mut desk = measured(Desk::new(160, 48));
    assert!(desk.done().contains(&Command::Traces(Look::Rates)));
    insta::assert_snapshot!(desk.picture());
    desk.press("z<tab>");
    assert!(desk.done().contains(&Command::Traces(Look::Nothing)), "nobody sees them");

    let mut desk = measured(Desk::with(options(Owner::Attached, Colours::None, true), 140, 32));
    let text = desk.text();
    let row =
        |name: &str| text.lines().find(|line| line.starts_with(&format!(" * {name} "))).expect("a row").to_owned();
    for (name, cells) in [
        ("gateway", &["35.6", "0.0%", "122ms"][..]),
        ("order", &["0.1", "0.0%", "9.9ms"]),
        ("payment", &["4.0", "2.5%", "2.3s"]),
        ("account", &[" - ", " - ", " - "]),
    ] {
        let (row, mut at) = (row(name), 0);
        for cell in cells {
            at += row[at..].find(cell).unwrap_or_else(|| panic!("no {cell} in {row}")) + cell.trim_end().len();
        }
    }
    for nobody in ["kafka", "telemetry", "order_db"] {
        assert!(!row(nobody).contains(" - "), "{text}");
    }
    assert!(!text.contains("storefront"), "{text}");
}

#[test]
fn a_narrow_terminal_leaves_rates_out_before_all_else_and_nobody_reads_them() {
    for (columns, rows) in [(40, 10), (80, 24), (139, 40)] {
        let mut desk = measured(Desk::new(columns, rows));
        assert!(!desk.done().contains(&Command::Traces(Look::Rates)), "{columns}");
        let text = desk.text();
        assert!(!text.contains("req/s") && !text.contains("35.6"), "{text}");
        desk.feed(Msg::Resized { columns: 160, rows });
        assert!(desk.done().contains(&Command::Traces(Look::Rates)), "{columns}");
        assert!(desk.text().contains("req/s"), "{}", desk.text());
    }
}

#[test]
fn without_colours_and_with_ascii_only_the_same_is_said() {
    let mut desk = up(Desk::with(options(Owner::Attached, Colours::None, true), 80, 24));
    desk.press("<tab>k");
    let text = desk.text();
    let drawn: Vec<char> = text.chars().filter(|c| !c.is_ascii()).collect();
    // What a program wrote is its own.
    assert!(drawn.iter().all(|c| "日本注文を受け付けました📦größe".contains(*c)), "{drawn:?}");
    insta::assert_snapshot!(desk.picture());
}

#[test]
fn list_and_log_take_turns_where_there_is_no_room_for_both() {
    let mut desk = up(Desk::new(40, 10));
    let list = desk.text();
    assert!(list.contains("order") && !list.contains("following"), "{list}");
    desk.press("<enter>");
    let log = desk.text();
    assert!(log.contains("following"), "{log}");
    insta::assert_snapshot!(format!("{list}\n\n{log}"));
}

#[test]
fn a_paused_search_says_where_it_is_and_how_much_is_new() {
    let mut desk = up(Desk::new(120, 24));
    desk.press("<tab>/broker<enter>");
    desk.feed(Msg::Log(Answer::Found {
        epoch: 1,
        stamp: Some(sample::lines()[5].stamp),
        direction: shopctl_tui::log::Direction::Older,
    }));
    desk.feed(Msg::Log(Answer::Counted { epoch: 1, pattern: "(?i)broker".to_owned(), count: 1234, before: 11 }));
    let fresh = vec![sample::line(9_000_000, "order", None, "fresh")];
    desk.feed(Msg::Log(Answer::Written { epoch: 1, lines: fresh, count: 1, skipped: false }));
    desk.press("t");
    let text = desk.text();
    assert!(text.contains("/broker 12 of 1,234") && text.contains("1 new lines"), "{text}");
    insta::assert_snapshot!(desk.picture());
}

#[test]
fn a_line_is_opened_with_all_its_fields_and_long_ones_are_wrapped() {
    let mut desk = up(Desk::new(120, 30));
    desk.press("<tab>w<up><enter>");
    insta::assert_snapshot!(desk.text());
}
