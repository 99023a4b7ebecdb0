//! GraphiQL, from files in this program: it works without the internet, and its page may load nothing from there.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

/// Scripts only from here and only as files. GraphiQL sets styles inline and has its fonts in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// Whether the caller would take a page: a browser does, and a program that does not care.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().peekable();
    accepted.peek().is_none()
        || accepted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|range| range.split(';').next())
            .any(|range| matches!(range.trim().to_ascii_lowercase().as_str(), "text/html" | "text/*" | "*/*"))
}

pub(super) fn page() -> Response {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, include_str!("../../assets/index.html")).into_response()
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let (kind, bytes): (_, &'static [u8]) = match name.as_str() {
        "boot.js" => (JAVASCRIPT, include_bytes!("../../assets/boot.js")),
        "page.css" => (CSS, include_bytes!("../../assets/page.css")),
        "graphiql.min.js" => (JAVASCRIPT, include_bytes!("../../assets/graphiql.min.js")),
        "graphiql.min.css" => (CSS, include_bytes!("../../assets/graphiql.min.css")),
        "react.production.min.js" => (JAVASCRIPT, include_bytes!("../../assets/react.production.min.js")),
        "react-dom.production.min.js" => (JAVASCRIPT, include_bytes!("../../assets/react-dom.production.min.js")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=3600")], bytes).into_response()
}
