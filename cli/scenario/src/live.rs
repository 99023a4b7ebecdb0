//! A subscription to an order's status, by the protocol `graphql-transport-ws`.

use futures::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

use crate::report::{Expect as _, Failure};

const PROTOCOL: &str = "graphql-transport-ws";
const EXPECTED: &str = "live updates of the order's status";
/// There is one subscription on a connection.
const ID: &str = "1";

/// Tells an order's status, the present one first and then each change.
pub(crate) struct Live(WebSocketStream<MaybeTlsStream<TcpStream>>);

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Value,
}

impl Live {
    /// `gateway` is the address of its GraphQL over HTTP.
    pub(crate) async fn open(gateway: &str, token: &str, order_id: i64) -> Result<Self, Failure> {
        let url = gateway.replacen("http", "ws", 1);
        let mut request = url.into_client_request().expect_that(EXPECTED)?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(PROTOCOL));
        let (socket, _) = connect_async(request).await.expect_that(EXPECTED)?;
        let mut live = Self(socket);
        let credentials = json!({ "authorization": format!("Bearer {token}") });
        live.send(&json!({ "type": "connection_init", "payload": credentials })).await?;
        let welcome = live.frame().await?;
        if welcome.kind != "connection_ack" {
            return Err(Failure::new(EXPECTED, format_args!("{} {}", welcome.kind, welcome.payload)));
        }
        let payload = json!({
            "query": "subscription ($id: Int!) { orderStatus(orderId: $id) { status } }",
            "variables": { "id": order_id },
        });
        live.send(&json!({ "id": ID, "type": "subscribe", "payload": payload })).await?;
        Ok(live)
    }

    /// Waits for the next status.
    pub(crate) async fn next(&mut self) -> Result<String, Failure> {
        loop {
            let Frame { kind, payload } = self.frame().await?;
            match (kind.as_str(), payload["data"]["orderStatus"]["status"].as_str()) {
                ("next", Some(status)) => return Ok(status.to_owned()),
                ("ping", _) => self.send(&json!({ "type": "pong" })).await?,
                _ => return Err(Failure::new(EXPECTED, format_args!("{kind} {payload}"))),
            }
        }
    }

    async fn send(&mut self, frame: &Value) -> Result<(), Failure> {
        self.0.send(Message::text(frame.to_string())).await.expect_that(EXPECTED)
    }

    async fn frame(&mut self) -> Result<Frame, Failure> {
        loop {
            let Some(message) = self.0.next().await else {
                return Err(Failure::new(EXPECTED, "the connection ended"));
            };
            match message.expect_that(EXPECTED)? {
                Message::Text(text) => return serde_json::from_str(&text).expect_that(EXPECTED),
                Message::Close(reason) => return Err(Failure::new(EXPECTED, format_args!("closed: {reason:?}"))),
                // Answered by the library.
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Binary(_) | Message::Frame(_) => return Err(Failure::new(EXPECTED, "binary data")),
            }
        }
    }
}
