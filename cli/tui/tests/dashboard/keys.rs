use serde_json::json;
use shopctl_protocol::{Action, StopMode};
use shopctl_tui::{
    Command, Level, Msg, Owner, checkout,
    log::{Answer, Direction, Filter, Request, Source, Wanted},
};

use super::{
    desk::{Desk, options},
    sample::{self, up, update},
};

fn attached() -> Desk {
    let mut desk = up(Desk::with(options(Owner::Attached, shopctl_tui::Colours::Sixteen, false), 120, 30));
    desk.done();
    desk
}

fn owned() -> Desk {
    let mut desk = up(Desk::new(120, 30));
    desk.done();
    desk
}

/// The log that was asked for last.
fn opened(desk: &mut Desk) -> (Source, Filter) {
    let mut found = desk.done().into_iter().filter_map(|command| match command {
        Command::Log(Request::Open { source, filter, .. }) => Some((source, filter)),
        _ => None,
    });
    found.next_back().expect("a log was opened")
}

#[test]
fn leaving_an_attached_dashboard_leaves_the_shop_alone() {
    for keys in ["q", "<C-c>"] {
        let mut desk = attached();
        desk.press(keys);
        assert_eq!(desk.done(), [Command::Quit], "{keys}");
        assert!(desk.model.quits());
    }
}

#[test]
fn leaving_that_of_up_asks_whether_to_stop_or_to_leave_it_running() {
    let mut desk = owned();
    desk.press("q");
    assert_eq!(desk.done(), []);
    insta::assert_snapshot!(desk.text());
    desk.press("<esc>");
    assert!(!desk.model.quits());
    desk.press("ql");
    assert_eq!(desk.done(), [Command::Release, Command::Quit]);

    let mut desk = owned();
    desk.press("qs");
    assert_eq!(desk.done(), [Command::Stop(StopMode::Orderly)]);
    assert!(!desk.model.quits(), "not before all is stopped");
    desk.feed(update(json!({"update": "stopping", "why": "asked to stop", "asked": true})));
    desk.feed(update(json!({"update": "down"})));
    assert!(desk.model.quits());
}

#[test]
fn the_first_ctrl_c_of_up_stops_in_order_and_the_second_kills_whatever_is_in_front() {
    let mut desk = owned();
    desk.press(":order<C-c>");
    assert_eq!(desk.done(), [Command::Stop(StopMode::Orderly)]);
    desk.feed(update(json!({"update": "stopping", "why": "asked to stop", "asked": true})));
    assert!(desk.text().contains("stopping"), "{}", desk.text());
    desk.press("<C-c>");
    assert_eq!(desk.done(), [Command::Stop(StopMode::Kill)]);
}

#[test]
fn resources_are_started_stopped_and_restarted_where_the_cursor_is_or_by_name() {
    let mut desk = attached();
    desk.press("s");
    assert_eq!(desk.done(), [], "nothing is selected");
    desk.press("jr");
    assert_eq!(opened(&mut desk).0, Source::One("account".to_owned()));
    desk.press("x:restart pay<enter>");
    let act = |action, resource: &str| Command::Act { action, resource: resource.to_owned() };
    assert_eq!(desk.done(), [act(Action::Stop, "account"), act(Action::Restart, "payment")]);
}

#[test]
fn the_palette_completes_and_has_everything_that_keys_have() {
    let mut desk = attached();
    desk.press(":resta");
    insta::assert_snapshot!(desk.text());
    desk.press("<tab>ga<tab><enter>");
    let resource = "gateway".to_owned();
    assert_eq!(desk.done(), [Command::Act { action: Action::Restart, resource }]);
    desk.press(":level err<enter>");
    assert_eq!(opened(&mut desk).1, Filter { only: None, level: Some(Level::Error) });
}

#[test]
fn filters_narrow_the_log_and_escape_takes_them_back_one_by_one() {
    let mut desk = attached();
    desk.press("&Broker|slow<enter>");
    assert_eq!(opened(&mut desk).1.only.as_deref(), Some("Broker|slow"));
    desk.press("ll");
    assert_eq!(opened(&mut desk).1.level, Some(Level::Warn));
    desk.press("<esc>");
    assert_eq!(opened(&mut desk).1, Filter { only: None, level: Some(Level::Warn) });
    desk.press("<esc>");
    assert_eq!(opened(&mut desk).1, Filter::default());
    desk.press("&((<enter>");
    assert_eq!(desk.done(), [], "what is no pattern changes nothing");
    assert!(desk.text().contains("unclosed group"), "{}", desk.text());
}

#[test]
fn errors_and_matches_are_looked_for_in_both_directions() {
    let mut desk = attached();
    let last = sample::lines()[6].stamp;
    desk.press("e");
    let find = |wanted, from, direction| Command::Log(Request::Find { epoch: 1, wanted, from, direction });
    assert_eq!(desk.done(), [find(Wanted::Error, last, Direction::Newer)]);
    desk.feed(Msg::Log(Answer::Found { epoch: 1, stamp: None, direction: Direction::Newer }));
    assert!(desk.text().contains("nothing found in this direction"));
    desk.press("/x<enter>");
    let pattern = || Wanted::Pattern("(?i)x".to_owned());
    assert_eq!(desk.done(), [find(pattern(), u64::MAX, Direction::Older)], "the last line counts, too");
    desk.press("N");
    assert_eq!(desk.done(), [find(pattern(), last, Direction::Older)]);
}

#[test]
fn lines_are_copied_as_they_were_written() {
    let mut desk = attached();
    desk.press("<tab>kkvky");
    let lines = sample::lines();
    assert_eq!(desk.done(), [Command::Copy(format!("{}\n{}", lines[3].text, lines[4].text))]);
}

#[test]
fn errors_count_until_somebody_looks() {
    let mut desk = attached();
    desk.feed(Msg::Log(Answer::Errors(vec![("account".to_owned(), 2), ("order".to_owned(), 31)])));
    assert!(desk.text().contains("✗31"));
    desk.press("j");
    assert!(!desk.text().contains("✗2"), "{}", desk.text());
    desk.feed(Msg::Log(Answer::Errors(vec![("account".to_owned(), 1)])));
    assert!(!desk.text().contains("✗1"), "it is being looked at");
}

#[test]
fn the_help_has_the_keys_of_the_view() {
    let mut desk = attached();
    desk.press("?");
    insta::assert_snapshot!(desk.text());
    desk.press("<esc>6?");
    let text = desk.text();
    assert!(text.contains("palette") || text.contains("every command"), "{text}");
    assert!(!text.contains("timestamps: off"), "{text}");
}

#[test]
fn the_mouse_selects_and_scrolls_what_is_under_it() {
    use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let mut desk = attached();
    let mouse = |desk: &mut Desk, kind, column, row| {
        desk.feed(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    };
    // Bar, title, all, services, then the first service.
    mouse(&mut desk, MouseEventKind::Down(MouseButton::Left), 3, 4);
    assert_eq!(opened(&mut desk).0, Source::One("account".to_owned()));
    mouse(&mut desk, MouseEventKind::ScrollDown, 3, 4);
    assert_eq!(opened(&mut desk).0, Source::One("product".to_owned()));
    mouse(&mut desk, MouseEventKind::ScrollUp, 100, 10);
    assert!(desk.text().contains("paused"), "{}", desk.text());
    let why = desk.text().lines().next().expect("a bar").find("6 why").expect("a tab");
    mouse(&mut desk, MouseEventKind::Down(MouseButton::Left), u16::try_from(why).expect("a column"), 0);
    assert!(desk.text().contains("everything is ready"), "{}", desk.text());
}

#[test]
fn a_click_selects_in_every_list_and_the_wheel_moves_on() {
    use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let click = |desk: &mut Desk, text: &str| {
        let shown = desk.text();
        let row = shown.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no {text} in {shown}"));
        let kind = MouseEventKind::Down(MouseButton::Left);
        let row = u16::try_from(row).expect("a row");
        desk.feed(Msg::Mouse(MouseEvent { kind, column: 2, row, modifiers: KeyModifiers::NONE }));
    };
    let mut desk = super::kafka::looked_at(120, 30);
    click(&mut desk, "order_paid");
    desk.done();
    desk.press("<enter>");
    assert!(desk.text().contains(" order 1  PAID"), "{}", desk.text());
    desk.press("<esc>4");
    click(&mut desk, "  2  PENDING");
    desk.press("<enter>");
    assert!(desk.text().contains(" order 2  PENDING"), "{}", desk.text());
    desk.press("5");
    let story = |name: &str| checkout::Story { name: name.to_owned(), about: String::new() };
    desk.feed(Msg::Checkout(checkout::News::Stories(Ok(vec![story("one"), story("another")]))));
    click(&mut desk, " one ");
    let kind = MouseEventKind::ScrollDown;
    desk.feed(Msg::Mouse(MouseEvent { kind, column: 2, row: 5, modifiers: KeyModifiers::NONE }));
    desk.done();
    desk.press("<enter>");
    let wish = checkout::Wish { story: Some("another".to_owned()), seed: None };
    assert_eq!(desk.done(), [Command::Play(wish)]);
}
