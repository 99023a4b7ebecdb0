use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

/// The host names that this server answers to. A page of another name whose DNS entry was turned to this machine would
/// else read and write here with the browser's help, loopback or not.
#[derive(Clone)]
pub(super) struct Allowed(Arc<[String]>);

#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Malformed,
    NotOurs,
}

impl Allowed {
    pub(super) fn new(more: Vec<String>) -> Self {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        Self(own.into_iter().chain(more).collect())
    }

    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().ok_or(Refusal::Malformed)?.to_str().map_err(|_| Refusal::Malformed)?;
        if hosts.next().is_some() {
            return Err(Refusal::Malformed);
        }
        let host: Authority = host.parse().map_err(|_| Refusal::Malformed)?;
        // A request may also name its host in the request line.
        for authority in [Some(&host), uri.authority()].into_iter().flatten() {
            if authority.as_str().contains('@') {
                return Err(Refusal::Malformed);
            }
            if !self.0.iter().any(|ours| ours.eq_ignore_ascii_case(authority.host())) {
                return Err(Refusal::NotOurs);
            }
        }
        Ok(())
    }
}

pub(super) async fn check(State(allowed): State<Allowed>, request: Request, next: Next) -> Response {
    let (code, detail) = match allowed.check(request.uri(), request.headers()) {
        Ok(()) => return next.run(request).await,
        Err(Refusal::Malformed) => (StatusCode::BAD_REQUEST, "the Host header is missing or malformed"),
        Err(Refusal::NotOurs) => (StatusCode::MISDIRECTED_REQUEST, "this server does not go by that host name"),
    };
    (code, Json(json!({"detail": detail}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_names_of_ours_are_answered() {
        let allowed = Allowed::new(vec!["shop.test".to_owned()]);
        let check = |uri: &str, hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, host.parse().expect("a header"));
            }
            allowed.check(&uri.parse().expect("a URI"), &headers)
        };
        for host in
            ["localhost", "localhost:8003", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:80", "shop.test", "Shop.Test:443"]
        {
            assert_eq!(check("/", &[host]), Ok(()), "{host}");
        }
        for host in ["evil.test", "localhost.evil.test", "127.0.0.2", "0.0.0.0:8080", "shop.test.", "[::2]"] {
            assert_eq!(check("/", &[host]), Err(Refusal::NotOurs), "{host}");
        }
        for hosts in [
            &[][..],
            &[""],
            &["localhost", "localhost"],
            &["localhost@evil.test"],
            &["local host"],
            &["evil.test@localhost"],
        ] {
            assert_eq!(check("/", hosts), Err(Refusal::Malformed), "{hosts:?}");
        }
        assert_eq!(check("http://evil.test/", &["localhost"]), Err(Refusal::NotOurs));
        assert_eq!(check("http://localhost/", &["localhost"]), Ok(()));
    }

    proptest! {
        #[test]
        fn no_host_header_passes_for_ours_but_ours(host in "[a-z0-9.:@\\[\\]/%#? -]{0,20}", tail in "[a-z.:@/0-9]{1,10}", bytes: Vec<u8>) {
            let allowed = Allowed::new(Vec::new());
            for host in [host.into_bytes(), format!("localhost{tail}").into_bytes(), bytes] {
                let Ok(value) = http::HeaderValue::from_bytes(&host) else { continue };
                let headers = HeaderMap::from_iter([(HOST, value)]);
                if allowed.check(&Uri::from_static("/"), &headers).is_ok() {
                    let text = String::from_utf8_lossy(&host).to_ascii_lowercase();
                    let ours = ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|ours| text.strip_prefix(ours));
                    prop_assert!(ours.is_some_and(|port| port.is_empty() || port.starts_with(':')), "{}", text);
                }
            }
        }
    }
}
