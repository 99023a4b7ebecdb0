//! Many products: list, search, batch and bulk.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::Shop;
use super::body::Body;
use super::caller::Seller;
use super::error::ApiError;
use super::paging::{ListQuery, SearchQuery};
use super::{cursor, input, schema};
use crate::domain::{Draft, Product};

/// List Products
#[utoipa::path(get, path = "/products/", tag = "products", params(
    ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 by default"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
), responses(
    (status = 200, description = "Oldest first", body = schema::Page),
    (status = 422, description = "Validation Error", body = schema::HttpValidationError),
    (status = 503, description = "The store can't be reached", body = schema::Failure),
))]
pub(super) async fn list(State(shop): State<Shop>, query: ListQuery) -> Result<Json<schema::Page>, ApiError> {
    let page = shop.catalog.list(query.after, query.limit).await?;
    Ok(Json(schema::Page { items: shown(page.products), next_cursor: page.next.map(cursor::of_list) }))
}

/// Search Products
#[utoipa::path(get, path = "/products/search", tag = "products", params(
    ("q" = Option<String>, Query, max_length = 200, pattern = r"^[^\u0000]*$",
        description = "Words of name, description or sku; the last may be a beginning, and a few typos are forgiven"),
    ("sort" = inline(Option<schema::Sort>), Query, description = "relevance by default"),
    ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 by default"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before, of the same q and sort"),
), responses(
    (status = 200, description = "Successful Response", body = schema::Page),
    (status = 422, description = "Validation Error", body = schema::HttpValidationError),
    (status = 503, description = "The store can't be reached", body = schema::Failure),
))]
pub(super) async fn search(
    State(shop): State<Shop>,
    SearchQuery(search): SearchQuery,
) -> Result<Json<schema::Page>, ApiError> {
    let page = shop.catalog.search(search.clone()).await?;
    let next_cursor = page.next.map(|next| cursor::of_search(&search.text, search.sort, next));
    Ok(Json(schema::Page { items: shown(page.products), next_cursor }))
}

/// Read Products
#[utoipa::path(post, path = "/products/batch", tag = "products", request_body = schema::BatchRequest, responses(
    (status = 200, description = "Successful Response", body = schema::Batch),
    (status = 413, description = "Beyond 1 MiB", body = schema::Failure),
    (status = 422, description = "Validation Error", body = schema::HttpValidationError),
    (status = 503, description = "The store can't be reached", body = schema::Failure),
))]
pub(super) async fn batch(State(shop): State<Shop>, Body(body): Body) -> Result<Json<schema::Batch>, ApiError> {
    let mut seen = HashSet::new();
    let mut ids = input::ids(&body)?;
    ids.retain(|id| seen.insert(id.clone()));
    let found = shop.catalog.batch(ids.clone()).await?;
    let known: HashSet<&str> = found.iter().map(|product| product.id.as_str()).collect();
    let missing = ids.into_iter().filter(|id| !known.contains(id.as_str())).collect();
    Ok(Json(schema::Batch { items: shown(found), missing }))
}

/// Create Products
///
/// All of them or none.
#[utoipa::path(post, path = "/products/bulk", tag = "products", request_body = schema::BulkRequest,
    security(("bearer" = [])), responses(
    (status = 201, description = "Successful Response", body = schema::Created),
    (status = 401, description = "No token, or a bad one", body = schema::Failure),
    (status = 403, description = "An account_id is not the caller's", body = schema::Failure),
    (status = 413, description = "Beyond 16 MiB", body = schema::Failure),
    (status = 422, description = "Validation Error", body = schema::HttpValidationError),
    (status = 503, description = "The store can't be reached", body = schema::NotWritten),
))]
pub(super) async fn bulk(
    State(shop): State<Shop>,
    seller: Seller,
    Body(body): Body,
) -> Result<(StatusCode, Json<schema::Created>), ApiError> {
    let drafts = input::items(&body)?
        .into_iter()
        .map(|input| Ok(Draft { account_id: seller.account(input.account_id)?, details: input.details }));
    let drafts = drafts.collect::<Result<Vec<_>, ApiError>>()?;
    let count = drafts.len();
    let created = shop.catalog.create(drafts).await.map_err(|error| {
        tracing::error!("{error}");
        ApiError::NotWritten(count)
    })?;
    Ok((StatusCode::CREATED, Json(schema::Created { items: shown(created) })))
}

fn shown(products: Vec<Product>) -> Vec<schema::Product> {
    products.into_iter().map(Into::into).collect()
}
