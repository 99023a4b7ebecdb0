//! Who may read and who may write.

use kit::auth::Owner;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::cases;
use testkit::keys::Keys;
use testkit::trials::Case;

use crate::support::{OTHER, SELLER, Setting, Store, globe, text};

pub(crate) const CASES: &[Case<Store>] = cases![
    writing_needs_a_token_of_ours_and_reading_none,
    only_the_owner_changes_a_product,
    a_product_belongs_to_the_caller_whatever_the_body_says,
    a_service_sells_nothing,
    open_mode_acts_for_whom_the_request_names,
];

async fn writing_needs_a_token_of_ours_and_reading_none(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let id = text(&running.client.create(&token, &globe()).await, "id").to_owned();
    let path = format!("/products/{id}");
    let stranger = Setting { keys: Keys::new("test"), ..Setting::new(store).await };
    let forged = stranger.user_token(SELLER);
    for token in [None, Some("nonsense"), Some(forged.as_str())] {
        for (method, path) in [
            (Method::POST, "/products/"),
            (Method::POST, "/products/bulk"),
            (Method::PUT, path.as_str()),
            (Method::DELETE, path.as_str()),
            (Method::DELETE, "/products/unknown"),
        ] {
            // Even with a body that is wrong: a stranger learns nothing of it.
            let answer = running.client.send(method.clone(), path, token, &json!({"name": 1})).await;
            let expected = (StatusCode::UNAUTHORIZED, json!({"detail": "Not authenticated"}));
            assert_eq!(answer, expected, "{method} {path} {token:?}");
        }
    }
    assert_eq!(running.client.get(&path).await.0, StatusCode::OK);
    assert_eq!(running.client.get("/products/").await.0, StatusCode::OK);
    assert_eq!(running.client.get("/products/search").await.0, StatusCode::OK);
    running.stop().await;
}

async fn only_the_owner_changes_a_product(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let created = running.client.create(&setting.user_token(SELLER), &globe()).await;
    let path = format!("/products/{}", text(&created, "id"));
    let other = setting.user_token(OTHER);
    let (status, _) = running.client.send(Method::PUT, &path, Some(&other), &globe()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = running.client.send(Method::DELETE, &path, Some(&other), &Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(running.client.get(&path).await.1, created);
    running.stop().await;
}

async fn a_product_belongs_to_the_caller_whatever_the_body_says(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let with = |account_id: Value| {
        let mut body = globe();
        body["account_id"] = account_id;
        body
    };
    for own in [json!(SELLER), json!(0), Value::Null] {
        assert_eq!(running.client.create(&token, &with(own)).await["account_id"], SELLER);
    }
    for path in ["/products/", "/products/bulk"] {
        let body = with(json!(OTHER));
        let body = if path.ends_with("bulk") { json!({"items": [globe(), body]}) } else { body };
        let (status, _) = running.client.post(path, Some(&token), &body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(running.client.get("/products/").await.1["items"].as_array().map(Vec::len), Some(3));
    running.stop().await;
}

async fn a_service_sells_nothing(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    for owner in [Owner::Order, Owner::Shopctl, Owner::Gateway] {
        let token = setting.service_token(owner);
        let (status, _) = running.client.post("/products/", Some(&token), &globe()).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    running.stop().await;
}

async fn open_mode_acts_for_whom_the_request_names(store: Store) {
    let setting = Setting { auth: "open", ..Setting::new(store).await };
    let running = setting.start().await;
    let mut body = globe();
    let (status, _) = running.client.post("/products/", None, &body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "nobody is named");
    body["account_id"] = json!(SELLER);
    let (status, created) = running.client.post("/products/", None, &body).await;
    assert_eq!((status, &created["account_id"]), (StatusCode::CREATED, &json!(SELLER)));
    let path = format!("/products/{}", text(&created, "id"));
    body["account_id"] = json!(OTHER);
    let (status, _) = running.client.send(Method::PUT, &path, None, &body).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = running.client.send(Method::PUT, &path, None, &globe()).await;
    assert_eq!(status, StatusCode::OK, "else the owner of the object is meant");
    let (status, _) = running.client.send(Method::DELETE, &path, Some("nonsense"), &Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a bad token stays bad");
    let (status, _) = running.client.send(Method::DELETE, &path, None, &Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    running.stop().await;
}
