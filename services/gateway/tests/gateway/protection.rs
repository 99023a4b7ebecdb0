use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HOST, ORIGIN};
use serde_json::{Value, json};

use crate::shop::Shop;

const HELLO: &str = r#"{"query": "{ hello }"}"#;

#[tokio::test]
async fn pages_of_another_origin_may_not_ask() {
    let shop = Shop::required().await;
    let own = format!("http://{}", shop.address);
    for (origin, status) in [
        (own.as_str(), 200),
        ("http://evil.test", 403),
        ("http://127.0.0.1:1", 403),
        ("https://localhost", 403),
        ("null", 403),
    ] {
        let request = shop.client().post().header(ORIGIN, origin).header(CONTENT_TYPE, "application/json").body(HELLO);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), status, "{origin}");
        assert!(!response.headers().contains_key("access-control-allow-origin"), "no CORS");
    }
}

#[tokio::test]
async fn only_our_own_host_names_are_answered() {
    let shop = Shop::required().await;
    let request = shop.client().post().header(HOST, "evil.test").header(CONTENT_TYPE, "application/json").body(HELLO);
    assert_eq!(request.send().await.expect("an answer").status(), 421);
}

#[tokio::test]
async fn only_json_is_read() {
    let shop = Shop::required().await;
    for (kind, status) in [
        (Some("application/json"), 200),
        (Some("Application/JSON; charset=utf-8"), 200),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("multipart/form-data; boundary=x"), 415),
        (Some("application/graphql"), 415),
        (Some("application/jsonx"), 415),
        (None, 415),
    ] {
        let mut request = shop.client().post().body(HELLO);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        assert_eq!(request.send().await.expect("an answer").status(), status, "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_no_single_query_is_refused_in_the_shape_of_an_error() {
    let shop = Shop::required().await;
    for body in [
        json!([{"query": "{ hello }"}]),
        json!([]),
        json!("{ hello }"),
        json!({"query": 7}),
        json!({"query": "{ hello }", "variables": [1]}),
    ] {
        let response = shop.client().send(&body).await;
        assert_eq!(response.status(), 400, "{body}");
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_ARGUMENT", "{answer}");
    }
    let response = shop.client().post().header(CONTENT_TYPE, "application/json").body("{").send().await;
    assert_eq!(response.expect("an answer").status(), 400);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_also_when_its_length_is_not_told() {
    let shop = Shop::required().await;
    let body = json!({"query": format!("{{ hello }} #{}", "x".repeat(300_000))}).to_string();
    let told = shop.client().post().header(CONTENT_TYPE, "application/json").body(body.clone());
    assert_eq!(told.send().await.expect("an answer").status(), 413);
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
        body.as_bytes().chunks(4096).map(|piece| Ok(piece.to_vec())).collect();
    let stream = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let streamed = shop.client().post().header(CONTENT_TYPE, "application/json").body(stream);
    assert_eq!(streamed.send().await.expect("an answer").status(), 413);
}

#[tokio::test]
async fn what_is_compressed_is_not_unpacked() {
    let shop = Shop::required().await;
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip"] {
        let packed = shop.client().post().header(CONTENT_TYPE, "application/json").header(CONTENT_ENCODING, encoding);
        // A gzip's first bytes, and as much as fits behind them.
        let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0; 200_000]].concat();
        assert_eq!(packed.body(bomb).send().await.expect("an answer").status(), 400, "{encoding}");
    }
}

#[tokio::test]
async fn queries_do_not_come_by_get() {
    let shop = Shop::required().await;
    let response = shop.client().get("/graphql?query={hello}").header(ACCEPT, "application/json").send().await;
    let response = response.expect("an answer");
    assert_eq!((response.status().as_u16(), response.headers()["allow"].as_bytes()), (405, &b"POST"[..]));
}

#[tokio::test]
async fn an_authorization_that_cannot_be_read_is_unauthenticated() {
    let shop = Shop::required().await;
    let request = shop.user(7).post().header("authorization", "Bearer another");
    let response = request.header(CONTENT_TYPE, "application/json").body(HELLO).send().await.expect("an answer");
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn what_is_far_too_long_is_refused_and_breaks_no_connection() {
    let shop = Shop::required().await;
    let long = "x".repeat(50_000);
    for (query, code) in [
        ("query Q($long: String) { products(search: $long) { nodes { id } } }", "INVALID_ARGUMENT"),
        ("mutation Q($long: String!) { deleteProduct(id: $long) }", "NOT_FOUND"),
    ] {
        assert_eq!(shop.user(7).query_with(query, json!({"long": long})).await.code(), code, "{query}");
    }
    let bearer = shop.client().with_token(&long).send(&json!({"query": "{ me { id } }"})).await;
    assert_eq!(bearer.status(), 401);
}
