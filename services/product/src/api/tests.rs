//! What clients are told while the store can't be reached.

use anyhow::anyhow;
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use kit::auth::{Config, Mode, Owner};
use testkit::keys::Keys;
use tower::ServiceExt;

use super::*;
use crate::domain::{Actor, Details, Draft, Page, Position, Product, Search};
use crate::store::{ChangeError, Unavailable};

/// A store that is away.
struct Away;

fn away() -> Unavailable {
    Unavailable(anyhow!("the disk is full"))
}

#[async_trait]
impl Catalog for Away {
    async fn create(&self, _: Vec<Draft>) -> Result<Vec<Product>, Unavailable> {
        Err(away())
    }

    async fn update(&self, _: &str, _: Actor, _: Details) -> Result<Product, ChangeError> {
        Err(away().into())
    }

    async fn delete(&self, _: &str, _: Actor) -> Result<(), ChangeError> {
        Err(away().into())
    }

    async fn get(&self, _: &str) -> Result<Option<Product>, Unavailable> {
        Err(away())
    }

    async fn batch(&self, _: Vec<String>) -> Result<Vec<Product>, Unavailable> {
        Err(away())
    }

    async fn list(&self, _: Option<u64>, _: usize) -> Result<Page<u64>, Unavailable> {
        Err(away())
    }

    async fn search(&self, _: Search) -> Result<Page<Position>, Unavailable> {
        Err(away())
    }

    async fn check(&self) -> Result<(), Unavailable> {
        Err(away())
    }
}

async fn answer(method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let keys = Keys::new("test");
    let config = Config { instance: "test".to_owned(), jwks: keys.jwks(), mode: Mode::Open, signing_key: None };
    let verifier = Verifier::load(&config, Owner::Product).expect("the keys were just made");
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).expect("a request");
    let response = router(Arc::new(Away), verifier).oneshot(request).await.expect("it answers");
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("a whole answer");
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

#[tokio::test]
async fn a_store_that_is_away_is_told_as_503_and_never_as_not_found() {
    let product = json!({"name": "Cup", "description": "", "price": 1, "account_id": 7});
    for (method, path, body) in [
        (Method::GET, "/health", Value::Null),
        (Method::GET, "/products/", Value::Null),
        (Method::GET, "/products/search?q=cup", Value::Null),
        (Method::GET, "/products/abc", Value::Null),
        (Method::PUT, "/products/abc", product.clone()),
        (Method::DELETE, "/products/abc", Value::Null),
        (Method::POST, "/products/", product),
        (Method::POST, "/products/batch", json!({"ids": ["abc"]})),
    ] {
        let expected = (StatusCode::SERVICE_UNAVAILABLE, json!({"detail": "The catalog can't be reached"}));
        assert_eq!(answer(method.clone(), path, body).await, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_bulk_that_was_not_stored_lists_what_was_not_written() {
    let item = json!({"name": "Cup", "description": "", "price": 1, "account_id": 7});
    let (status, refused) = answer(Method::POST, "/products/bulk", json!({"items": [item, item, item]})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused["not_written"], json!([0, 1, 2]));
}
