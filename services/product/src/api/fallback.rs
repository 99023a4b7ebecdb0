//! What no route answers.

use axum::extract::OriginalUri;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, HOST, LOCATION};
use http::{HeaderMap, StatusCode, Uri};

use super::error::detail;

pub(super) async fn method_not_allowed(OriginalUri(uri): OriginalUri) -> Response {
    let refusal = detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    // Those of a product by its id are routed here too, but lead nowhere.
    match uri.path() {
        "/products/search" => ([(ALLOW, "GET,HEAD")], refusal).into_response(),
        "/products/batch" | "/products/bulk" => ([(ALLOW, "POST")], refusal).into_response(),
        _ => refusal,
    }
}

/// Sends those who forgot a slash, or wrote one too many, to where they meant to go; others get 404.
pub(super) async fn not_found(OriginalUri(uri): OriginalUri, headers: HeaderMap) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match meant(&uri).zip(host) {
        Some((path, host)) => {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            // The Host header is one of ours, else the request would not have come this far.
            (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, format!("http://{host}{path}{query}"))]).into_response()
        }
        None => detail(StatusCode::NOT_FOUND, "Not Found"),
    }
}

fn meant(uri: &Uri) -> Option<&str> {
    match uri.path() {
        "/products" => Some("/products/"),
        path => {
            let trimmed = path.strip_suffix('/')?.trim_end_matches('/');
            let product = trimmed.strip_prefix("/products/").is_some_and(|id| !id.is_empty() && !id.contains('/'));
            (product || matches!(trimmed, "/health" | "/docs" | "/openapi.json")).then_some(trimmed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_lead_somewhere_are_redirected() {
        for (path, expected) in [
            ("/products", Some("/products/")),
            ("/products/abc/", Some("/products/abc")),
            ("/products/search/?q=a", Some("/products/search")),
            ("/docs/", Some("/docs")),
            ("/", None),
            ("/product/", None),
            ("/products//", None),
            ("/products/a/b/", None),
            ("//evil.test/", None),
        ] {
            assert_eq!(meant(&path.parse().expect("a path")), expected, "{path}");
        }
    }
}
