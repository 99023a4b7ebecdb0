use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use serde_json::json;
use shopctl_tui::{
    Colours, Msg, Owner,
    checkout::{self, Outcome, Step, Story},
    flow::Call,
    kafka::{Message, News},
    log::Answer,
    orders::{self, Database, Known, Payment},
    subject::Subject,
    traces::{Rate, Told},
};

use super::{
    desk::{Desk, options},
    sample::{self, Phase},
};

fn any_msg() -> impl Strategy<Value = Msg> {
    let key = prop_oneof![
        8 => proptest::char::range(' ', '~').prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        4 => proptest::sample::select(vec![
            KeyCode::Up, KeyCode::Down, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Tab,
            KeyCode::Enter, KeyCode::Esc, KeyCode::Backspace, KeyCode::Left, KeyCode::Right, KeyCode::Delete,
        ]),
    ];
    let modifiers = prop_oneof![9 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL)];
    let kind = proptest::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
    ]);
    prop_oneof![
        12 => (key, modifiers).prop_map(|(code, modifiers)| Msg::Key(KeyEvent::new(code, modifiers))),
        2 => (kind, 0..320_u16, 0..110_u16).prop_map(|(kind, column, row)| {
            Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
        }),
        2 => (1..300_u16, 1..100_u16).prop_map(|(columns, rows)| Msg::Resized { columns, rows }),
        1 => (0..50_u64).prop_map(|count| Msg::Log(Answer::Errors(vec![("order".to_owned(), count)]))),
        1 => (1..6_u64, 0..30_u64, any::<bool>(), any::<String>()).prop_map(|(epoch, stamp, skipped, text)| {
            let line = sample::line(10_000_000 + stamp, "order", None, &text);
            Msg::Log(Answer::Written { epoch, lines: vec![line], count: 1, skipped })
        }),
        1 => (any::<String>(), 0..9_i64, any::<String>(), any::<bool>()).prop_map(|(topic, offset, value, is_new)| {
            let message = Message { topic, offset, order: Some(offset), value, ..Message::default() };
            let messages = vec![message.clone(), Message { topic: "order_events".to_owned(), ..message }];
            Msg::Kafka(if is_new { News::Messages(messages) } else { News::Earlier(messages) })
        }),
        1 => Just(sample::changed("order", &[("state", json!("failed")), ("ready", json!(false))])),
        1 => Just(sample::update(json!({"update": "stopping", "why": "x", "asked": true}))),
        1 => any::<String>().prop_map(Msg::Note),
        1 => (any::<String>(), any::<f64>(), 0..3_u64).prop_map(|(name, per_second, count)| {
            let rate = Rate { resource: "order".to_owned(), per_second, requests: count, errors: 1, p99: u64::MAX };
            Msg::Rates(vec![rate.clone(), Rate { resource: name, ..rate }])
        }),
        1 => (0..9_i64, any::<String>()).prop_map(|(id, line)| {
            Msg::Spans(Told { about: Subject::Order(id), lines: vec![line], traces: Vec::new(), orders: vec![id, id] })
        }),
        1 => (any::<String>(), any::<bool>()).prop_map(|(name, is_known)| {
            let to = if is_known { "order".to_owned() } else { name };
            Msg::Traffic(vec![Call { from: "gateway".to_owned(), to, rate: Some(1e9), errors: u64::MAX }])
        }),
        1 => (0..9_i64, any::<Option<u64>>(), any::<String>()).prop_map(|(id, at, status)| {
            let payment = Payment { status: status.clone(), decided: at, error: Some(status.clone()), ..Payment::default() };
            let known = Known { id, status, unpublished: at, payment: Some(payment), ..Known::default() };
            Msg::Orders(orders::News { orders: vec![known], away: vec![(Database::Recommender, "x".to_owned())] })
        }),
        1 => any::<String>().prop_map(|name| {
            Msg::Checkout(checkout::News::Stories(Ok(vec![Story { about: name.clone(), name }])))
        }),
        1 => any::<String>().prop_map(|name| {
            let outcome = Outcome::Failed {
                expected: name.clone(), observed: name.clone(), difference: vec![('-', name.clone())],
                seen: vec![(1e9, name.clone())], place: Some(name.clone()),
            };
            Msg::Checkout(checkout::News::Step(Step { name, seconds: -1.0, outcome }))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_size_and_no_keys_make_it_panic(
        columns in 1..300_u16, rows in 1..100_u16, ascii in any::<bool>(), booting in any::<bool>(),
        msgs in proptest::collection::vec(any_msg(), 0..40),
    ) {
        let colours = if ascii { Colours::None } else { Colours::True };
        let mut desk = Desk::with(options(Owner::Up, colours, ascii), columns, rows);
        desk.draw();
        desk.feed(sample::edges());
        desk.feed(sample::snapshot(if booting { Phase::Booting(0.4) } else { Phase::Up }));
        sample::open(&mut desk, sample::lines());
        for msg in msgs {
            desk.feed(msg);
            desk.draw();
        }
    }
}

#[test]
fn from_40_by_10_to_300_by_100_all_views_are_there() {
    for (columns, rows) in [(40, 10), (80, 24), (160, 48), (200, 60), (300, 100)] {
        let mut desk = sample::up(Desk::new(columns, rows));
        for (view, text) in [
            ("1", "account"),
            ("2", "messages"),
            ("3", "account"),
            ("4", "order"),
            ("5", "checkout"),
            ("6", "everything is ready"),
            ("7", "build"),
        ] {
            desk.press(view);
            let shown = desk.text();
            assert!(shown.contains(text), "{columns}x{rows}: {shown}");
            assert_eq!(shown.lines().count(), usize::from(rows));
        }
    }
}

/// Names and lines with characters of two columns, of none, and of several code points.
#[test]
fn whatever_characters_there_are_columns_and_right_ends_stay_where_they_are() {
    for (columns, rows) in [(80, 24), (120, 30), (160, 48)] {
        let mut desk = sample::up(Desk::new(columns, rows));
        let names = ["mailer-日本語サービス", "größe", "e\u{301}tude", "👩‍👩‍👧-svc", "한국어-서비스", "नमस्ते", "ﷺ", "🇩🇪🇫🇷"];
        for name in names {
            let mut resource = json!({
                "name": name, "kind": "service", "state": "ready", "ready": true, "external": false, "pid": 1,
                "ports": {}, "began": 0.1, "took": 0.1, "uptime": 754.0, "failures": 0, "restarts": 7,
                "log_error": null, "progress": null, "why": [],
            });
            desk.feed(sample::update(json!({"update": "changed", "resource": resource.take()})));
        }
        let errors = names.iter().map(|name| ((*name).to_owned(), 123)).collect();
        desk.feed(Msg::Log(Answer::Errors(errors)));
        let lines = names
            .iter()
            .zip(20_000_000..)
            .map(|(name, stamp)| sample::line(stamp, name, None, &format!("{name} {}", "日本👩‍👩‍👧e\u{301}".repeat(30))));
        let count = names.len() as u64;
        desk.feed(Msg::Log(Answer::Written { epoch: 1, lines: lines.collect(), count, skipped: false }));
        let buffer = desk.draw();
        let is_bar = |x: u16, y: u16| buffer[(x, y)].symbol() == "│";
        let bar = (0..columns).find(|&x| is_bar(x, 2)).expect("there is a bar between list and log");
        for y in 1..rows - 1 {
            assert!(is_bar(bar, y), "{columns}x{rows}, row {y}:\n{}", desk_text(buffer));
        }
        // The errors end at the list's right end.
        let ends = (1..rows - 1).filter(|&y| buffer[(bar - 1, y)].symbol() == "3").count();
        assert!(ends >= names.len(), "{columns}x{rows}:\n{}", desk_text(buffer));
        assert_eq!(buffer[(columns - 2, 1)].symbol(), "g", "`following` ends at the right");
    }
}

fn desk_text(buffer: &ratatui::buffer::Buffer) -> String {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}
