use serde_json::json;
use shopctl_tui::{Command, Msg, Owner};

use super::{
    desk::{Desk, options},
    sample::{self, Phase, changed, edges, snapshot, update},
};

fn booting(columns: u16, rows: u16) -> Desk {
    let mut desk = Desk::new(columns, rows);
    desk.feed(edges());
    desk.feed(snapshot(Phase::Booting(0.4)));
    desk.feed(update(json!({"update": "progress", "resource": "build", "progress": {"done": 120, "total": 400, "unit": "crates", "message": "order"}})));
    desk
}

#[test]
fn the_first_frame_is_there_before_anything_is_known() {
    let mut desk = Desk::new(80, 24);
    desk.feed(Msg::Note("infrastructure: embedded, as processes of this machine".to_owned()));
    insta::assert_snapshot!(desk.text());
}

#[test]
fn the_graph_comes_up_with_builds_at_work_in_80_columns() {
    insta::assert_snapshot!(booting(80, 24).picture());
}

#[test]
fn the_graph_comes_up_with_builds_at_work_in_160_columns() {
    insta::assert_snapshot!(booting(160, 48).picture());
}

#[test]
fn a_boot_that_is_over_shows_where_its_time_went() {
    let mut desk = sample::up(Desk::new(120, 30));
    desk.press("7");
    let text = desk.text();
    assert!(text.contains("critical path: "), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_view_follows_the_boot_until_somebody_chooses_another() {
    let mut desk = booting(80, 24);
    assert!(desk.text().contains("120/400 crates order"));
    desk.feed(update(json!({"update": "booted", "outcome": {"outcome": "ready"}})));
    assert!(desk.text().contains("all resources"));
    let mut desk = booting(80, 24);
    desk.press("6");
    desk.feed(update(json!({"update": "booted", "outcome": {"outcome": "ready"}})));
    assert!(!desk.text().contains("all resources"));
}

fn failed(owner: Owner, columns: u16, rows: u16) -> Desk {
    let mut desk = Desk::with(options(owner, shopctl_tui::Colours::Sixteen, false), columns, rows);
    desk.feed(edges());
    desk.feed(snapshot(Phase::Booting(0.9)));
    desk.press("1");
    desk.feed(update(json!({"update": "booted", "outcome": {
        "outcome": "failed", "resource": "order-migrate", "why": "exited with 7", "causes": [
            {"resource": "order-migrate", "detail": "exited with 7, 0.0 s ago", "lines": ["no such table: \u{1b}[31morders\u{1b}[0m", "\u{1b}[2J"]},
        ]}})));
    desk.feed(update(json!({"update": "stopping", "why": "the boot failed", "asked": false})));
    desk
}

#[test]
fn a_boot_that_fails_shows_why_and_stays_until_somebody_leaves() {
    let mut desk = failed(Owner::Up, 100, 24);
    desk.feed(changed("account", &[("state", json!("stopped")), ("ready", json!(false))]));
    assert!(desk.text().contains("everything is being stopped"));
    desk.feed(update(json!({"update": "down"})));
    assert!(!desk.model.quits());
    insta::assert_snapshot!(desk.picture());
    desk.done();
    desk.press("q");
    assert_eq!(desk.done(), [Command::Quit]);
}

#[test]
fn leaving_a_failed_boot_early_waits_until_all_is_stopped() {
    let mut desk = failed(Owner::Up, 100, 24);
    desk.done();
    desk.press("q");
    assert_eq!(desk.done(), []);
    desk.feed(update(json!({"update": "down"})));
    assert_eq!(desk.done(), [Command::Quit]);
}

#[test]
fn whatever_is_not_ready_is_told_with_its_root_cause() {
    for (columns, rows) in [(80, 24), (160, 48)] {
        let mut desk = sample::up(Desk::new(columns, rows));
        let root = json!({"resource": "order_db", "detail": "was ready, but not for 3.2 s now: connection refused", "lines": ["FATAL: out of disk"]});
        desk.feed(changed("order_db", &[("state", json!("unready")), ("ready", json!(false)), ("why", json!([root]))]));
        desk.feed(changed(
            "order",
            &[
                ("state", json!("unready")),
                ("ready", json!(false)),
                ("why", json!([{"resource": "order", "detail": "waits for order_db", "lines": []}, root])),
            ],
        ));
        desk.feed(changed("product", &[("faults", json!(["paused"]))]));
        let text = desk.text();
        assert!(text.contains("order_db: was ready, but not for 3.2 s now"), "what nobody meant comes first: {text}");
        desk.press("6");
        insta::assert_snapshot!(format!("why-{columns}x{rows}"), desk.picture());
    }
}
