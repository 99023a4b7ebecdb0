//! Many products in one request.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testkit::cases;
use testkit::trials::Case;

use crate::support::{SELLER, Setting, Store, fixtures, globe, names};

pub(crate) const CASES: &[Case<Store>] = cases![
    the_whole_real_catalog_goes_in_with_one_request,
    a_bulk_may_be_larger_than_any_other_request,
    one_wrong_item_keeps_all_out_and_is_told_with_its_place,
    a_body_that_is_too_large_is_refused_in_json,
    whatever_is_wrong_with_a_query_or_a_body_is_told_in_few_words,
];

async fn the_whole_real_catalog_goes_in_with_one_request(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let items = fixtures();
    assert_eq!(items.len(), 2205);
    let body = json!({"items": items});
    let begun = std::time::Instant::now();
    let (status, created) = running.client.post("/products/bulk", Some(&setting.user_token(SELLER)), &body).await;
    let elapsed = begun.elapsed();
    assert_eq!(status, StatusCode::CREATED);
    let expected: Vec<_> = items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(names(&created), expected, "in the order they were sent");
    assert!(elapsed.as_secs() < 10, "{elapsed:?} for what takes a second at most on an idle machine");
    running.stop().await;
}

async fn a_bulk_may_be_larger_than_any_other_request(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let items: Vec<Value> = (0..200)
        .map(|number| json!({"name": format!("Cup {number}"), "description": "y".repeat(20_000), "price": 1}))
        .collect();
    let (status, created) =
        running.client.post("/products/bulk", Some(&setting.user_token(SELLER)), &json!({"items": items})).await;
    assert_eq!((status, names(&created).len()), (StatusCode::CREATED, 200));
    running.stop().await;
}

async fn one_wrong_item_keeps_all_out_and_is_told_with_its_place(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let mut wrong = globe();
    wrong["price"] = json!(0.001);
    let body = json!({"items": [globe(), globe(), globe(), wrong, {"name": "x"}]});
    let (status, refused) = running.client.post("/products/bulk", Some(&setting.user_token(SELLER)), &body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let locations: Vec<_> =
        refused["detail"].as_array().expect("a list").iter().map(|issue| issue["loc"].clone()).collect();
    assert_eq!(
        locations,
        [
            json!(["body", "items", 3, "price"]),
            json!(["body", "items", 4, "description"]),
            json!(["body", "items", 4, "price"]),
        ]
    );
    assert_eq!(running.client.get("/products/").await.1["items"], json!([]));
    running.stop().await;
}

async fn a_body_that_is_too_large_is_refused_in_json(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let large = json!({"name": "x", "description": "y".repeat(2 << 20), "price": 1});
    let expected = (StatusCode::PAYLOAD_TOO_LARGE, json!({"detail": "Request body is too large"}));
    assert_eq!(running.client.post("/products/", Some(&token), &large).await, expected);
    let items: Vec<Value> = (0..10_001).map(|_| globe()).collect();
    let (status, refused) = running.client.post("/products/bulk", Some(&token), &json!({"items": items})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused["detail"][0]["type"], "too_long");
    running.stop().await;
}

async fn whatever_is_wrong_with_a_query_or_a_body_is_told_in_few_words(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let empty: Vec<Value> = (0..10_000).map(|_| json!({})).collect();
    let (status, refused) = running.client.post("/products/bulk", Some(&token), &json!({"items": empty})).await;
    assert_eq!((status, refused["detail"].as_array().map(Vec::len)), (StatusCode::UNPROCESSABLE_ENTITY, Some(100)));
    let ids: Vec<u32> = (0..1000).collect();
    let (status, refused) = running.client.post("/products/batch", None, &json!({"ids": ids})).await;
    assert_eq!((status, refused["detail"].as_array().map(Vec::len)), (StatusCode::UNPROCESSABLE_ENTITY, Some(100)));
    let long = "x".repeat(50_000);
    for (query, expected) in [
        (format!("/products/search?q={long}"), 422),
        (format!("/products/search?cursor={long}"), 422),
        (format!("/products/?{long}=1"), 200),
        (format!("/products/?limit={}", "9".repeat(50_000)), 422),
        ("/products/?limit=101".to_owned(), 422),
        (format!("/products/{long}"), 404),
    ] {
        let answer = running.client.request(Method::GET, &query).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), expected, "{query:.40}");
        assert!(answer.bytes().await.expect("a body").len() < 120_000, "{query:.40}");
    }
    running.stop().await;
}
