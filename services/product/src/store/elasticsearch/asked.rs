//! The spans of requests to Elasticsearch.

use std::fmt::Display;

use http::{Method, StatusCode};
use kit::telemetry::{self, Call, KeyValue, Query, Question, SpanKind};
use reqwest::Url;
use tracing::Span;

use super::Error;

const SYSTEM: &str = "elasticsearch";

/// Does `work`, a request, in a span of the current trace. Neither its body nor its query is told, nor who asks.
pub(super) async fn asked<B>(
    method: Method,
    url: &Url,
    work: impl Future<Output = Result<(StatusCode, B), Error>>,
) -> Result<(StatusCode, B), Error> {
    if !telemetry::is_exporting() {
        return work.await;
    }
    let (operation, index) = operation(&method, url.path());
    let question = Question { system: SYSTEM, operation, target: index, kind: SpanKind::Client };
    let mut query = Query::begin(&Span::current(), question, || {
        let mut attributes = vec![
            KeyValue::new("http.request.method", method.as_str().to_owned()),
            KeyValue::new("url.full", harmless(url)),
        ];
        if !index.is_empty() {
            attributes.push(KeyValue::new("db.collection.name", index.to_owned()));
        }
        attributes.extend(url.host_str().map(|host| KeyValue::new("server.address", host.to_owned())));
        attributes.extend(url.port_or_known_default().map(|port| KeyValue::new("server.port", i64::from(port))));
        attributes
    });
    let answer = work.await;
    match &answer {
        Ok((status, _)) => {
            query.call().set("db.response.status_code", status.as_str().to_owned());
            // What is not there, and what somebody else has changed meanwhile, is an answer like any other.
            let refused = !status.is_success() && !matches!(*status, StatusCode::NOT_FOUND | StatusCode::CONFLICT);
            query.answered(refused.then_some((status.as_str(), &"" as &dyn Display)));
        }
        Err(error) => query.answered(Some(("unreachable", error as &dyn Display))),
    }
    answer
}

/// The span of documents that are to be created, for whoever asks for it: the requests are made for several askers together,
/// in a task of its own.
pub(super) fn creating(alias: &str, documents: usize) -> Call {
    let begin = || {
        vec![
            KeyValue::new("db.system.name", SYSTEM),
            KeyValue::new("db.operation.name", "bulk"),
            KeyValue::new("db.query.summary", format!("bulk {alias}")),
            KeyValue::new("db.collection.name", alias.to_owned()),
            KeyValue::new("db.operation.batch.size", i64::try_from(documents).unwrap_or(i64::MAX)),
        ]
    };
    Call::begin(format!("bulk {alias}"), SpanKind::Client, begin)
}

/// The operation as Elasticsearch's own clients call it, and the index that it is about, if it is about one.
fn operation<'a>(method: &Method, path: &'a str) -> (&'static str, &'a str) {
    let mut parts = path.trim_start_matches('/').split('/').peekable();
    let index = parts.next_if(|part| !part.starts_with('_')).unwrap_or_default();
    let operation = match (method, parts.next()) {
        (&Method::GET, Some("_doc")) => "get",
        (_, Some("_doc")) => "index",
        (_, Some("_create")) => "create",
        (_, Some("_mget")) => "mget",
        (_, Some("_search")) => "search",
        (_, Some("_bulk")) => "bulk",
        (_, Some("_reindex")) => "reindex",
        (_, Some("_refresh")) => "indices.refresh",
        (_, Some("_alias")) => "indices.get_alias",
        (_, Some("_aliases")) => "indices.update_aliases",
        (_, Some("_block")) => "indices.add_block",
        (_, Some("_index_template")) => "indices.put_index_template",
        (&Method::PUT, None) => "indices.create",
        (&Method::DELETE, None) => "indices.delete",
        (_, Some(_) | None) => "_OTHER",
    };
    (operation, index)
}

fn harmless(url: &Url) -> String {
    let mut url = url.clone();
    // They can't fail for a URL with a host.
    let _ = (url.set_username(""), url.set_password(None));
    url.set_query(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_told_by_its_name_and_its_index() {
        for (method, path, told) in [
            (Method::GET, "/shop-catalog/_doc/0af7", ("get", "shop-catalog")),
            (Method::PUT, "/catalog-3/_doc/0af7", ("index", "catalog-3")),
            (Method::POST, "/catalog/_search", ("search", "catalog")),
            (Method::POST, "/_aliases", ("indices.update_aliases", "")),
            (Method::PUT, "/catalog-3", ("indices.create", "catalog-3")),
            (Method::GET, "/", ("_OTHER", "")),
        ] {
            assert_eq!(operation(&method, path), told, "{method} {path}");
        }
    }

    #[test]
    fn no_password_is_told() {
        let url = Url::parse("http://elastic:s3cret@127.0.0.1:9200/catalog/_search?q=x").expect("a URL");
        assert_eq!(harmless(&url), "http://127.0.0.1:9200/catalog/_search");
    }
}
