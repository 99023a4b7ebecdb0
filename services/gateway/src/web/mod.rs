//! The HTTP side: GraphQL by POST and over websockets, and GraphiQL for people.

mod graphiql;
mod post;
mod socket;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State, WebSocketUpgrade};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{ALLOW, UPGRADE};
use http::{HeaderMap, StatusCode};
use kit::Shutdown;
use kit::auth::Verifier;
use serde_json::json;
use tokio::sync::Semaphore;
use tonic::Code;

use crate::error::Error;
use crate::graphql::Schema;
use crate::session::Session;

/// Websockets at a time.
const SOCKETS: usize = 512;

#[derive(Clone)]
pub(crate) struct App {
    schema: Schema,
    verifier: Arc<Verifier>,
    sockets: Arc<Semaphore>,
    shutdown: Shutdown,
}

pub(crate) fn router(schema: Schema, verifier: Verifier, shutdown: &Shutdown) -> Router {
    let sockets = Arc::new(Semaphore::new(SOCKETS));
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/graphql") }))
        .route("/graphql", get(read).post(post::execute).layer(DefaultBodyLimit::max(post::BODY)))
        .route("/graphql/assets/{name}", get(graphiql::asset))
        .with_state(App { schema, verifier: Arc::new(verifier), sockets, shutdown: shutdown.clone() })
}

/// `GET /graphql`: a websocket, or the page for a browser. Queries come by POST only, where a browser asks before it sends
/// another site's.
async fn read(State(app): State<App>, request: Request) -> Response {
    if request.headers().contains_key(UPGRADE) {
        let (mut parts, _) = request.into_parts();
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => socket::open(app, upgrade, &parts.headers).unwrap_or_else(IntoResponse::into_response),
            Err(rejection) => rejection.into_response(),
        };
    }
    if graphiql::is_wanted(request.headers()) {
        return graphiql::page();
    }
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Code::InvalidArgument, "send queries by POST, as JSON");
    ([(ALLOW, "POST")], refusal).into_response()
}

impl App {
    fn session(&self, headers: &HeaderMap) -> Result<Session, Refusal> {
        Session::from_headers(Arc::clone(&self.verifier), headers)
            .map_err(|unreadable| Refusal::new(StatusCode::UNAUTHORIZED, Code::Unauthenticated, unreadable.to_string()))
    }
}

/// What is refused before there is a query; told in the shape of a GraphQL error.
struct Refusal {
    status: StatusCode,
    error: Error,
}

impl Refusal {
    fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, error: Error::new(code, message) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = json!({"message": self.error.to_string(), "extensions": {"code": self.error.code()}});
        (self.status, Json(json!({"errors": [error]}))).into_response()
    }
}
