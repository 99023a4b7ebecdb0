//! GraphQL over a websocket: `graphql-transport-ws`, and the older protocol that calls itself `graphql-ws`.

use std::error::Error as _;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_graphql::Data;
use async_graphql::http::{ALL_WEBSOCKET_PROTOCOLS, WebSocket as GraphqlSocket, WebSocketProtocols, WsMessage};
use axum::body::Bytes;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::response::Response;
use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt, future};
use http::{HeaderMap, HeaderValue, StatusCode};
use kit::telemetry::TRACEPARENT;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite;
use tonic::Code;

use super::{App, Refusal};
use crate::graphql::{Metered, Origin};
use crate::session::Session;

/// Bytes of one message, in as many frames as it likes.
const MESSAGE: usize = 64 * 1024;
/// Bytes of a message that are read at all: closing with some of it unread resets the connection, and the client may never
/// learn why.
const READ: usize = 4 * MESSAGE;
/// From the upgrade to a good `connection_init`.
const INIT: Duration = Duration::from_secs(10);
/// How often a client must show that it is there.
const PING: Duration = Duration::from_secs(30);
/// How long a client may take to read one message.
const SEND: Duration = Duration::from_secs(10);
/// The reason that goes with a refused `connection_init`.
const FORBIDDEN: &str = "the bearer token is not valid";

pub(super) fn open(app: App, upgrade: WebSocketUpgrade, headers: &HeaderMap) -> Result<Response, Refusal> {
    let session = app.session(headers)?;
    let upgrade = upgrade.protocols(ALL_WEBSOCKET_PROTOCOLS).max_message_size(READ).max_frame_size(READ);
    let protocol = upgrade.selected_protocol().and_then(protocol).ok_or_else(|| {
        let told = format!("the websocket's protocol must be one of {}", ALL_WEBSOCKET_PROTOCOLS.join(", "));
        Refusal::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, told)
    })?;
    let permit = Arc::clone(&app.sockets).try_acquire_owned().map_err(|_| {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Code::ResourceExhausted, "too many websockets are open")
    })?;
    Ok(upgrade.on_upgrade(async move |socket| {
        serve(app, socket, protocol, session).await;
        drop(permit);
    }))
}

fn protocol(selected: &HeaderValue) -> Option<WebSocketProtocols> {
    WebSocketProtocols::from_str(selected.to_str().ok()?).ok()
}

async fn serve(app: App, socket: WebSocket, protocol: WebSocketProtocols, upgraded: Session) {
    let (mut sink, stream) = socket.split();
    let (alive, initialised) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let (seen, acknowledged, verifier) = (Arc::clone(&alive), Arc::clone(&initialised), Arc::clone(&app.verifier));
    let fault = Arc::new(OnceLock::new());
    let found = Arc::clone(&fault);
    let input = stream.map(read).take_while(move |read| {
        seen.store(true, Ordering::Relaxed);
        // The first fault is the last message.
        future::ready(read.as_ref().map_err(|fault| found.set(*fault)).is_ok())
    });
    let input = input.filter_map(|read| future::ready(read.ok().flatten()));
    let mut output =
        GraphqlSocket::new(Metered::new(app.schema), input, protocol).on_connection_init(move |payload| async move {
            let session = match authorization(&payload) {
                Some(authorization) => {
                    Session::new(verifier, Some(authorization)).map_err(|_| async_graphql::Error::new(FORBIDDEN))?
                }
                None => upgraded,
            };
            session.caller().map_err(|_| async_graphql::Error::new(FORBIDDEN))?;
            acknowledged.store(true, Ordering::Relaxed);
            let mut data = Data::default();
            data.insert(session);
            if let Some(Value::String(traceparent)) = header(&payload, TRACEPARENT) {
                data.insert(Origin(traceparent));
            }
            Ok(data)
        });
    let mut ping = interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let uninitialised = async {
        sleep(INIT).await;
        if initialised.load(Ordering::Relaxed) {
            future::pending::<()>().await;
        }
    };
    let draining = app.shutdown.draining();
    tokio::pin!(uninitialised, draining);
    loop {
        let message = tokio::select! {
            message = output.next() => match message {
                Some(WsMessage::Text(text)) => Message::Text(text.into()),
                Some(WsMessage::Close(code, reason)) => closing(code, reason),
                None => fault.get().map_or_else(|| close(1000, "bye"), |fault| fault.close()),
            },
            () = &mut uninitialised => close(4408, "connection initialisation timeout"),
            () = &mut draining => close(1001, "the service is shutting down"),
            _ = ping.tick() => match alive.swap(false, Ordering::Relaxed) {
                true => Message::Ping(Vec::new().into()),
                false => return,
            },
        };
        let last = matches!(message, Message::Close(_));
        if !send(&mut sink, message).await || last {
            return;
        }
    }
}

/// Why no more is read of a client.
#[derive(Clone, Copy, Debug)]
enum Fault {
    TooLong,
    NotText,
    NotWebsocket,
    /// The connection broke: nobody hears.
    Gone,
}

impl Fault {
    fn close(self) -> Message {
        match self {
            Self::TooLong => close(1009, &format!("a message has at most {MESSAGE} bytes")),
            Self::NotText => close(1007, "a text must be UTF-8"),
            Self::NotWebsocket => close(1002, "that is not how websockets speak"),
            Self::Gone => close(1000, "bye"),
        }
    }
}

/// What is in a message for GraphQL, if anything.
fn read(message: Result<Message, axum::Error>) -> Result<Option<Bytes>, Fault> {
    match message {
        Ok(message @ (Message::Text(_) | Message::Binary(_))) => match message.into_data() {
            data if data.len() > MESSAGE => Err(Fault::TooLong),
            data => Ok(Some(data)),
        },
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => Ok(None),
        Err(error) => Err(match error.source().and_then(|source| source.downcast_ref()) {
            Some(tungstenite::Error::Capacity(_)) => Fault::TooLong,
            Some(tungstenite::Error::Utf8(_)) => Fault::NotText,
            Some(tungstenite::Error::Protocol(_)) => Fault::NotWebsocket,
            Some(_) | None => Fault::Gone,
        }),
    }
}

/// False if the client is gone, or does not read.
async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    matches!(timeout(SEND, sink.send(message)).await, Ok(Ok(())))
}

/// async-graphql closes with general codes; clients of `graphql-transport-ws` decide by these whether to try again.
fn closing(code: u16, reason: String) -> Message {
    match code {
        1002 if reason == FORBIDDEN => close(4403, FORBIDDEN),
        1002 => close(4400, "invalid message"),
        1011 => close(4401, "unauthorized: connection_init comes first"),
        code => close(code, &reason),
    }
}

fn close(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

/// What clients put where others have headers, by its name in any case: in the payload of `connection_init`, or among its
/// `headers`.
fn header(payload: &Value, name: &str) -> Option<Value> {
    field(payload, name).or_else(|| field(&field(payload, "headers")?, name))
}

fn field(object: &Value, name: &str) -> Option<Value> {
    let (_, value) = object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.clone())
}

/// The `authorization` in the payload of `connection_init`: by that name in any case, there or among `headers`, or as a
/// bare `token`.
fn authorization(payload: &Value) -> Option<String> {
    match header(payload, "authorization") {
        // What is no text is no token either, and must not pass for none.
        Some(header) => Some(header.as_str().unwrap_or_default().to_owned()),
        None => field(payload, "token").map(|token| format!("Bearer {}", token.as_str().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_found_where_clients_put_it() {
        for (payload, found) in [
            (json!(null), None),
            (json!({}), None),
            (json!({"other": 1}), None),
            (json!({"Authorization": "Bearer x"}), Some("Bearer x")),
            (json!({"authorization": "Bearer x"}), Some("Bearer x")),
            (json!({"headers": {"Authorization": "Bearer x"}}), Some("Bearer x")),
            (json!({"token": "x"}), Some("Bearer x")),
            (json!({"authorization": 7}), Some("")),
        ] {
            assert_eq!(authorization(&payload).as_deref(), found, "{payload}");
        }
    }
}
