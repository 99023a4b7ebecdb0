//! What clients of the FastAPI service rely on beyond the contract's words.

use reqwest::header::{ALLOW, CONTENT_TYPE, LOCATION};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testkit::cases;
use testkit::trials::Case;

use crate::support::{SELLER, Setting, Store, answer, body, globe, text};

pub(crate) const CASES: &[Case<Store>] = cases![
    a_missing_slash_is_redirected_with_method_and_body_kept,
    unknown_routes_and_methods_have_fastapis_words,
    a_body_that_is_wrong_is_told_as_pydantic_tells_it,
    numbers_in_strings_are_numbers_but_numbers_are_no_strings,
    parameters_that_are_wrong_are_told_with_their_place,
    the_docs_need_no_network,
    health_is_told_in_three_ways,
    another_host_name_is_not_answered,
];

async fn a_missing_slash_is_redirected_with_method_and_body_kept(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let url = running.client.url.clone();
    for (method, path, to) in [
        (Method::POST, "/products", "/products/"),
        (Method::GET, "/products?limit=3", "/products/?limit=3"),
        (Method::GET, "/products/abc/", "/products/abc"),
        (Method::GET, "/health/", "/health"),
        (Method::GET, "/docs/", "/docs"),
    ] {
        let response = running.client.request(method, path).send().await.expect("it answers");
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT, "{path}");
        assert_eq!(response.headers()[LOCATION], format!("{url}{to}"));
    }
    let following = reqwest::Client::builder().no_proxy().build().expect("a client");
    let token = setting.user_token(SELLER);
    let request = following.post(format!("{url}/products")).bearer_auth(token).json(&globe());
    assert_eq!(answer(request).await.0, StatusCode::CREATED);
    running.stop().await;
}

async fn unknown_routes_and_methods_have_fastapis_words(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    for path in ["/", "/nothing", "/nothing/", "/products/a/b", "/product/1"] {
        assert_eq!(running.client.get(path).await, (StatusCode::NOT_FOUND, json!({"detail": "Not Found"})), "{path}");
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/products/", "GET,HEAD,POST"),
        (Method::PATCH, "/products/abc", "GET,HEAD,PUT,DELETE"),
        (Method::POST, "/products/abc", "GET,HEAD,PUT,DELETE"),
        (Method::POST, "/products/search", "GET,HEAD"),
        (Method::OPTIONS, "/products/batch", "POST"),
        (Method::OPTIONS, "/products/bulk", "POST"),
        (Method::POST, "/health", "GET,HEAD"),
    ] {
        let response = running.client.request(method, path).send().await.expect("it answers");
        assert_eq!(response.headers()[ALLOW], allowed, "{path}");
        let expected = (StatusCode::METHOD_NOT_ALLOWED, json!({"detail": "Method Not Allowed"}));
        assert_eq!(body(response).await, expected, "{path}");
    }
    running.stop().await;
}

async fn a_body_that_is_wrong_is_told_as_pydantic_tells_it(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let body = json!({"description": "x", "price": -1, "sku": ""});
    let (status, refused) = running.client.post("/products/", Some(&token), &body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let expected = json!({"detail": [
        {"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": body},
        {"type": "greater_than_equal", "loc": ["body", "price"], "msg": "Input should be greater than or equal to 0",
            "input": -1, "ctx": {"ge": 0}},
        {"type": "string_too_short", "loc": ["body", "sku"], "msg": "String should have at least 1 character",
            "input": "", "ctx": {"min_length": 1}},
    ]});
    assert_eq!(refused, expected);
    for (sent, content_type, kind, location) in [
        ("{\"name\": ", "application/json", "json_invalid", json!(["body", 9])),
        ("[]", "application/json", "model_attributes_type", json!(["body"])),
        ("null", "application/json", "missing", json!(["body"])),
        ("", "application/json", "missing", json!(["body"])),
        ("{}", "text/plain", "model_attributes_type", json!(["body"])),
    ] {
        let request = running.client.request(Method::POST, "/products/").bearer_auth(&token);
        let (status, refused) = answer(request.header(CONTENT_TYPE, content_type).body(sent)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{sent}");
        assert_eq!((&refused["detail"][0]["type"], &refused["detail"][0]["loc"]), (&json!(kind), &location), "{sent}");
    }
    running.stop().await;
}

async fn numbers_in_strings_are_numbers_but_numbers_are_no_strings(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let body = json!({"name": "Cup", "description": "", "price": "12.50", "account_id": SELLER.to_string()});
    let created = running.client.create(&token, &body).await;
    assert_eq!((&created["price"], &created["price_cents"]), (&json!(12.5), &json!(1250)));
    let body = json!({"name": 12, "description": "", "price": 1});
    let (status, refused) = running.client.post("/products/", Some(&token), &body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused["detail"][0]["type"], "string_type");
    for price in [json!(0.001), json!(1_000_000), json!("nan"), json!([])] {
        let body = json!({"name": "Cup", "description": "", "price": price});
        let (status, refused) = running.client.post("/products/", Some(&token), &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{price}");
        assert_eq!(refused["detail"][0]["loc"], json!(["body", "price"]));
    }
    running.stop().await;
}

async fn parameters_that_are_wrong_are_told_with_their_place(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let (_, page) = running.client.get("/products/search?limit=1").await;
    assert_eq!(page, json!({"items": [], "next_cursor": null}));
    for (path, name) in [
        ("/products/?limit=0", "limit"),
        ("/products/?limit=101", "limit"),
        ("/products/?limit=x", "limit"),
        ("/products/?cursor=%21%21", "cursor"),
        ("/products/?cursor=AAAA", "cursor"),
        ("/products/search?sort=best", "sort"),
        ("/products/search?q=a&cursor=AAAA", "cursor"),
    ] {
        let (status, refused) = running.client.get(path).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(refused["detail"][0]["loc"], json!(["query", name]), "{path}");
    }
    running.stop().await;
}

async fn the_docs_need_no_network(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let get = async |path: &str| {
        let response = running.client.request(Method::GET, path).send().await.expect("it answers");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.expect("text")
    };
    let page = get("/docs").await;
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
    let links: Vec<_> = page.split('"').filter(|part| part.starts_with("/docs/")).collect();
    assert!(links.len() >= 4, "{links:?}");
    for link in links {
        if !link.ends_with(".png") {
            get(link).await;
        }
    }
    assert!(get("/docs/swagger-initializer.js").await.contains("/openapi.json"));
    let openapi: Value = serde_json::from_str(&get("/openapi.json").await).expect("JSON");
    assert!(text(&openapi, "openapi").starts_with("3.1"));
    for path in ["/products/", "/products/{id}", "/products/search", "/products/batch", "/products/bulk", "/health"] {
        assert!(openapi["paths"][path].is_object(), "{path}");
    }
    assert!(openapi["components"]["schemas"]["HTTPValidationError"].is_object());
    running.stop().await;
}

async fn health_is_told_in_three_ways(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    assert_eq!(running.client.get("/health").await, (StatusCode::OK, json!({"status": "ok"})));
    assert_eq!(running.client.get("/health/live").await.0, StatusCode::OK);
    assert_eq!(running.client.get("/health/ready").await.0, StatusCode::OK);
    running.stop().await;
}

async fn another_host_name_is_not_answered(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let request = running.client.request(Method::GET, "/products").header("host", "evil.test");
    let response = request.send().await.expect("it answers");
    assert!(response.status().is_client_error());
    assert!(!response.headers().contains_key(LOCATION));
    running.stop().await;
}
