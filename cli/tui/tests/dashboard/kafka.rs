use serde_json::json;
use shopctl_tui::{
    Command, Msg,
    kafka::{Ask, Group, Message, News, Partition, Topic},
    log::{Answer, Request},
    subject::Subject,
    traces::Told,
};

use super::{
    desk::{Desk, WALL},
    sample::{self, update},
};

pub(crate) fn message(offset: i64, order: i64, kind: &str, status: &str, second: u64) -> Message {
    let value = json!({"type": kind, "data": {"order_id": order, "account_id": 7, "total_cents": 129_900, "status": status, "version": offset}});
    Message {
        topic: "order_events".to_owned(),
        partition: i32::try_from(order % 3).expect("a small number"),
        offset,
        stamp: WALL - 600_000_000_000 + second * 1_000_000_000,
        key: order.to_string(),
        kind: kind.to_owned(),
        order: Some(order),
        value: value.to_string(),
        headers: vec![
            ("ce_id".to_owned(), format!("01a2-{offset}")),
            ("ce_source".to_owned(), "order".to_owned()),
            ("traceparent".to_owned(), format!("00-{offset:032x}-b6400354c3d02137-01")),
        ],
    }
}

fn refused() -> Message {
    let headers =
        [("dlt_group", "recommender"), ("dlt_error", "no such product \u{1b}[2J"), ("dlt_topic", "order_events")];
    Message {
        topic: "order_events.dlt".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        value: "no \u{1b}[31mJSON".to_owned(),
        ..message(4, 3, "order_created", "PENDING", 590)
    }
}

/// A shop whose Kafka was looked at: an order that is paid, one that nobody pays, one that recommender has not applied.
pub(crate) fn looked_at(columns: u16, rows: u16) -> Desk {
    let mut desk = sample::up(Desk::new(columns, rows));
    desk.feed(Msg::Calls(vec![
        ("gateway".to_owned(), "order".to_owned()),
        ("gateway".to_owned(), "payment".to_owned()),
        ("order".to_owned(), "order_db".to_owned()),
        ("payment".to_owned(), "order".to_owned()),
    ]));
    desk.press("2");
    assert!(desk.done().contains(&Command::Kafka(Ask::Look(true))));
    let topic = |name: &str, records, rate| Topic { name: name.to_owned(), records, rate };
    let partition = |partition: i32, committed, lag| Partition {
        topic: "order_events".to_owned(),
        partition,
        committed: Some(committed),
        lag,
    };
    let group =
        |name: &str, partitions| Group { name: name.to_owned(), state: "Stable".to_owned(), members: 1, partitions };
    desk.feed(Msg::Kafka(News::Figures {
        topics: vec![
            topic("order_events", 1204, 3.2),
            topic("order_events.dlt", 1, 0.0),
            topic("product_events", 2205, 0.0),
        ],
        groups: vec![
            group("payment", vec![partition(0, 9, 0), partition(1, 9, 0), partition(2, 9, 0)]),
            group("recommender", vec![partition(0, 3, 1), partition(1, 9, 0), partition(2, 9, 0)]),
        ],
        letters: vec![("order_events.dlt".to_owned(), 1)],
    }));
    desk.feed(Msg::Kafka(News::Messages(vec![
        message(0, 1, "order_created", "PENDING", 100),
        message(1, 2, "order_created", "PENDING", 200),
        message(2, 1, "order_paid", "PAID", 300),
        message(3, 3, "order_created", "PENDING", 500),
        refused(),
    ])));
    desk
}

#[test]
fn messages_groups_and_dead_letters_in_80_columns() {
    insta::assert_snapshot!(looked_at(80, 24).picture());
}

#[test]
fn messages_groups_and_dead_letters_in_160_columns() {
    insta::assert_snapshot!(looked_at(160, 48).picture());
}

#[test]
fn dead_letters_are_published_again_one_by_one_or_all() {
    let mut desk = looked_at(120, 30);
    desk.done();
    desk.press("d");
    let redrive = |at| Command::Kafka(Ask::Redrive { topic: "order_events.dlt".to_owned(), at });
    assert_eq!(desk.done(), [redrive(Some((0, 4)))]);
    desk.press("kD");
    assert_eq!(desk.done(), [redrive(None)], "the badge says that there are some");
    desk.press("d");
    assert_eq!(desk.done(), [], "that one is alive");
}

#[test]
fn a_filter_leaves_what_fits_and_escape_takes_it_back() {
    let mut desk = looked_at(120, 30);
    desk.press("/type:paid<enter>");
    let text = desk.text();
    assert!(text.contains("1 messages  filter: type:paid") && text.contains("order_paid"), "{text}");
    desk.press("<esc>");
    assert!(desk.text().contains("5 messages"));
}

#[test]
fn nobody_reads_kafka_where_nobody_looks() {
    let mut desk = looked_at(120, 30);
    desk.done();
    desk.press("1");
    assert_eq!(desk.done(), [Command::Kafka(Ask::Look(false))]);
    desk.press("3");
    assert!(desk.done().contains(&Command::Kafka(Ask::Look(true))));
    desk.feed(Msg::Kafka(News::Away("Kafka at 127.0.0.1:9092 does not answer".to_owned())));
    desk.press("2");
    assert!(desk.text().contains("Kafka is away"), "{}", desk.text());
}

#[test]
fn enter_on_a_message_opens_its_order_with_all_that_happened_to_it() {
    let mut desk = looked_at(120, 30);
    desk.done();
    desk.press("/order:1<enter>G<enter>");
    let asked = desk.done().into_iter().find_map(|command| match command {
        Command::Log(Request::Mentions { about: Subject::Order(1), pattern, .. }) => Some(pattern),
        _ => None,
    });
    let regex = regex::Regex::new(&asked.expect("the logs are asked")).expect("a pattern");
    for (line, fits) in [
        ("tell order{order=1 transaction=x}", true),
        (r#"{"order_id":1}"#, true),
        ("order=11", false),
        ("http{trace_id=00000000000000000000000000000002}", true),
        ("http{trace_id=00000000000000000000000000000001}", false),
    ] {
        assert_eq!(regex.is_match(line), fits, "{line}");
    }
    let about = Subject::Order(1);
    let line = sample::line(0, "payment", None, "took a webhook order=1");
    let line = shopctl_tui::log::Line { stamp: WALL - 350_000_000_000, ..line };
    desk.feed(Msg::Log(Answer::Mentioned { about, lines: vec![line] }));
    insta::assert_snapshot!(desk.picture());
    let lines = vec!["  spans of \u{1b}[2Jorder 1".to_owned()];
    desk.feed(Msg::Spans(Told { about, lines, traces: Vec::new(), orders: vec![1] }));
    assert!(desk.text().contains("spans of \\u{1b}[2Jorder 1"), "{}", desk.text());
    desk.press("4<esc>");
    assert!(desk.text().contains("where it is"), "{}", desk.text());
}

#[test]
fn what_is_stopped_is_not_looked_at() {
    let mut desk = Desk::new(80, 24);
    desk.feed(sample::snapshot(sample::Phase::Booting(0.4)));
    desk.done();
    desk.press("2");
    assert_eq!(desk.done(), [], "there is no Kafka yet");
    desk.feed(update(json!({"update": "stopping", "why": "asked to stop", "asked": true})));
    assert_eq!(desk.done(), []);
}
