//! A product service as far as order knows it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::IntervalStream;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// With this status, and nothing that could be read.
    Failing(u16),
    /// Takes a request and never answers.
    Silent,
    /// Begins an answer and goes on with a byte now and then.
    Dripping,
    /// Breaks off in the middle of an answer.
    Breaking,
    /// Answers with this instead of prices.
    Saying(&'static str),
}

#[derive(Clone)]
pub(crate) struct Product {
    state: Arc<Mutex<Shelf>>,
    pub(crate) address: SocketAddr,
    server: Arc<JoinHandle<()>>,
}

struct Shelf {
    prices: BTreeMap<String, f64>,
    mood: Mood,
    calls: usize,
}

impl Product {
    /// Sells `mug` at 2.55 and `bag` at 0.10.
    pub(crate) async fn start() -> Self {
        let prices = [("mug", 2.55), ("bag", 0.10)].map(|(id, price)| (id.to_owned(), price)).into();
        let state = Arc::new(Mutex::new(Shelf { prices, mood: Mood::Well, calls: 0 }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let app = Router::new().route("/products/batch", post(batch)).with_state(state.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        Self { state, address, server: Arc::new(server) }
    }

    pub(crate) fn sell(&self, id: &str, price: f64) {
        self.shelf(|shelf| shelf.prices.insert(id.to_owned(), price));
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.shelf(|shelf| shelf.mood = mood);
    }

    pub(crate) fn calls(&self) -> usize {
        self.shelf(|shelf| shelf.calls)
    }

    /// Nobody listens at its address any more.
    pub(crate) fn stop(&self) {
        self.server.abort();
    }

    fn shelf<T>(&self, look: impl FnOnce(&mut Shelf) -> T) -> T {
        look(&mut self.state.lock().expect("nobody panics with it"))
    }
}

async fn batch(State(state): State<Arc<Mutex<Shelf>>>, Json(request): Json<Value>) -> Response {
    let (prices, mood) = {
        let mut shelf = state.lock().expect("nobody panics with it");
        shelf.calls += 1;
        (shelf.prices.clone(), shelf.mood)
    };
    match mood {
        Mood::Well => {}
        Mood::Failing(status) => return StatusCode::from_u16(status).expect("a status").into_response(),
        Mood::Silent => std::future::pending().await,
        Mood::Dripping => {
            let drops = IntervalStream::new(tokio::time::interval(Duration::from_millis(100)));
            return Body::from_stream(drops.map(|_| Ok::<_, io::Error>(" "))).into_response();
        }
        Mood::Breaking => {
            let broken = io::Error::from(io::ErrorKind::ConnectionReset);
            return Body::from_stream(stream::iter([Ok(r#"{"items": ["#), Err(broken)])).into_response();
        }
        Mood::Saying(body) => return ([(CONTENT_TYPE, "application/json")], body).into_response(),
    }
    let ids: Vec<&str> = request["ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (known, missing): (Vec<&str>, Vec<&str>) = ids.into_iter().partition(|id| prices.contains_key(*id));
    let items: Vec<Value> = known.into_iter().map(|id| json!({"id": id, "price": prices[id]})).collect();
    Json(json!({"items": items, "missing": missing})).into_response()
}
