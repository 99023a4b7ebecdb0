use serde_json::json;
use shopctl_tui::{
    Colours, Msg, Owner,
    flow::Call,
    kafka::{Group, Message, News, Partition, Topic},
    log::Answer,
};

use super::{
    desk::{Desk, options},
    kafka::message,
    sample::{self, changed},
};

const CALLS: [(&str, &str); 11] = [
    ("gateway", "account"),
    ("gateway", "product"),
    ("gateway", "recommender"),
    ("gateway", "order"),
    ("gateway", "payment"),
    ("order", "product"),
    ("payment", "order"),
    ("account", "account_db"),
    ("order", "order_db"),
    ("payment", "payment_db"),
    ("recommender", "recommender_db"),
];

fn group(name: &str, topic: &str, committed: i64, lag: i64) -> Group {
    let partition = Partition { topic: topic.to_owned(), partition: 0, committed: Some(committed), lag };
    Group { name: name.to_owned(), state: "Stable".to_owned(), members: 1, partitions: vec![partition] }
}

fn figures(committed: i64) -> Msg {
    let topic = |name: &str, records, rate| Topic { name: name.to_owned(), records, rate };
    let mut recommender = group("recommender", "order_events", committed, 12);
    recommender.partitions.extend(group("recommender", "product_events", 2205, 0).partitions);
    Msg::Kafka(News::Figures {
        topics: vec![
            topic("order_events", 1204, 3.2),
            topic("order_events.dlt", 1, 0.0),
            topic("product_events", 2205, 0.0),
        ],
        groups: vec![
            recommender,
            group("payment", "order_events", committed, 0),
            group("payment", "product_events", 2205, 0),
            group("gateway-7c9e", "order_events", committed, 0),
            group("analytics", "order_events", committed, 3),
        ],
        letters: vec![("order_events.dlt".to_owned(), 1)],
    })
}

/// A shop as it is, after two looks at Kafka.
fn opened(desk: Desk) -> Desk {
    let mut desk = sample::up(desk);
    desk.feed(Msg::Calls(CALLS.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec()));
    desk.press("3");
    desk.feed(figures(1000));
    desk.wait(5);
    desk.feed(figures(1016));
    let product = Message {
        topic: "product_events".to_owned(),
        headers: vec![("ce_source".to_owned(), "product".to_owned())],
        order: None,
        ..message(7, 3, "product_created", "", 1)
    };
    let refused = Message {
        topic: "order_events.dlt".to_owned(),
        headers: vec![("dlt_group".to_owned(), "payment".to_owned())],
        ..message(4, 3, "order_created", "PENDING", 590)
    };
    desk.feed(Msg::Kafka(News::Messages(vec![message(0, 1, "order_created", "PENDING", 100), product, refused])));
    desk.feed(Msg::Log(Answer::Errors(vec![("order".to_owned(), 12)])));
    desk.feed(changed("product", &[("faults", json!(["paused"]))]));
    desk
}

#[test]
fn the_graph_is_drawn_where_there_is_room_and_told_in_rows_where_there_is_none() {
    for (columns, rows) in [(40, 10), (80, 24), (110, 30), (160, 48)] {
        let mut desk = opened(Desk::new(columns, rows));
        insta::assert_snapshot!(format!("flow-{columns}x{rows}"), desk.picture());
    }
}

#[test]
fn in_ascii_it_is_drawn_too() {
    let mut desk = opened(Desk::with(options(Owner::Attached, Colours::None, true), 130, 32));
    let text = desk.text();
    assert!(text.lines().all(|line| line.replace("mailer-日本", "").is_ascii()), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn calls_that_were_seen_have_rates_and_errors_and_where_they_differ_from_what_is_declared_that_is_marked() {
    let mut desk = opened(Desk::new(160, 48));
    let call = |from: &str, to: &str, rate, errors| Call { from: from.to_owned(), to: to.to_owned(), rate, errors };
    desk.feed(Msg::Traffic(vec![
        call("gateway", "order", Some(3.24), 0),
        call("gateway", "payment", Some(31.6), 2),
        call("payment", "order", Some(3.0), 0),
        call("recommender", "product", None, 0),
    ]));
    let text = desk.text();
    for told in ["3.2/s", "32/s ✗2", "unseen", "recommender calls product, but was given no address of it"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_manifest_of_anything_is_drawn_also_one_whose_services_call_each_other_in_a_circle() {
    let mut desk = sample::up(Desk::new(160, 48));
    let circle = [("account", "order"), ("order", "account"), ("order", "payment"), ("payment", "order")];
    desk.feed(Msg::Calls(circle.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec()));
    desk.press("3");
    assert!(desk.text().contains(" payment "), "{}", desk.text());
}
