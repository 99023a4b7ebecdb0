//! The doors of this service: gRPC for the shop, HTTP for the provider and for the person who pays.

mod accept;
mod checkout;
mod grpc;
mod html;
mod webhook;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::routing::{get, post};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::provider::Provider;
use crate::signature::Secrets;
use crate::store::{self, Store};
use crate::teller::Teller;

pub(crate) use grpc::Grpc;

/// What the HTTP handlers share.
#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) store: Store,
    pub(crate) secrets: Secrets,
    pub(crate) provider: Provider,
    pub(crate) teller: Teller,
}

/// How the routes begin whose requests belong to an order's trace, which its transaction knows: whoever pays comes from a
/// browser.
pub(crate) const PAGES: &[&str] = &["/simulate_payment"];

pub(crate) fn router(state: Http) -> Router {
    Router::new()
        .route("/webhook/payment", post(webhook::receive).layer(DefaultBodyLimit::max(webhook::LIMIT)))
        .route("/simulate_payment/{transaction_id}", get(checkout::page))
        .route(
            "/simulate_payment_action/{transaction_id}/{outcome}",
            // A HEAD, which `get` would answer too, only looks: it must not pay.
            get(checkout::act).post(checkout::press).head(|| async { StatusCode::METHOD_NOT_ALLOWED }),
        )
        // Whoever has a link may pay: it stays out of caches.
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .with_state(state)
}

/// The answer to a failure of the store: 503 if it may pass. What exactly failed is for our log.
fn failure(error: &store::Error) -> (StatusCode, &'static str) {
    if error.is_outage() {
        tracing::warn!(%error, "the store is away");
        (StatusCode::SERVICE_UNAVAILABLE, "payment's store can't be reached, try again")
    } else {
        tracing::error!(%error, "the store failed");
        (StatusCode::INTERNAL_SERVER_ERROR, "internal error")
    }
}
