//! Every route of the services that speak HTTP.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{
    scene::{People, Scene},
    table::{self, Answer, D, Mode, N, OK, Row, U, Verdict},
};

/// As [`super::rpc`]'s: no token, bad, two headers, another account's, a service's, right; then open mode.
#[rustfmt::skip]
const PRODUCT: &[Row] = &[
    row("GET /products/",               [OK, OK, OK, OK, OK, OK], OK),
    row("POST /products/",              [U, U, U, OK, D, OK], U),
    row("POST /products/ (for the owner)", [U, U, U, D, D, OK], OK),
    row("GET /products/search",         [OK, OK, OK, OK, OK, OK], OK),
    row("POST /products/batch",         [OK, OK, OK, OK, OK, OK], OK),
    row("POST /products/bulk",          [U, U, U, OK, D, OK], U),
    row("POST /products/bulk (for the owner)", [U, U, U, D, D, OK], OK),
    row("GET /products/{id}",           [OK, OK, OK, OK, OK, OK], OK),
    row("PUT /products/{id}",           [U, U, U, D, D, OK], OK),
    row("PUT /products/{id} (for the owner)", [U, U, U, D, D, OK], OK),
    row("DELETE /products/{id}",        [U, U, U, D, D, OK], OK),
    row("GET /health",                  [OK, OK, OK, OK, OK, OK], OK),
];

/// What is not in product's OpenAPI document. Who has a payment's link may pay, whoever it is: it can't be guessed. A
/// webhook is the provider's by its signature and nobody's by a token.
#[rustfmt::skip]
const OTHERS: &[Row] = &[
    row("product /openapi.json",                          [OK, OK, OK, OK, OK, OK], OK),
    row("product /docs",                                  [OK, OK, OK, OK, OK, OK], OK),
    row("product /docs/{file}",                           [OK, OK, OK, OK, OK, OK], OK),
    row("product /health/live",                           [OK, OK, OK, OK, OK, OK], OK),
    row("product /health/ready",                          [OK, OK, OK, OK, OK, OK], OK),
    row("product /health/startup",                        [OK, OK, OK, OK, OK, OK], OK),
    row("payment /health/live",                           [OK, OK, OK, OK, OK, OK], OK),
    row("payment /health/ready",                          [OK, OK, OK, OK, OK, OK], OK),
    row("payment /health/startup",                        [OK, OK, OK, OK, OK, OK], OK),
    row("payment /webhook/payment",                       [U, U, U, U, U, U], U),
    row("payment /simulate_payment/{transaction_id}",     [OK, OK, OK, OK, OK, OK], OK),
    row("payment /simulate_payment/{transaction_id} (guessed)", [N, N, N, N, N, N], N),
    row("payment /simulate_payment_action/{transaction_id}/{outcome}", [OK, OK, OK, OK, OK, OK], OK),
    row("payment /simulate_payment_action/{transaction_id}/{outcome} (guessed)", [N, N, N, N, N, N], N),
    row("payment /simulate_payment_action/{transaction_id}/{outcome} (POST, guessed)", [N, N, N, N, N, N], N),
    row("gateway /",                                      [OK, OK, OK, OK, OK, OK], OK),
    row("gateway /graphql",                               [OK, OK, OK, OK, OK, OK], OK),
    row("gateway /graphql/assets/{name}",                 [OK, OK, OK, OK, OK, OK], OK),
    row("gateway /health/upstreams",                      [OK, OK, OK, OK, OK, OK], OK),
    row("gateway /health/live",                           [OK, OK, OK, OK, OK, OK], OK),
    row("gateway /health/ready",                          [OK, OK, OK, OK, OK, OK], OK),
    row("gateway /health/startup",                        [OK, OK, OK, OK, OK, OK], OK),
];

/// Where the routes are written down: nothing else knows all of them.
const SOURCES: &[(&str, &str)] = &[
    ("product", include_str!("../../../services/product/src/api/docs.rs")),
    ("product", include_str!("../../../services/kit/src/http.rs")),
    ("payment", include_str!("../../../services/payment/src/api/mod.rs")),
    ("payment", include_str!("../../../services/kit/src/http.rs")),
    ("gateway", include_str!("../../../services/gateway/src/web/mod.rs")),
    ("gateway", include_str!("../../../services/gateway/src/health.rs")),
    ("gateway", include_str!("../../../services/gateway/src/lib.rs")),
    ("gateway", include_str!("../../../services/kit/src/http.rs")),
];

const fn row(what: &'static str, cells: [Verdict; 6], open: Verdict) -> Row {
    Row { what, callee: "product", cells, except: &[], open }
}

pub(super) async fn holds(people: &People, mode: Mode) {
    table::complete(PRODUCT, &documented(people).await);
    table::complete(OTHERS, &written());
    for rows in [PRODUCT, OTHERS] {
        table::holds(people, mode, rows, async |row, scene, credential| {
            let mut request = request(row.what, scene);
            for header in &credential.headers {
                request = request.header("authorization", header);
            }
            let answer = request.send().await.expect("it answers");
            let (status, headers) = (answer.status(), format!("{:?}", answer.headers()));
            let body = answer.text().await.expect("a whole answer");
            let verdict = match status {
                StatusCode::UNAUTHORIZED => U,
                StatusCode::FORBIDDEN => D,
                StatusCode::NOT_FOUND => N,
                status if status.is_success() => OK,
                _ => Verdict::Other,
            };
            Answer { verdict, shown: format!("{status} {headers} {body}") }
        })
        .await;
    }
}

/// The operations of product's OpenAPI document.
async fn documented(people: &People) -> Vec<String> {
    let url = format!("{}/openapi.json", people.shop.address("product"));
    let document = people.shop.client().get(url).send().await.expect("product answers");
    let document: Value = document.json().await.expect("it is JSON");
    let paths = document["paths"].as_object().expect("it has paths");
    let operations = paths.iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().expect("operations have methods").keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

/// The paths of all `.route("…"` in the sources.
fn written() -> Vec<String> {
    let paths = SOURCES.iter().flat_map(|(service, source)| {
        let calls = source.split(".route(").skip(1);
        calls.filter_map(move |call| {
            let path = call.trim_start().strip_prefix('"')?.split('"').next()?;
            Some(format!("{service} {path}"))
        })
    });
    paths.collect()
}

fn request(what: &str, scene: &Scene<'_>) -> RequestBuilder {
    let shop = &scene.people.shop;
    let (kind, rest) = what.split_once(' ').expect("a word and a path");
    let path = rest.split(' ').next().expect("a path");
    let transaction = if what.contains("guessed") { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } else { &scene.transaction };
    let path = path
        .replace("{id}", &scene.product)
        .replace("{file}", "swagger-ui.css")
        .replace("{name}", "boot.js")
        .replace("{transaction_id}", transaction)
        .replace("{outcome}", "SUCCESS");
    let (base, method) = match kind {
        "payment" if what.contains("POST") || path.starts_with("/webhook") => ("payment_http", Method::POST),
        "payment" => ("payment_http", Method::GET),
        "gateway" => ("gateway", Method::GET),
        "product" => ("product", Method::GET),
        method => ("product", method.parse().expect("a method")),
    };
    let base = shop.address(base).trim_end_matches("/graphql");
    let request = shop.client().request(method.clone(), format!("{base}{path}"));
    let named = what.contains("for the owner").then_some(scene.people.owner.id);
    let product = json!({ "name": "A lamp", "description": "", "price": 1.0, "account_id": named });
    match (method.as_str(), path.as_str()) {
        ("POST", "/products/") | ("PUT", _) => request.json(&product),
        ("POST", "/products/bulk") => request.json(&json!({ "items": [product] })),
        ("POST", "/products/batch") => request.json(&json!({ "ids": [scene.product] })),
        ("POST", "/webhook/payment") => request.json(&json!({
            "transaction_id": scene.transaction, "status": "SUCCESS", "payment_gateway_id": "forged",
        })),
        _ => request.header("accept", "*/*"),
    }
}
