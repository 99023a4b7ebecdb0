//! One checkout as its parts tell it.

use std::collections::BTreeMap;

use shopctl_trace::{
    Event, Facts, Interactions, Kind, LogLine, Mark, Order, Parts, Reading, Resource, Span, Stamp, Taken, Telling,
    Transaction, Webhook,
    text::{Line, Style},
};

pub(crate) const CREATION: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PAYMENT: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// When it all began.
const BEGIN: u64 = 1_795_766_400_000_000_000;

/// Milliseconds after the beginning.
pub(crate) fn at(millis: f64) -> Stamp {
    Stamp(BEGIN + (millis * 1e6) as u64)
}

pub(crate) fn style(width: usize) -> Style {
    fn one(c: char) -> String {
        if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
    }
    let clean = |text: &str| text.chars().map(one).collect();
    Style { width, cut: true, ascii: false, verbose: false, clean }
}

pub(crate) fn text(lines: &[Line]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

pub(crate) fn span(trace: &str, id: u64, parent: u64, who: &str, name: &str, kind: Kind, times: (f64, f64)) -> Span {
    Span {
        trace: trace.to_owned(),
        id: format!("{id:016x}"),
        parent: (parent > 0).then(|| format!("{parent:016x}")),
        links: vec![],
        service: who.to_owned(),
        name: name.to_owned(),
        kind,
        start: at(times.0),
        end: at(times.1),
        error: None,
        attributes: BTreeMap::new(),
        marks: vec![],
    }
}

/// A shopper orders: two products are looked up at once, lines are written, the event is taken in by recommender.
pub(crate) fn creation() -> Vec<Span> {
    let span = |id, parent, who, name, kind, times| span(CREATION, id, parent, who, name, kind, times);
    let mut spans = vec![
        span(1, 0, "gateway", "POST /graphql", Kind::Server, (0.0, 32.0)),
        span(2, 1, "gateway", "shop.OrderService/CreateOrder", Kind::Client, (1.0, 31.0)),
        span(3, 2, "order", "shop.OrderService/CreateOrder", Kind::Server, (2.0, 30.0)),
        span(4, 3, "order", "GET", Kind::Client, (3.0, 9.0)),
        span(5, 4, "product", "GET /products/{id}", Kind::Server, (4.0, 8.0)),
        span(6, 3, "order", "GET", Kind::Client, (3.5, 12.0)),
        span(7, 6, "product", "GET /products/{id}", Kind::Server, (5.0, 11.0)),
        span(20, 3, "order", "publish order_events", Kind::Producer, (33.0, 36.0)),
        span(21, 20, "recommender", "process order_events", Kind::Consumer, (44.0, 51.0)),
        span(22, 21, "recommender", "INSERT orders", Kind::Client, (45.0, 50.0)),
    ];
    spans.extend((0..6_u32).map(|line| {
        let from = 14.0 + 2.0 * f64::from(line);
        span(10 + u64::from(line), 3, "order", "INSERT order_lines", Kind::Client, (from, from + 1.5))
    }));
    spans
}

/// A browser pays a minute later; order does not hear of it at the first try.
pub(crate) fn payment() -> Vec<Span> {
    let span = |id, parent, who, name, kind, times| span(PAYMENT, id, parent, who, name, kind, times);
    let mut first = span(42, 41, "payment", "tell order", Kind::Internal, (60_020.0, 60_030.0));
    first.error = Some("order's service can't be reached: connection refused".to_owned());
    first.marks.push(Mark {
        at: at(60_029.0),
        name: "exception".to_owned(),
        attributes: BTreeMap::from([("exception.message".to_owned(), "connection refused".to_owned())]),
    });
    let mut second = span(43, 41, "payment", "tell order", Kind::Internal, (60_130.0, 60_140.0));
    second.attributes.insert("shop.attempt".to_owned(), "2".to_owned());
    second.attributes.insert("shop.retry.reason".to_owned(), "order's service can't be reached".to_owned());
    vec![
        span(40, 0, "payment", "POST /simulate_payment_action", Kind::Server, (60_000.0, 60_018.0)),
        span(41, 40, "payment", "POST /webhook/payment", Kind::Server, (60_002.0, 60_016.0)),
        first,
        second,
        span(44, 43, "order", "shop.OrderService/UpdateOrderStatus", Kind::Server, (60_132.0, 60_139.0)),
    ]
}

pub(crate) fn order(status: &str, version: i64) -> Order {
    Order { id: 42, account: 7, status: status.to_owned(), total_cents: 2598, version, lines: 6, created: at(20.0) }
}

pub(crate) fn event(version: i64, kind: &str, status: &str, millis: f64) -> Event {
    Event {
        topic: "order_events".to_owned(),
        partition: 1,
        offset: 16 + version,
        time: Some(at(millis)),
        occurred: Some(at(millis - 5.0)),
        id: Some(format!("id-{version}")),
        r#type: Some(kind.to_owned()),
        status: Some(status.to_owned()),
        version: Some(version),
        trace: Some(CREATION.to_owned()),
        ..Event::default()
    }
}

pub(crate) fn transaction(status: &str, settled: bool) -> Transaction {
    let settled = settled.then(|| at(60_141.0));
    let id = "transaction 3f9a1c…".to_owned();
    Transaction { id, status: status.to_owned(), amount_cents: 2598, created: at(30_000.0), settled }
}

pub(crate) fn webhook() -> Webhook {
    Webhook {
        transaction: "transaction 3f9a1c…".to_owned(),
        outcome: "SUCCESS".to_owned(),
        before: "PENDING".to_owned(),
        after: "SUCCESS".to_owned(),
        deliveries: 1,
        first: at(60_010.0),
        last: at(60_010.0),
    }
}

pub(crate) fn telling(attempts: u32, error: Option<&str>) -> Telling {
    Telling {
        transaction: "transaction 3f9a1c…".to_owned(),
        attempts,
        due: at(68_010.0),
        error: error.map(str::to_owned),
        traceparent: None,
    }
}

pub(crate) fn resource(name: &str, state: &str) -> Resource {
    Resource { name: name.to_owned(), state: state.to_owned(), ready: state == "ready", why: None }
}

pub(crate) fn reading(group: &str, members: usize, committed: i64) -> Reading {
    let topic = "order_events".to_owned();
    let lag = 19 - committed;
    Reading { group: group.to_owned(), members, topic, partition: 1, committed: Some(committed), lag }
}

pub(crate) fn taken(version: i64, millis: f64) -> Taken {
    Taken { group: "recommender".to_owned(), event: format!("id-{version}"), at: at(millis) }
}

/// Paid, and known to everyone.
pub(crate) fn whole() -> Parts {
    let line = |millis, resource: &str, text: &str| LogLine {
        at: at(millis),
        resource: resource.to_owned(),
        text: text.to_owned(),
    };
    Parts {
        now: at(120_000.0),
        order: Some(42),
        facts: Facts {
            order: Some(order("PAID", 2)),
            transactions: vec![transaction("SUCCESS", true)],
            webhooks: vec![webhook()],
            interactions: Some(Interactions { lines: 6, cancelled: false, version: 2 }),
            taken: vec![taken(1, 51.0), taken(2, 60_160.0)],
            ..Facts::default()
        },
        events: vec![event(2, "order_paid", "PAID", 60_150.0), event(1, "order_created", "PENDING", 34.0)],
        readings: vec![reading("recommender", 1, 19), reading("payment", 1, 19)],
        resources: vec![resource("order", "ready"), resource("payment", "ready")],
        spans: [payment(), creation()].concat(),
        lines: vec![
            line(
                29.0,
                "order",
                "2026-11-27T08:00:00.029Z  INFO http{method=POST trace_id=0af7651916cd43dd8448eb211c80319c}: made order_id=42",
            ),
            line(60_030.0, "payment", "order was not told, again later attempts=1 \u{1b}[2J"),
        ],
        missing: vec![],
    }
}
