use std::time::Duration;

use futures::{SinkExt, StreamExt};
use kit::auth::Mode;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use testkit::eventually;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::shop::{NO_BROKER, Shop};

pub(crate) const SOON: Duration = Duration::from_secs(30);
pub(crate) const MODERN: &str = "graphql-transport-ws";
const LEGACY: &str = "graphql-ws";

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn connect(shop: &Shop, protocol: Option<&str>, origin: Option<&str>) -> Result<Self, Error> {
        let mut request = format!("ws://{}/graphql", shop.address).into_client_request()?;
        let headers = request.headers_mut();
        if let Some(protocol) = protocol {
            headers.insert("sec-websocket-protocol", protocol.parse().expect("a header"));
        }
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().expect("a header"));
        }
        connect_async(request).await.map(|(socket, _)| Self(socket))
    }

    /// Connected and acknowledged.
    pub(crate) async fn open(shop: &Shop, protocol: &str, payload: Value) -> Self {
        let mut socket = Self::connect(shop, Some(protocol), None).await.expect("connected");
        socket.send(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(socket.next().await["type"], "connection_ack");
        socket
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sent");
    }

    pub(crate) async fn subscribe(&mut self, order_id: u64) {
        let query = format!("subscription {{ orderStatus(orderId: {order_id}) {{ id status }} }}");
        self.send(json!({"type": "subscribe", "id": "1", "payload": {"query": query}})).await;
    }

    pub(crate) async fn next(&mut self) -> Value {
        match self.message().await {
            Message::Text(text) => serde_json::from_str(&text).expect("messages are JSON"),
            other => panic!("a text was expected: {other:?}"),
        }
    }

    /// The status in the next message.
    pub(crate) async fn status(&mut self) -> String {
        let message = self.next().await;
        let status = message["payload"]["data"]["orderStatus"]["status"].as_str();
        status.unwrap_or_else(|| panic!("a status was expected: {message}")).to_owned()
    }

    async fn closed(&mut self) -> u16 {
        match self.message().await {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("a close was expected: {other:?}"),
        }
    }

    async fn message(&mut self) -> Message {
        loop {
            match timeout(SOON, self.0.next()).await.expect("a message comes soon") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return message,
                other => panic!("the connection ended: {other:?}"),
            }
        }
    }
}

pub(crate) fn bearer(shop: &Shop, account_id: i64) -> Value {
    json!({"Authorization": format!("Bearer {}", shop.token(account_id, "ada@example.org"))})
}

/// What the topic says of order 1 of account 7.
pub(crate) fn told(kind: &str, status: &str, version: u64) -> String {
    json!({"type": kind, "data": {
        "order_id": 1, "account_id": 7, "total_price": 25.5, "total_cents": 2550, "status": status,
        "version": version, "created_at": "2026-01-02T03:04:05Z",
        "products": [{"product_id": "mug", "quantity": 2, "price_cents": 1275}],
    }})
    .to_string()
}

#[tokio::test]
async fn an_orders_status_comes_at_once_and_after_each_change_and_ends_when_it_is_final() {
    let shop = Shop::with_brokers(Mode::Required, NO_BROKER).await;
    for (protocol, kind) in [(MODERN, "next"), (LEGACY, "data")] {
        shop.fakes.put_order(1, 7, "PENDING", 1);
        let mut socket = Socket::open(&shop, protocol, bearer(&shop, 7)).await;
        socket.subscribe(1).await;
        let first = socket.next().await;
        assert_eq!((&first["type"], &first["id"]), (&json!(kind), &json!("1")), "{first}");
        assert_eq!(first["payload"]["data"]["orderStatus"], json!({"id": 1, "status": "PENDING"}));
        // There is no broker here: the poll alone must find it.
        shop.fakes.put_order(1, 7, "PAYMENT_FAILED", 2);
        assert_eq!(socket.status().await, "PAYMENT_FAILED");
        shop.fakes.put_order(1, 7, "PAID", 3);
        assert_eq!(socket.status().await, "PAID");
        assert_eq!(socket.next().await, json!({"type": "complete", "id": "1"}));
    }
}

#[tokio::test]
async fn an_event_is_told_without_waiting_for_the_poll_and_only_to_who_may_see_it() {
    let shop = Shop::required().await;
    let brokers = shop.broker.as_ref().expect("it was started").brokers();
    shop.fakes.put_order(1, 7, "PENDING", 1);
    let mut socket = Socket::open(&shop, MODERN, bearer(&shop, 7)).await;
    socket.subscribe(1).await;
    assert_eq!(socket.status().await, "PENDING");
    let mut stranger = Socket::open(&shop, MODERN, bearer(&shop, 8)).await;
    stranger.subscribe(1).await;
    let refused = stranger.next().await;
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "NOT_FOUND", "{refused}");

    // Only the event says so; what the poll finds stays PENDING at version 1.
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a producer");
    for (kind, status, version) in [("order_payment_failed", "PAYMENT_FAILED", 2), ("order_paid", "PAID", 3)] {
        let value = told(kind, status, version);
        let record = FutureRecord::to("order_events").key("1").payload(&value);
        producer.send(record, SOON).await.expect("published");
    }
    assert_eq!(socket.status().await, "PAYMENT_FAILED");
    assert_eq!(socket.status().await, "PAID");
    assert_eq!(socket.next().await["type"], "complete");
    assert_eq!(stranger.next().await["type"], "complete", "the stranger heard nothing more");
}

#[tokio::test]
async fn an_outage_of_order_does_not_end_a_subscription() {
    let shop = Shop::required().await;
    shop.fakes.put_order(1, 7, "PENDING", 1);
    let mut socket = Socket::open(&shop, MODERN, bearer(&shop, 7)).await;
    socket.subscribe(1).await;
    assert_eq!(socket.status().await, "PENDING");
    shop.fakes.state().failure = Some(tonic::Status::unavailable("away"));
    let before = shop.fakes.calls("get_order").len();
    eventually(SOON, "the gateway asked in vain", async || {
        (shop.fakes.calls("get_order").len() > before).then_some(())
    })
    .await;
    shop.fakes.put_order(1, 7, "PAID", 2);
    shop.fakes.state().failure = None;
    assert_eq!(socket.status().await, "PAID");
}

#[tokio::test]
async fn a_bad_token_is_refused_in_connection_init_and_none_is_nobody() {
    let shop = Shop::required().await;
    shop.fakes.put_order(1, 7, "PENDING", 1);
    for payload in [json!({"Authorization": "Bearer forged"}), json!({"authorization": ""}), json!({"token": "forged"})]
    {
        let mut socket = Socket::connect(&shop, Some(MODERN), None).await.expect("connected");
        socket.send(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(socket.closed().await, 4403, "{payload}");
    }
    let mut socket = Socket::open(&shop, MODERN, json!({})).await;
    socket.send(json!({"type": "subscribe", "id": "h", "payload": {"query": "{ hello }"}})).await;
    assert_eq!(socket.next().await["type"], "next", "what is public needs no token");
    assert_eq!(socket.next().await["type"], "complete");
    socket.subscribe(1).await;
    let refused = socket.next().await;
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{refused}");
}

#[tokio::test]
async fn connections_that_break_the_rules_are_refused_or_closed() {
    let shop = Shop::required().await;
    let status = |result: Result<Socket, Error>| match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("an HTTP answer was expected: {other}"),
        Ok(_) => 101,
    };
    let own = format!("http://{}", shop.address);
    assert_eq!(status(Socket::connect(&shop, Some(MODERN), Some(&own)).await), 101);
    for foreign in ["http://evil.test", "null", "http://127.0.0.1:1", "https://localhost", "file://"] {
        assert_eq!(status(Socket::connect(&shop, Some(MODERN), Some(foreign)).await), 403, "{foreign}");
        assert_eq!(status(Socket::connect(&shop, Some(LEGACY), Some(foreign)).await), 403, "{foreign}");
    }
    assert_eq!(status(Socket::connect(&shop, None, None).await), 400, "no protocol");
    assert_eq!(status(Socket::connect(&shop, Some("mqtt"), None).await), 400, "another protocol");

    let mut early = Socket::connect(&shop, Some(MODERN), None).await.expect("connected");
    early.subscribe(1).await;
    assert_eq!(early.closed().await, 4401);

    let mut garbled = Socket::connect(&shop, Some(MODERN), None).await.expect("connected");
    garbled.0.send(Message::text("{")).await.expect("sent");
    assert_eq!(garbled.closed().await, 4400);
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_connection_with_the_reason() {
    let shop = Shop::with_brokers(Mode::Required, NO_BROKER).await;
    let query = |size: usize| {
        let comment = "#".repeat(size);
        Message::text(
            json!({"type": "subscribe", "id": "1", "payload": {"query": format!("{{ hello }}{comment}")}}).to_string(),
        )
    };
    let mut fits = Socket::open(&shop, MODERN, json!({})).await;
    fits.0.send(query(64_000)).await.expect("sent");
    assert_eq!(fits.next().await["type"], "next");
    // The last is so long that it is not even read: the server may hang up before all of it is sent.
    for size in [70_000, 200_000, 4_000_000] {
        let mut long = Socket::open(&shop, MODERN, json!({})).await;
        drop(long.0.send(query(size)).await);
        match timeout(SOON, long.0.next()).await.expect("an end") {
            Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1009, "{size}"),
            other => assert!(size > 1_000_000, "{size}: {other:?}"),
        }
    }
    let mut pieces = Socket::open(&shop, MODERN, json!({})).await;
    let piece = |code, last| Frame::message("x".repeat(1000), code, last);
    pieces.0.send(Message::Frame(piece(OpCode::Data(Data::Text), false))).await.expect("sent");
    for _ in 0..100 {
        pieces.0.send(Message::Frame(piece(OpCode::Data(Data::Continue), false))).await.expect("sent");
    }
    pieces.0.send(Message::Frame(piece(OpCode::Data(Data::Continue), true))).await.expect("sent");
    assert_eq!(pieces.closed().await, 1009);
}

#[tokio::test]
async fn bytes_that_are_no_websocket_end_the_connection_with_the_reason() {
    let shop = Shop::with_brokers(Mode::Required, NO_BROKER).await;
    for (frame, code) in [
        (Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true), 1007),
        (Frame::message(vec![], OpCode::Data(Data::Continue), true), 1002),
    ] {
        let mut socket = Socket::open(&shop, MODERN, json!({})).await;
        socket.0.send(Message::Frame(frame)).await.expect("sent");
        assert_eq!(socket.closed().await, code);
    }
}

#[tokio::test]
async fn who_never_says_connection_init_is_sent_away() {
    let shop = Shop::with_brokers(Mode::Required, NO_BROKER).await;
    let mut silent = Socket::connect(&shop, Some(MODERN), None).await.expect("connected");
    assert_eq!(silent.closed().await, 4408);
}

#[tokio::test]
async fn websockets_are_limited_in_number_and_leave_room_when_they_go() {
    let shop = Shop::with_brokers(Mode::Required, NO_BROKER).await;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    // Both ends of 512 connections are in this process.
    if hard < 1500 {
        return eprintln!("not tried: this system allows no more than {hard} open files");
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(hard.min(4096)), hard)
        .expect("the soft limit may rise to the hard one");
    let mut sockets = Vec::new();
    for _ in 0..512 {
        sockets.push(Socket::connect(&shop, Some(MODERN), None).await.expect("connected"));
    }
    let refused = async || match Socket::connect(&shop, Some(MODERN), None).await {
        Err(Error::Http(response)) => Some(response.status().as_u16()),
        Err(other) => panic!("an HTTP answer was expected: {other}"),
        Ok(_) => None,
    };
    assert_eq!(refused().await, Some(503));
    shop.client().query("{ hello }").await.data();
    drop(sockets);
    eventually(SOON, "there is room again", async || refused().await.is_none().then_some(())).await;
}

#[tokio::test]
async fn limits_hold_on_a_websocket_too() {
    let shop = Shop::required().await;
    shop.fakes.put_order(1, 7, "PENDING", 1);
    let mut socket = Socket::open(&shop, MODERN, bearer(&shop, 7)).await;
    let bomb = "{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...a }";
    socket.send(json!({"type": "subscribe", "id": "b", "payload": {"query": bomb}})).await;
    let refused = socket.next().await;
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "INVALID_ARGUMENT", "{refused}");
    assert_eq!(socket.next().await["type"], "complete");

    let query = "subscription { orderStatus(orderId: 1) { status } }";
    for id in 0..21 {
        socket.send(json!({"type": "subscribe", "id": id.to_string(), "payload": {"query": query}})).await;
    }
    let refused = eventually(SOON, "the operation over the limit is refused", async || {
        let message = socket.next().await;
        let code = message["payload"]["errors"][0]["extensions"]["code"].as_str()?;
        Some(code.to_owned())
    })
    .await;
    assert_eq!(refused, "RESOURCE_EXHAUSTED");
}

#[tokio::test]
async fn a_shutdown_closes_websockets_with_going_away() {
    let shop = Shop::required().await;
    let mut socket = Socket::open(&shop, MODERN, json!({})).await;
    shop.shutdown.begin();
    assert_eq!(socket.closed().await, 1001);
}
