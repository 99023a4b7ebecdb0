use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AsHeaderName, HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

/// The origins whose pages may change something here, besides the one that the request itself went to: a browser sends
/// requests for every page that is open in it, and loopback is no wall against those.
#[derive(Clone)]
pub(super) struct Allowed(Arc<[String]>);

impl Allowed {
    /// `more` as browsers write them: scheme, host and perhaps a port, in lower case.
    pub(super) fn new(more: Vec<String>) -> Self {
        Self(more.into())
    }

    /// Whether a page of another origin is behind a request. A client that says nothing of the kind is no browser.
    fn is_foreign(&self, headers: &HeaderMap) -> bool {
        let (Ok(site), Ok(origin)) = (single(headers, "sec-fetch-site"), single(headers, ORIGIN)) else { return true };
        match (origin, site) {
            // What browsers say of our own pages too, under our `Referrer-Policy: no-referrer`.
            (Some(b"null"), site) => site != Some(b"same-origin"),
            // As much as there is to know; a websocket's `Sec-Fetch-Site` may compare its scheme with the page's.
            (Some(origin), _) => !self.is_ours(origin, headers),
            (None, Some(site)) => !matches!(site, b"same-origin" | b"none"),
            (None, None) => false,
        }
    }

    fn is_ours(&self, origin: &[u8], headers: &HeaderMap) -> bool {
        let Ok(origin) = std::str::from_utf8(origin) else { return false };
        // `Host` was checked against the list of our names before.
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let own = origin.parse::<Uri>().is_ok_and(|origin| {
            let authority = origin.authority().map(|authority| authority.as_str());
            matches!(origin.scheme_str(), Some("http" | "https"))
                && authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
        });
        own || self.0.iter().any(|allowed| allowed == origin)
    }
}

/// More than one of a header.
struct Several;

fn single(headers: &HeaderMap, name: impl AsHeaderName) -> Result<Option<&[u8]>, Several> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|value| value.as_bytes())),
        (_, Some(_)) => Err(Several),
    }
}

/// Refuses what could change something, websockets included, when a page of another origin is behind it. Such a page can't
/// read the answers to the rest.
pub(super) async fn check(State(allowed): State<Allowed>, request: Request, next: Next) -> Response {
    let changes = !request.method().is_safe() || request.headers().contains_key(UPGRADE);
    if changes && allowed.is_foreign(request.headers()) {
        let told = json!({"detail": "Pages of another origin may not do that"});
        return (StatusCode::FORBIDDEN, Json(told)).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn only_our_own_pages_and_clients_that_are_no_browsers_may_change_something() {
        let table: [(&[(&'static str, &'static str)], bool); 25] = [
            (&[], false),
            (&[("origin", "http://localhost:8003")], false),
            (&[("origin", "https://LOCALHOST:8003")], false),
            (&[("origin", "https://pay.example")], false),
            (&[("origin", "http://pay.example")], true),
            (&[("origin", "http://evil.example")], true),
            (&[("origin", "http://localhost:8080")], true),
            (&[("origin", "http://localhost")], true),
            (&[("origin", "http://127.0.0.1:8003")], true),
            (&[("origin", "http://localhost:8003.evil.example")], true),
            (&[("origin", "http://localhost:8003@evil.example")], true),
            (&[("origin", "chrome-extension://localhost:8003")], true),
            (&[("origin", "null")], true),
            (&[("origin", "")], true),
            (&[("origin", "http://localhost:8003"), ("origin", "http://evil.example")], true),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], false),
            (&[("sec-fetch-site", "none"), ("origin", "null")], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "null")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8003")], false),
            (&[("sec-fetch-site", "")], true),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], true),
        ];
        let allowed = Allowed::new(vec!["https://pay.example".to_owned()]);
        for (given, foreign) in table {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost:8003"));
            for &(name, value) in given {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(allowed.is_foreign(&headers), foreign, "{given:?}");
        }
    }
}
