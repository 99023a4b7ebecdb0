//! What a trace tells of operations over a websocket.

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use testkit::eventually;
use testkit::otlp::{Sink, Span};
use tokio::time::timeout;

use crate::shop::Shop;
use crate::sockets::{MODERN, SOON, Socket, bearer, told};

const SERVER: i32 = 2;
const CONSUMER: i32 = 5;

/// A trace that somebody else has begun, and keeps.
fn traceparent(trace: char) -> String {
    format!("00-{}-b7ad6b7169203331-01", trace.to_string().repeat(32))
}

/// The span of that name, in the trace that somebody else has begun.
async fn span(sink: &Sink, trace: char, name: &str) -> Span {
    let what = format!("{name} in trace {trace}");
    let found = timeout(
        SOON,
        eventually(2 * SOON, &what, async || {
            let trace = trace.to_string().repeat(32);
            sink.spans().into_iter().find(|span| span.trace() == trace && span.name() == name)
        }),
    );
    match found.await {
        Ok(span) => span,
        Err(_) => panic!("no {what} in {:#?}", sink.spans()),
    }
}

/// Asks on a websocket, and reads the first answer.
async fn ask(socket: &mut Socket, query: &str, extensions: Value) {
    let payload = json!({"query": query, "extensions": extensions});
    socket.send(json!({"type": "subscribe", "id": "1", "payload": payload})).await;
    let answer = socket.next().await;
    assert!(answer["payload"]["errors"].is_null(), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_is_a_span_in_its_clients_trace_and_an_event_that_is_told_one_in_its_own() {
    let sink = Sink::start().await;
    let endpoint = sink.endpoint();
    let shop = Shop::program(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "20")]).await;
    shop.fakes.put_order(1, 7, "PENDING", 1);
    let mut payload = bearer(&shop, 7);
    payload["traceparent"] = traceparent('a').into();
    let mut socket = Socket::open(&shop, MODERN, payload).await;
    ask(&mut socket, "query Mine { order(id: 1) { status } }", json!({})).await;
    assert_eq!(socket.next().await["type"], "complete");
    let query = span(&sink, 'a', "query").await;
    for (key, value) in [("graphql.operation.type", "query"), ("graphql.operation.name", "Mine")] {
        assert_eq!(query.attribute(key).as_deref(), Some(value), "{query:?}");
    }
    assert_eq!((query.wire.kind, query.failed()), (SERVER, false), "{query:?}");
    let call = span(&sink, 'a', "pb.OrderService/GetOrder").await;
    assert_eq!(call.parent(), query.id(), "{call:?}");

    // What comes with the message goes before what came with the connection.
    let subscription = "subscription { orderStatus(orderId: 1) { status } }";
    ask(&mut socket, subscription, json!({"traceparent": traceparent('b')})).await;
    let began = span(&sink, 'b', "subscription").await;
    assert_eq!(began.attribute("shop.graphql.fields").as_deref(), Some("orderStatus"), "{began:?}");

    // That span has ended, and the subscription has not.
    let brokers = shop.broker.as_ref().expect("it was started").brokers();
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a producer");
    let value = told("order_paid", "PAID", 2);
    let origin = traceparent('c');
    let headers = OwnedHeaders::new().insert(Header { key: "traceparent", value: Some(&origin) });
    let record = FutureRecord::to("order_events").key("1").payload(&value).headers(headers);
    producer.send(record, SOON).await.expect("published");
    assert_eq!(socket.status().await, "PAID");
    let event = span(&sink, 'c', "process order_events").await;
    assert_eq!((event.wire.kind, event.wire.links.len()), (CONSUMER, 1), "{event:?}");
    for (key, value) in [("messaging.destination.name", "order_events"), ("shop.order.id", "1")] {
        assert_eq!(event.attribute(key).as_deref(), Some(value), "{event:?}");
    }
}
