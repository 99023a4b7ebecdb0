//! `/openapi.json` and `/docs`, a page that needs no network: Swagger UI is part of the program.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::Config;

use super::error::detail;
use super::{collection, product};

/// Only what this server gives itself; Swagger UI sets styles and pictures of its own in the page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
);

const PAGE: &str = r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Product catalog - Swagger UI</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/index.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/swagger-ui-standalone-preset.js"></script>
<script src="/docs/swagger-initializer.js"></script>
</body>
</html>
"##;

#[derive(OpenApi)]
#[openapi(
    info(title = "Product catalog", description = "The shop's catalog."),
    paths(
        collection::list,
        product::create,
        collection::search,
        collection::batch,
        collection::bulk,
        product::read,
        product::update,
        product::delete,
        super::health,
    ),
    modifiers(&Bearer),
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        openapi.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

pub(super) fn router() -> Router {
    let openapi = Arc::new(Api::openapi());
    let config = Arc::new(Config::from("/openapi.json").use_base_layout());
    Router::new()
        .route("/openapi.json", get(async move || Json(openapi.as_ref().clone())))
        .route("/docs", get(async || ([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))))
        .route("/docs/{file}", get(async move |Path(file): Path<String>| asset(&file, config)))
}

fn asset(file: &str, config: Arc<Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(asset)) => ([(CONTENT_TYPE, asset.content_type)], asset.bytes.into_owned()).into_response(),
        Ok(None) => detail(StatusCode::NOT_FOUND, "Not Found"),
        Err(error) => {
            tracing::error!("can't serve the asset {file}: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
