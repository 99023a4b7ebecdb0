//! What a trace tells of the catalog's store.

use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::otlp::{Sink, Span};
use testkit::trials::Case;
use testkit::{cases, eventually};

use crate::program::Program;
use crate::support::{DEADLINE, SELLER, Setting, Store, globe, text};

pub(crate) const CASES: &[Case<Store>] = cases![what_is_asked_of_the_store_is_in_the_trace_of_the_request];

const INTERNAL: i32 = 1;
const CLIENT: i32 = 3;

async fn what_is_asked_of_the_store_is_in_the_trace_of_the_request(store: Store) {
    let (setting, sink) = (Setting::new(store).await, Sink::start().await);
    let endpoint = sink.endpoint();
    let fast = [("OTEL_BSP_SCHEDULE_DELAY", "20"), ("OTEL_METRIC_EXPORT_INTERVAL", "50")];
    let variables = [&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())], &fast[..]].concat();
    let program = Program::start_with(&setting, &variables).await;
    let (client, token) = (&program.client, setting.user_token(SELLER));
    let id = text(&client.create(&token, &globe()).await, "id").to_owned();
    client.found("q=globe", |names| names.len() == 1).await;
    assert_eq!(client.post("/products/batch", None, &json!({"ids": [id, "nobody"]})).await.0, StatusCode::OK);
    assert_eq!(client.get("/products/").await.0, StatusCode::OK);
    // Whoever begins a trace decides whether it is kept.
    for flags in ["00", "01"] {
        let request = client.request(Method::GET, &format!("/products/{id}"));
        let traceparent = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033{flags}-{flags}");
        let answer = request.header("traceparent", traceparent).send().await.expect("it answers");
        assert_eq!(answer.status(), StatusCode::OK);
    }

    let expected: &[(&str, &str, &str)] = match store {
        Store::Embedded => &[
            ("POST /products/", "insert products", "redb"),
            ("GET /products/search", "search products", "tantivy"),
            ("GET /products/search", "get products", "redb"),
            ("POST /products/batch", "get products", "redb"),
            ("GET /products/", "list products", "redb"),
            ("GET /products/{id}", "get products", "redb"),
        ],
        Store::Elasticsearch => &[
            ("POST /products/", "bulk", "elasticsearch"),
            ("GET /products/search", "search", "elasticsearch"),
            ("POST /products/batch", "mget", "elasticsearch"),
            ("GET /products/", "search", "elasticsearch"),
            ("GET /products/{id}", "get", "elasticsearch"),
        ],
    };
    for (route, asked, system) in expected {
        let spans = eventually(DEADLINE, &format!("{asked} in {route}"), async || {
            let spans = sink.spans();
            let below = |span: &&Span| spans.iter().any(|above| above.name() == *route && above.id() == span.parent());
            let found: Vec<Span> = spans
                .iter()
                .filter(|span| span.name().starts_with(asked) && below(span))
                .filter(|span| span.attribute("db.system.name").as_deref() == Some(system))
                .cloned()
                .collect();
            (!found.is_empty()).then_some(found)
        })
        .await;
        let span = &spans[0];
        assert_eq!(span.attribute("db.operation.name").as_deref(), asked.split(' ').next(), "{span:?}");
        assert_eq!(span.attribute("db.query.summary").as_deref(), Some(span.name()), "{span:?}");
        assert!(span.attribute("db.collection.name").is_some() && !span.failed(), "{span:?}");
        match store {
            Store::Embedded => assert_eq!(span.wire.kind, INTERNAL, "it is a part of the process: {span:?}"),
            Store::Elasticsearch => assert_eq!(span.wire.kind, CLIENT, "{span:?}"),
        }
        if *asked == "get" {
            assert_eq!(span.attribute("server.address").as_deref(), Some("127.0.0.1"), "{span:?}");
            assert_eq!(span.attribute("db.response.status_code").as_deref(), Some("200"), "{span:?}");
        }
    }
    let everything = format!("{:?}", sink.spans());
    assert!(!everything.contains("GLOBE") && !everything.contains("elastic:"), "what is asked for is not told");
    let metric = "db.client.operation.duration".to_owned();
    eventually(DEADLINE, &metric, async || sink.metrics("product").contains(&metric).then_some(())).await;
    // Of both requests in the trace the one that is not kept left nothing.
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let spans = sink.spans();
    let kept: Vec<_> = spans.iter().filter(|span| span.trace() == trace).map(Span::name).collect();
    let asked = if store == Store::Embedded { 2 } else { kept.len() };
    assert_eq!((kept.iter().filter(|name| **name == "GET /products/{id}").count(), kept.len()), (1, asked), "{kept:?}");
}
