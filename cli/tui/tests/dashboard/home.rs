use serde_json::json;
use shopctl_tui::{Colours, Msg, Owner, log::Answer};

use super::{
    desk::{Desk, options},
    sample::{self, changed, up},
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
