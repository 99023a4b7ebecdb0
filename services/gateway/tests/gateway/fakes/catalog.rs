//! Product's REST interface.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use kit::{Readiness, Shutdown};
use serde_json::{Value, json};

use super::{Call, Fakes};

pub(crate) async fn serve(fakes: &Fakes, shutdown: &Shutdown) -> SocketAddr {
    let listener = kit::http::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new()
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/products/", get(list).post(create))
        .route("/products/search", get(search))
        .route("/products/batch", post(batch))
        .route("/products/{id}", put(update).delete(delete))
        .with_state(fakes.clone());
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        kit::http::serve(listener, router, kit::http::Settings::default(), Readiness::new(), &shutdown).await
    });
    address
}

type Answer = (StatusCode, Json<Value>);
type Parameters = Query<BTreeMap<String, String>>;

fn page(fakes: &Fakes, method: &'static str, parameters: &BTreeMap<String, String>) -> Answer {
    let mut state = fakes.state();
    state.calls.push(Call { method, authorization: None, detail: format!("{parameters:?}") });
    let limit: usize = parameters["limit"].parse().expect("a number");
    assert!((1..=100).contains(&limit), "the contract's limits");
    let after = parameters.get("cursor").cloned().unwrap_or_default();
    let rest: Vec<_> = state.products.iter().filter(|(id, _)| **id > after).collect();
    let items: Vec<_> = rest.iter().take(limit).map(|(_, product)| (*product).clone()).collect();
    let next_cursor = if rest.len() > limit { Some(rest[limit - 1].0) } else { None };
    (StatusCode::OK, Json(json!({"items": items, "next_cursor": next_cursor})))
}

async fn list(State(fakes): State<Fakes>, Query(parameters): Parameters) -> Answer {
    page(&fakes, "list", &parameters)
}

async fn search(State(fakes): State<Fakes>, Query(parameters): Parameters) -> Answer {
    page(&fakes, "search", &parameters)
}

async fn batch(State(fakes): State<Fakes>, Json(body): Json<Value>) -> Answer {
    let mut state = fakes.state();
    state.calls.push(Call { method: "batch", authorization: None, detail: body["ids"].to_string() });
    let ids = body["ids"].as_array().expect("a list").iter().map(|id| id.as_str().expect("text"));
    let (items, missing): (Vec<_>, Vec<_>) = ids.partition(|id| state.products.contains_key(*id));
    let items: Vec<_> = items.into_iter().map(|id| &state.products[id]).collect();
    (StatusCode::OK, Json(json!({"items": items, "missing": missing})))
}

/// The caller's account, or what to refuse with.
fn seller(fakes: &Fakes, method: &'static str, headers: &HeaderMap) -> Result<i64, Answer> {
    let authorization = headers.get("authorization").map(|value| value.to_str().expect("ASCII").to_owned());
    fakes.state().calls.push(Call { method, authorization, detail: String::new() });
    match fakes.verifier.http_caller(headers) {
        Ok(kit::auth::Caller::User { account_id, .. }) => Ok(account_id),
        _ => Err((StatusCode::UNAUTHORIZED, Json(json!({"detail": "Not authenticated"})))),
    }
}

fn invalid(body: &Value) -> Option<Answer> {
    let price = body["price"].as_f64().expect("a number");
    (price < 0.0).then(|| {
        let issue =
            json!({"type": "greater_than_equal", "loc": ["body", "price"], "msg": "Input should be at least 0"});
        (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"detail": [issue]})))
    })
}

async fn create(State(fakes): State<Fakes>, headers: HeaderMap, Json(mut body): Json<Value>) -> Answer {
    let account_id = match seller(&fakes, "create", &headers) {
        Ok(account_id) => account_id,
        Err(refusal) => return refusal,
    };
    if let Some(refusal) = invalid(&body) {
        return refusal;
    }
    let mut state = fakes.state();
    let id = format!("p{:03}", state.products.len());
    body["id"] = id.clone().into();
    body["account_id"] = account_id.into();
    state.products.insert(id, body.clone());
    (StatusCode::CREATED, Json(body))
}

fn own(fakes: &Fakes, id: &str, account_id: i64) -> Result<(), Answer> {
    match fakes.state().products.get(id) {
        None => Err((StatusCode::NOT_FOUND, Json(json!({"detail": "Product not found"})))),
        Some(product) if product["account_id"] != account_id => {
            Err((StatusCode::FORBIDDEN, Json(json!({"detail": "The product belongs to another account"}))))
        }
        Some(_) => Ok(()),
    }
}

async fn update(
    State(fakes): State<Fakes>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(mut body): Json<Value>,
) -> Answer {
    let account_id = match seller(&fakes, "update", &headers) {
        Ok(account_id) => account_id,
        Err(refusal) => return refusal,
    };
    if let Err(refusal) = own(&fakes, &id, account_id) {
        return refusal;
    }
    body["id"] = id.clone().into();
    body["account_id"] = account_id.into();
    fakes.state().products.insert(id, body.clone());
    (StatusCode::OK, Json(body))
}

async fn delete(State(fakes): State<Fakes>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let account_id = match seller(&fakes, "delete", &headers) {
        Ok(account_id) => account_id,
        Err(refusal) => return refusal,
    };
    if let Err(refusal) = own(&fakes, &id, account_id) {
        return refusal;
    }
    fakes.state().products.remove(&id);
    (StatusCode::NO_CONTENT, Json(Value::Null))
}
