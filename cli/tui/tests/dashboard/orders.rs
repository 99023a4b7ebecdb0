use shopctl_tui::{
    Command, Msg,
    kafka::{Ask, Message, News as Kafka},
    log::Request,
    orders::{Database, Known, Look, News, Payment},
    subject::Subject,
    traces,
};

use super::{
    desk::{Desk, WALL},
    kafka::{looked_at, message},
    sample,
};

const SECOND: u64 = 1_000_000_000;

fn payment(status: &str, ago: u64) -> Payment {
    Payment { status: status.to_owned(), opened: WALL - ago * SECOND, ..Payment::default() }
}

/// Orders at every station, as the databases have them.
fn known() -> Vec<Known> {
    let order = |id: i64, status: &str, ago: u64, payment: Option<Payment>| Known {
        id,
        account: 7,
        status: status.to_owned(),
        cents: 129_900 + id,
        version: 2,
        created: WALL - ago * SECOND,
        unpublished: None,
        payment,
        applied: Some(2),
    };
    let decided = |ago: u64| Payment { decided: Some(WALL - (ago - 2) * SECOND), ..payment("PENDING", ago) };
    let refused = Payment { error: Some("connection refused".to_owned()), ..decided(95) };
    let heard = Payment {
        status: "SUCCESS".to_owned(),
        heard: Some(WALL - 49 * SECOND),
        error: Some("order is unavailable".to_owned()),
        attempts: Some(7),
        due: Some(WALL + 9 * SECOND),
        ..decided(52)
    };
    let told = |ago: u64| Payment {
        status: "SUCCESS".to_owned(),
        heard: Some(WALL - (ago - 2) * SECOND),
        told: Some(WALL - (ago - 3) * SECOND),
        ..decided(ago)
    };
    let declined = Payment { status: "FAILED".to_owned(), ..told(40) };
    vec![
        order(11, "PAID", 300, Some(told(299))),
        order(12, "PENDING", 200, None),
        order(13, "PENDING", 100, Some(refused)),
        order(14, "PENDING", 60, Some(heard)),
        order(15, "PAYMENT_FAILED", 50, Some(declined)),
        Known { unpublished: Some(WALL - 20 * SECOND), ..order(16, "PAID", 45, Some(told(44))) },
        Known { applied: Some(1), ..order(17, "PAID", 40, Some(told(39))) },
        order(18, "CANCELLED", 30, Some(payment("VOIDED", 29))),
        order(19, "PENDING", 5, Some(payment("PENDING", 4))),
    ]
}

fn opened(columns: u16, rows: u16) -> Desk {
    let mut desk = sample::up(Desk::new(columns, rows));
    desk.done();
    desk.press("4");
    assert!(desk.done().contains(&Command::Orders(Look::Latest { and: None })));
    desk.feed(Msg::Orders(News { orders: known(), away: Vec::new() }));
    desk
}

#[test]
fn each_order_tells_where_it_is_and_the_stuck_ones_come_first() {
    for (columns, rows) in [(40, 10), (80, 24), (160, 48)] {
        let mut desk = opened(columns, rows);
        insta::assert_snapshot!(format!("orders-{columns}x{rows}"), desk.picture());
    }
}

#[test]
fn one_order_is_opened_with_when_it_passed_each_station() {
    let mut desk = opened(100, 24);
    desk.press("o14<enter>");
    assert!(
        desk.done()
            .iter()
            .any(|done| matches!(done, Command::Log(Request::Mentions { about: Subject::Order(14), .. })))
    );
    insta::assert_snapshot!(desk.text());
    desk.feed(Msg::Resized { columns: 50, rows: 24 });
    let whole = desk.text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(whole.contains("order not told yet: order is unavailable, attempt 7, next at once"), "{whole}");
}

#[test]
fn an_old_order_is_read_wherever_it_stands_once_somebody_opens_it() {
    let mut desk = opened(120, 30);
    desk.press("o4<enter>");
    let done = desk.done();
    assert!(done.contains(&Command::Orders(Look::Latest { and: Some(4) })), "{done:?}");
    let asks = |desk: &mut Desk| {
        let ask = |command| match command {
            Command::Kafka(Ask::Events { order, since, version }) => Some((order, since, version)),
            _ => None,
        };
        desk.done().into_iter().filter_map(ask).collect::<Vec<_>>()
    };
    let old = Known { id: 4, created: WALL - 9000 * SECOND, ..known()[0].clone() };
    let since = Some(WALL - 9005 * SECOND);
    desk.feed(Msg::Orders(News { orders: vec![old], away: Vec::new() }));
    assert_eq!(asks(&mut desk), [(4, since, Some(2))], "nobody looked at Kafka when it was published");
    let created = Message { stamp: WALL - 9000 * SECOND, ..message(1, 4, "order_created", "PENDING", 0) };
    let paid = Message { stamp: WALL - 8999 * SECOND, ..message(2, 4, "order_paid", "PAID", 0) };
    let refusal = [("dlt_group", "recommender"), ("dlt_error", "no such product \u{1b}[2J")];
    let letter = Message {
        topic: "order_events.dlt".to_owned(),
        headers: refusal.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..paid.clone()
    };
    desk.feed(Msg::Kafka(Kafka::Earlier(vec![letter, paid.clone(), created])));
    desk.feed(Msg::Kafka(Kafka::Earlier(vec![paid])));
    let text = desk.text();
    let row =
        |word: &str| text.lines().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {text}"));
    assert!(row("order_created  1/1") < row("order_paid  1/2"), "{text}");
    assert!(text.contains("refused by recommender: no such product \\u{1b}[2J"), "{text}");
    assert_eq!(text.matches("order_paid  1/2").count(), 2, "an event and its dead letter: {text}");
    assert!(text.contains(" order 4  PAID"), "{text}");
    desk.press("M");
    assert!(desk.text().contains("3 messages  filter: order:4"), "{}", desk.text());
    assert_eq!(asks(&mut desk), []);
}

#[test]
fn events_alone_tell_of_orders_where_the_databases_do_not() {
    let mut desk = looked_at(80, 24);
    desk.press("4");
    insta::assert_snapshot!(desk.text());
}

#[test]
fn an_event_is_seen_at_once_and_what_a_database_that_is_away_knows_is_unknown() {
    let mut desk = opened(120, 30);
    desk.feed(Msg::Kafka(Kafka::Messages(vec![message(9, 19, "order_paid", "PAID", 600)])));
    let away = vec![(Database::Payment, "connection refused".to_owned())];
    desk.feed(Msg::Orders(News { orders: vec![Known { id: 20, ..known()[1].clone() }], away }));
    let text = desk.text();
    let row = |id: &str| text.lines().find(|line| line.contains(id)).unwrap_or_default().to_owned();
    assert!(row(" 19  PAID").contains("PAID"), "{text}");
    assert!(row(" 20  PENDING").contains("payment_db is away"), "{text}");
    assert!(text.contains("payment_db is away: connection refused"), "{text}");
}

#[test]
fn nobody_asks_the_databases_where_nobody_looks() {
    let mut desk = opened(80, 24);
    desk.done();
    desk.press("1");
    assert!(desk.done().contains(&Command::Orders(Look::Nothing)));
}

#[test]
fn traces_are_read_of_what_is_looked_at_and_of_nothing_else() {
    let mut desk = opened(80, 24);
    desk.done();
    let order = |desk: &mut Desk| {
        desk.done()
            .into_iter()
            .filter_map(|command| match command {
                Command::Traces(look) => Some(look),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&mut desk), []);
    desk.press("<enter>");
    assert!(matches!(order(&mut desk)[..], [traces::Look::Subject { about: Subject::Order(_), columns: 80, .. }]));
    desk.press("<esc>");
    assert_eq!(order(&mut desk), [traces::Look::Nothing]);
    desk.press("3");
    assert_eq!(order(&mut desk), [traces::Look::Traffic]);
    desk.press("1");
    assert_eq!(order(&mut desk), [traces::Look::Nothing]);
}
