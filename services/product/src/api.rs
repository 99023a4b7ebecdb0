//! The REST API, with the manners of the FastAPI service that it replaces: its validation errors, redirects and pages.

mod body;
mod caller;
mod collection;
mod cursor;
mod docs;
mod error;
mod fallback;
mod fields;
mod input;
mod issue;
mod lax;
mod paging;
mod product;
mod schema;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use kit::auth::Verifier;
use serde_json::{Value, json};

use self::error::ApiError;
use crate::store::Catalog;

/// Room for 10,000 products with long descriptions.
const BULK_BODY_BYTES: usize = 16 << 20;

/// What every handler needs.
#[derive(Clone)]
struct Shop {
    catalog: Arc<dyn Catalog>,
    verifier: Arc<Verifier>,
}

pub(crate) fn router(catalog: Arc<dyn Catalog>, verifier: Verifier) -> Router {
    // Whatever else is asked of `/products/search` and its like means a product of that name, which does not exist.
    let by_id = || get(product::read).put(product::update).delete(product::delete);
    let bulk = by_id().merge(post(collection::bulk).layer(DefaultBodyLimit::max(BULK_BODY_BYTES)));
    let search = get(collection::search).put(product::update).delete(product::delete);
    Router::new()
        .route("/products/", get(collection::list).post(product::create))
        .route("/products/search", search)
        .route("/products/batch", by_id().merge(post(collection::batch)))
        .route("/products/bulk", bulk)
        .route("/products/{id}", by_id())
        .route("/health", get(health))
        .with_state(Shop { catalog, verifier: Arc::new(verifier) })
        .merge(docs::router())
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
}

/// Whether the catalog can be read and written.
#[utoipa::path(get, path = "/health", tag = "health", responses(
    (status = 200, description = "Successful Response", body = schema::Health),
    (status = 503, description = "The store can't be reached", body = schema::Failure),
))]
async fn health(State(shop): State<Shop>) -> Result<Json<Value>, ApiError> {
    shop.catalog.check().await?;
    Ok(Json(json!({"status": "ok"})))
}

#[cfg(test)]
mod tests;
