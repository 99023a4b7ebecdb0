//! One product: create, read, update, delete.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use http::StatusCode;
use http::request::Parts;
use kit::telemetry;

use super::Shop;
use super::body::Body;
use super::caller::Seller;
use super::error::ApiError;
use super::{input, schema};
use crate::domain::Draft;
use crate::store::Unavailable;

/// The id in the path; of whatever shape, an unknown one is simply unknown.
pub(super) struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // Fails for bytes that are no text, and on the paths that have a name of their own.
        let Path::<String>(id) = Path::from_request_parts(parts, state).await.map_err(|_| ApiError::ProductNotFound)?;
        telemetry::attribute("shop.product.id", id.clone());
        Ok(Self(id))
    }
}

/// Create Product
#[utoipa::path(post, path = "/products/", tag = "products", request_body = schema::ProductCreate,
    security(("bearer" = [])), responses(
    (status = 201, description = "Successful Response", body = schema::Product),
    (status = 401, description = "No token, or a bad one", body = schema::Failure),
    (status = 403, description = "account_id is not the caller's", body = schema::Failure),
    (status = 413, description = "Beyond 1 MiB", body = schema::Failure),
    (status = 422, description = "Validation Error", body = schema::HttpValidationError),
    (status = 503, description = "The store can't be reached", body = schema::Failure),
))]
pub(super) async fn create(
    State(shop): State<Shop>,
    seller: Seller,
    Body(body): Body,
) -> Result<(StatusCode, Json<schema::Product>), ApiError> {
    let input = input::product(&body)?;
    let draft = Draft { account_id: seller.account(input.account_id)?, details: input.details };
    let created = shop.catalog.create(vec![draft]).await?.pop();
    let created = created.ok_or_else(|| Unavailable(anyhow::anyhow!("it stored a product without telling which")))?;
    telemetry::attribute("shop.product.id", created.id.clone());
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// Read Product
#[utoipa::path(get, path = "/products/{id}", tag = "products", params(("id" = String, Path)), responses(
    (status = 200, description = "Successful Response", body = schema::Product),
    (status = 404, description = "Product not found", body = schema::Failure),
    (status = 503, description = "The store can't be reached", body = schema::Failure),
))]
pub(super) async fn read(State(shop): State<Shop>, Id(id): Id) -> Result<Json<schema::Product>, ApiError> {
    let product = shop.catalog.get(&id).await?.ok_or(ApiError::ProductNotFound)?;
    Ok(Json(product.into()))
}

/// Update Product
#[utoipa::path(put, path = "/products/{id}", tag = "products", params(("id" = String, Path)),
    request_body = schema::ProductCreate, security(("bearer" = [])), responses(
    (status = 200, description = "Successful Response", body = schema::Product),
    (status = 401, description = "No token, or a bad one", body = schema::Failure),
    (status = 403, description = "The product belongs to another account", body = schema::Failure),
    (status = 404, description = "Product not found", body = schema::Failure),
    (status = 413, description = "Beyond 1 MiB", body = schema::Failure),
    (status = 422, description = "Validation Error", body = schema::HttpValidationError),
    (status = 503, description = "The store can't be reached", body = schema::Failure),
))]
pub(super) async fn update(
    State(shop): State<Shop>,
    seller: Seller,
    Id(id): Id,
    Body(body): Body,
) -> Result<Json<schema::Product>, ApiError> {
    let input = input::product(&body)?;
    let actor = seller.actor(input.account_id)?;
    Ok(Json(shop.catalog.update(&id, actor, input.details).await?.into()))
}

/// Delete Product
#[utoipa::path(delete, path = "/products/{id}", tag = "products", params(("id" = String, Path)),
    security(("bearer" = [])), responses(
    (status = 204, description = "Successful Response"),
    (status = 401, description = "No token, or a bad one", body = schema::Failure),
    (status = 403, description = "The product belongs to another account", body = schema::Failure),
    (status = 404, description = "Product not found", body = schema::Failure),
    (status = 503, description = "The store can't be reached", body = schema::Failure),
))]
pub(super) async fn delete(State(shop): State<Shop>, seller: Seller, Id(id): Id) -> Result<StatusCode, ApiError> {
    shop.catalog.delete(&id, seller.actor(None)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
