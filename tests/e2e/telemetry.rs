//! What the shop's services tell whoever collects traces: one order, one trace, with all that goes wrong on its way.

use std::{io::Write as _, time::Duration};

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use testkit::{
    eventually,
    otlp::{Sink, Span},
};
use uuid::Uuid;

use crate::{
    shop::{SETTLED, Shop, Shopper},
    stack::Stack,
};

/// Clocks of one machine, read by different processes, and what lies between two readings of one.
const SKEW: Duration = Duration::from_millis(5);

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;
const INTERNAL: i32 = 1;

/// Who did what, and of whose doing it was a part.
type Hop = (&'static str, i32, &'static str, Option<(&'static str, i32, &'static str)>);

const CREATED: (&str, i32, &str) = ("order", SERVER, "pb.OrderService/CreateOrder");
const UPDATED: (&str, i32, &str) = ("order", SERVER, "pb.OrderService/UpdateOrderStatus");
const SESSION: (&str, i32, &str) = ("payment", INTERNAL, "open session");
const CLICK: (&str, i32, &str) = ("payment", SERVER, "GET /simulate_payment_action/{transaction_id}/{outcome}");
const WEBHOOK: (&str, i32, &str) = ("payment", SERVER, "POST /webhook/payment");
const TELLS: (&str, i32, &str) = ("payment", INTERNAL, "tell order");
const SENT: (&str, i32, &str) = ("order", PRODUCER, "send order_events");

/// Groups that take in an order's events.
const BOTH: usize = 2;

/// The flow of an order that is made and paid.
const FLOW: [Hop; 21] = [
    ("gateway", SERVER, "POST /graphql", None),
    ("gateway", CLIENT, "pb.OrderService/CreateOrder", Some(("gateway", SERVER, "POST /graphql"))),
    (CREATED.0, CREATED.1, CREATED.2, Some(("gateway", CLIENT, "pb.OrderService/CreateOrder"))),
    ("order", CLIENT, "POST /products/batch", Some(CREATED)),
    ("product", SERVER, "POST /products/batch", Some(("order", CLIENT, "POST /products/batch"))),
    ("product", INTERNAL, "get products", Some(("product", SERVER, "POST /products/batch"))),
    ("order", CLIENT, "INSERT orders", Some(CREATED)),
    (SENT.0, SENT.1, SENT.2, Some(CREATED)),
    ("recommender", CONSUMER, "process order_events", Some(SENT)),
    ("recommender", CLIENT, "INSERT inbox", Some(("recommender", CONSUMER, "process order_events"))),
    ("payment", CONSUMER, "process order_events", Some(SENT)),
    (SESSION.0, SESSION.1, SESSION.2, Some(CREATED)),
    ("payment", CLIENT, "INSERT transactions", Some(SESSION)),
    ("payment", SERVER, "GET /simulate_payment/{transaction_id}", Some(SESSION)),
    (CLICK.0, CLICK.1, CLICK.2, Some(SESSION)),
    ("payment", CLIENT, "POST /webhook/payment", Some(CLICK)),
    (WEBHOOK.0, WEBHOOK.1, WEBHOOK.2, Some(("payment", CLIENT, "POST /webhook/payment"))),
    (TELLS.0, TELLS.1, TELLS.2, Some(WEBHOOK)),
    ("payment", CLIENT, "pb.OrderService/UpdateOrderStatus", Some(TELLS)),
    (UPDATED.0, UPDATED.1, UPDATED.2, Some(("payment", CLIENT, "pb.OrderService/UpdateOrderStatus"))),
    (SENT.0, SENT.1, SENT.2, Some(UPDATED)),
];

fn is(span: &Span, (service, kind, name): (&str, i32, &str)) -> bool {
    (span.service.as_str(), span.wire.kind, span.name()) == (service, kind, name)
}

/// A shop whose services export to this process.
struct Watched {
    stack: Stack,
    sink: Sink,
    shop: Shop,
    shopper: Shopper,
    product: String,
}

impl Watched {
    async fn boot() -> Self {
        let (stack, sink) = (Stack::new("telemetry"), Sink::start().await);
        let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT={}", sink.endpoint());
        let fast = ["--env", "OTEL_BSP_SCHEDULE_DELAY=50", "--env", "OTEL_METRIC_EXPORT_INTERVAL=200"];
        stack.succeeds(&[&["up", "--isolated", "--detach", "--env", &endpoint], &fast[..]].concat());
        let shop = stack.shop();
        let shopper = shop.shopper().await;
        let product = shop.product(&shopper, 10.0).await;
        Self { stack, sink, shop, shopper, product }
    }

    /// Makes an order; answers with its id and the address of its payment page.
    async fn order(&self) -> (i64, String) {
        let order = self.shop.order(&self.shopper, &self.product, &Uuid::new_v4().to_string()).await;
        let order = order.expect("it is made")["id"].as_i64().expect("an id");
        (order, self.shop.check_out(&self.shopper, order).await)
    }

    /// All spans of the trace in which an order was made.
    fn trace(&self, order: i64) -> Vec<Span> {
        let spans = self.sink.spans();
        let made = |span: &&Span| is(span, CREATED) && span.attribute("shop.order.id") == Some(order.to_string());
        let Some(trace) = spans.iter().find(made).map(Span::trace) else { return Vec::new() };
        spans.into_iter().filter(|span| span.trace() == trace).collect()
    }

    /// The same once it has what is looked for.
    async fn trace_with(&self, order: i64, what: &str, has: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let mut seen = Vec::new();
        let found = tokio::time::timeout(SETTLED, async {
            eventually(2 * SETTLED, what, async || {
                seen = self.trace(order);
                has(&seen).then_some(())
            })
            .await;
        });
        if found.await.is_err() {
            panic!("not in the trace of order {order}: {what}\n{}", told(&seen));
        }
        seen
    }

    fn publish(&self, record: &Value) {
        let mut file = NamedTempFile::new().expect("a file");
        writeln!(file, "{record}").expect("it can be written");
        self.stack.succeeds(&["events", "publish", "order_events", file.path().to_str().expect("a path")]);
    }
}

fn told(spans: &[Span]) -> String {
    let line = |span: &Span| format!("{} {} {}", span.service, span.wire.kind, span.name());
    spans.iter().map(|span| format!("{} <- {:?}\n", line(span), parent(spans, span).map(line))).collect()
}

fn parent<'a>(spans: &'a [Span], of: &Span) -> Option<&'a Span> {
    spans.iter().find(|span| span.id() == of.parent())
}

/// Whether each hop of the flow is there, below the right one, and everybody's parent.
fn is_complete(spans: &[Span]) -> bool {
    let hop = |(service, kind, name, above): &Hop| {
        spans.iter().any(|span| {
            let right = match (above, parent(spans, span)) {
                (Some(above), Some(parent)) => is(parent, *above),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            right && is(span, (service, *kind, name))
        })
    };
    let orphan = |span: &Span| !span.parent().is_empty() && parent(spans, span).is_none();
    let consumers = spans.iter().filter(|span| span.wire.kind == CONSUMER);
    consumers.count() >= 2 * BOTH && FLOW.iter().all(hop) && !spans.iter().any(orphan)
}

/// One root, nothing before its cause, and nothing that only its owner may know.
fn is_sound(spans: &[Span], page: &str, token: &str) {
    let roots: Vec<_> = spans.iter().filter(|span| span.parent().is_empty()).collect();
    assert_eq!(roots.len(), 1, "{}", told(spans));
    let skew = u64::try_from(SKEW.as_nanos()).expect("some milliseconds");
    for span in spans {
        let (begun, ended) = (span.wire.start_time_unix_nano, span.wire.end_time_unix_nano);
        assert!(begun <= ended && ended - begun < 60_000_000_000, "{span:?}");
        let Some(parent) = parent(spans, span) else { continue };
        assert!(begun + skew >= parent.wire.start_time_unix_nano, "{span:?} before {parent:?}");
        // An event, a session and a decision are gone on with later; a call ends within its caller.
        if span.wire.kind == SERVER && parent.wire.kind == CLIENT {
            assert!(ended <= parent.wire.end_time_unix_nano + skew, "{span:?} after {parent:?}");
        }
    }
    let secret = page.rsplit('/').next().expect("a transaction's id");
    let everything = format!("{spans:?}");
    assert!(!everything.contains(secret) && !everything.contains(token), "who reads this could pay");
}

/// Events tell where they stand, and their consumers where they come from.
fn events_are_linked(spans: &[Span], order: i64) {
    let consumers: Vec<_> = spans.iter().filter(|span| span.wire.kind == CONSUMER).collect();
    for consumer in &consumers {
        let producer = parent(spans, consumer).expect("its producer");
        let links: Vec<_> = consumer.wire.links.iter().map(|link| link.span_id.as_slice()).collect();
        assert_eq!(links, [producer.id()], "{consumer:?}");
        for key in ["messaging.kafka.offset", "messaging.destination.partition.id", "messaging.message.id"] {
            assert_eq!(consumer.attribute(key), producer.attribute(key), "{key}");
            assert!(consumer.attribute(key).is_some(), "{key}");
        }
        let group = consumer.attribute("messaging.consumer.group.name");
        assert_eq!(group.as_deref(), Some(consumer.service.as_str()));
        assert_eq!(consumer.attribute("shop.order.id"), Some(order.to_string()));
        assert!(consumer.attribute("shop.redelivered").is_none(), "{consumer:?}");
    }
    assert_eq!(consumers.len(), 2 * BOTH, "two events, two groups:\n{}", told(spans));
    let session = spans.iter().find(|span| is(span, SESSION)).expect("a session");
    let trace = &session.wire.trace_id;
    assert!(session.wire.links.iter().any(|link| link.trace_id != *trace), "the call that opened it: {session:?}");
}

/// The event that tells of the payment, for being published again.
fn paid_event(stack: &Stack, order: i64) -> Value {
    let records = stack.succeeds(&["events", "order_events", "--order", &order.to_string(), "--json"]);
    let mut records = records.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let paid = records.find(|record| record["type"] == "order_paid").expect("the topic has it");
    json!({ "key": paid["key"], "type": paid["type"], "data": paid["value"]["data"], "headers": paid["headers"] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(feature = "docker", ignore = "services send the same, whatever they run on")]
async fn an_order_is_one_trace_from_its_making_to_its_last_consumer_and_what_went_wrong_is_in_it() {
    let watched = Watched::boot().await;
    let Watched { stack, sink, shop, shopper, .. } = &watched;

    let (order, page) = watched.order().await;
    let seen = shop.client().get(&page).send().await.expect("payment answers");
    assert!(seen.status().is_success());
    assert!(shop.pay(&page).await.expect("payment answers").status().is_success());
    shop.becomes(shopper, order, "PAID").await;
    let spans = watched.trace_with(order, "the whole flow", is_complete).await;
    is_sound(&spans, &page, &shopper.token);
    events_are_linked(&spans, order);
    let root = spans.iter().find(|span| span.parent().is_empty()).expect("a root");
    assert_eq!(root.attribute("graphql.operation.type").as_deref(), Some("mutation"));
    assert_eq!(root.attribute("shop.graphql.fields").as_deref(), Some("createOrder"));
    for (service, metric) in [
        ("gateway", "http.server.request.duration"),
        ("order", "rpc.server.call.duration"),
        ("order", "db.client.operation.duration"),
        ("order", "messaging.client.sent.messages"),
        ("recommender", "messaging.client.consumed.messages"),
        ("payment", "kafka.consumer_group.lag"),
        ("product", "db.client.operation.duration"),
    ] {
        eventually(SETTLED, metric, async || sink.metrics(service).contains(&metric.to_owned()).then_some(())).await;
    }

    // The same event again, in the place of a relay that died before it could take it down.
    watched.publish(&paid_event(stack, order));
    let again = watched.trace_with(order, "a redelivery", |spans| {
        let known = |span: &Span| span.attribute("shop.redelivered").as_deref() == Some("true");
        spans.iter().any(|span| span.service == "recommender" && known(span))
    });
    again.await;

    // What no consumer can make anything of.
    watched.publish(&json!({ "key": "poison", "type": "order_paid", "data": {} }));
    let letter = eventually(SETTLED, "a dead letter", async || {
        sink.spans().into_iter().find(|span| span.attribute("shop.dead_letter").is_some())
    });
    let letter = letter.await;
    assert!(letter.failed() && letter.wire.events.iter().any(|event| event.name == "exception"), "{letter:?}");

    // Order is away while payment wants to tell it.
    let (order, page) = watched.order().await;
    stack.succeeds(&["stop", "order"]);
    assert!(shop.pay(&page).await.expect("payment answers").status().is_success());
    let tries = |spans: &[Span]| spans.iter().filter(|span| is(span, TELLS)).cloned().collect::<Vec<_>>();
    watched.trace_with(order, "payment tries again", |spans| tries(spans).len() >= 2).await;
    stack.succeeds(&["start", "order"]);
    let told = watched.trace_with(order, "order is told", |spans| {
        spans.iter().any(|span| is(span, UPDATED)) && tries(spans).iter().any(|span| !span.failed())
    });
    let mut tries = tries(&told.await);
    tries.sort_by_key(|span| span.wire.start_time_unix_nano);
    let (last, failed) = tries.split_last().expect("several");
    assert!(!last.failed() && last.attribute("shop.retry.reason").is_some(), "{last:?}");
    for (n, attempt) in failed.iter().enumerate() {
        assert!(attempt.failed() && attempt.attribute("error.type").is_some(), "{attempt:?}");
        assert_eq!(attempt.attribute("shop.attempt"), Some((n + 1).to_string()), "{attempt:?}");
        let reason = attempt.wire.status.as_ref().map(|status| status.message.as_str()).unwrap_or_default();
        assert!(reason.contains("order's service can't be reached"), "{attempt:?}");
    }
}
