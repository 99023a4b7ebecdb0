//! `/health/upstreams`: which of the services behind the gateway answer. For people and dashboards; always 200, because
//! the gateway itself is well.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use bus::Feed;
use futures::future::join_all;
use serde_json::{Value, json};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::upstream::{Upstreams, public};

/// How long a service may take to say that it is well.
const ANSWER: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Watched {
    upstreams: Upstreams,
    feed: Feed,
}

pub(crate) fn router(upstreams: &Upstreams, feed: &Feed) -> Router {
    let watched = Watched { upstreams: upstreams.clone(), feed: feed.clone() };
    Router::new().route("/health/upstreams", get(report)).with_state(watched)
}

async fn report(State(watched): State<Watched>) -> Json<Value> {
    let grpc = watched.upstreams.health.iter().map(|(name, client)| async move {
        let mut client = client.clone();
        let answer = client.check(public(HealthCheckRequest::default(), ANSWER)).await;
        (*name, answer.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving))
    });
    let (grpc, product) = tokio::join!(join_all(grpc), watched.upstreams.catalog.is_well(ANSWER));
    let kafka = *watched.feed.connected().borrow();
    let upstreams: BTreeMap<_, _> = grpc.into_iter().chain([("product", product), ("kafka", kafka)]).collect();
    let status = if upstreams.values().all(|well| *well) { "ok" } else { "degraded" };
    let words: BTreeMap<_, _> =
        upstreams.into_iter().map(|(name, well)| (name, if well { "ok" } else { "unavailable" })).collect();
    Json(json!({"status": status, "upstreams": words}))
}
