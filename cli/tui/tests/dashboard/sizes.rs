use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use serde_json::json;
use shopctl_tui::{
    Colours, Msg, Owner,
    kafka::{Message, News},
    log::Answer,
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
        1 => (any::<String>(), 0..9_i64, any::<String>()).prop_map(|(topic, offset, value)| {
            let message = Message { topic, offset, order: Some(offset), value, ..Message::default() };
            Msg::Kafka(News::Messages(vec![message.clone(), Message { topic: "order_events".to_owned(), ..message }]))
        }),
        1 => Just(sample::changed("order", &[("state", json!("failed")), ("ready", json!(false))])),
        1 => Just(sample::update(json!({"update": "stopping", "why": "x", "asked": true}))),
        1 => any::<String>().prop_map(Msg::Note),
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
            ("3", "calls"),
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
