//! Products that are created, read, changed, deleted and listed.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testkit::cases;
use testkit::trials::Case;

use crate::support::{SELLER, Setting, Store, globe, ids, text};

pub(crate) const CASES: &[Case<Store>] = cases![
    a_created_product_is_read_at_once,
    an_update_replaces_and_a_deletion_ends_a_product,
    an_unknown_id_of_whatever_shape_is_not_found,
    a_list_walked_while_others_write_repeats_and_skips_nothing,
    a_list_ends_without_a_cursor_even_if_the_last_page_is_full,
    a_batch_gives_each_known_product_once_and_names_the_missing,
    fifty_parallel_creations_are_all_there,
    what_was_written_is_there_after_an_orderly_restart,
    a_successor_waits_until_its_predecessor_has_let_go,
];

async fn a_created_product_is_read_at_once(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let created = running.client.create(&token, &globe()).await;
    let id = text(&created, "id").to_owned();
    let expected = json!({"id": id, "name": "INFLATABLE POLITICAL GLOBE", "description": "A globe of air",
        "price": 0.85, "account_id": SELLER, "sku": "10002", "price_cents": 85});
    assert_eq!(created, expected);
    assert_eq!(running.client.get(&format!("/products/{id}")).await, (StatusCode::OK, expected));
    running.stop().await;
}

async fn an_update_replaces_and_a_deletion_ends_a_product(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let id = text(&running.client.create(&token, &globe()).await, "id").to_owned();
    let path = format!("/products/{id}");
    let body = json!({"name": "Globe", "description": "", "price": 1});
    let (status, updated) = running.client.send(Method::PUT, &path, Some(&token), &body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(updated["name"], "Globe");
    assert_eq!(updated["sku"], Value::Null);
    assert_eq!(running.client.get(&path).await.1, updated);
    let (status, gone) = running.client.send(Method::DELETE, &path, Some(&token), &Value::Null).await;
    assert_eq!((status, gone), (StatusCode::NO_CONTENT, Value::Null));
    let unknown = (StatusCode::NOT_FOUND, json!({"detail": "Product not found"}));
    assert_eq!(running.client.get(&path).await, unknown);
    assert_eq!(running.client.send(Method::PUT, &path, Some(&token), &body).await, unknown);
    assert_eq!(running.client.send(Method::DELETE, &path, Some(&token), &Value::Null).await, unknown);
    running.stop().await;
}

async fn an_unknown_id_of_whatever_shape_is_not_found(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    for id in ["1", "-1", "search%20me", "%00", "%ff", "..%2f..%2fetc", "💥", &"x".repeat(5000), "batch", "bulk"] {
        let answer = running.client.get(&format!("/products/{id}")).await;
        assert_eq!(answer, (StatusCode::NOT_FOUND, json!({"detail": "Product not found"})), "{id}");
    }
    running.stop().await;
}

async fn a_list_walked_while_others_write_repeats_and_skips_nothing(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let mut created = Vec::new();
    for number in 0..25 {
        let body = json!({"name": format!("Cup {number}"), "description": "", "price": 1});
        created.push(text(&running.client.create(&token, &body).await, "id").to_owned());
    }
    let mut seen = Vec::new();
    let mut path = "/products/?limit=7".to_owned();
    loop {
        let (status, page) = running.client.get(&path).await;
        assert_eq!(status, StatusCode::OK);
        seen.extend(ids(&page));
        // One that was seen goes, another comes: neither moves the rest.
        let seen_last = format!("/products/{}", seen.last().expect("no page is empty"));
        running.client.send(Method::DELETE, &seen_last, Some(&token), &Value::Null).await;
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/products/?limit=7&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, created);
    running.stop().await;
}

async fn a_list_ends_without_a_cursor_even_if_the_last_page_is_full(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    assert_eq!(running.client.get("/products/").await.1, json!({"items": [], "next_cursor": null}));
    let token = setting.user_token(SELLER);
    for _ in 0..2 {
        running.client.create(&token, &globe()).await;
    }
    let (_, page) = running.client.get("/products/?limit=2").await;
    assert_eq!(ids(&page).len(), 2);
    assert_eq!(page["next_cursor"], Value::Null);
    let (_, page) = running.client.get("/products/?limit=1").await;
    assert!(page["next_cursor"].is_string());
    running.stop().await;
}

async fn a_batch_gives_each_known_product_once_and_names_the_missing(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let one = text(&running.client.create(&token, &globe()).await, "id").to_owned();
    let two = text(&running.client.create(&token, &globe()).await, "id").to_owned();
    let odd = ["", "a\u{0}b", "../x", &"x".repeat(5000)];
    let body = json!({"ids": [two, "unknown", one, two, "unknown", odd[0], odd[1], odd[2], odd[3]]});
    let (status, batch) = running.client.post("/products/batch", None, &body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(ids(&batch), [two, one]);
    assert_eq!(batch["missing"], json!(["unknown", odd[0], odd[1], odd[2], odd[3]]));
    running.stop().await;
}

async fn fifty_parallel_creations_are_all_there(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (client, token) = (running.client.clone(), token.clone());
        tasks.spawn(async move {
            let body = json!({"name": format!("Cup {number}"), "description": "", "price": 1});
            text(&client.create(&token, &body).await, "id").to_owned()
        });
    }
    let mut created = tasks.join_all().await;
    let mut listed = ids(&running.client.get("/products/?limit=100").await.1);
    created.sort();
    listed.sort();
    assert_eq!(created, listed);
    running.stop().await;
}

async fn what_was_written_is_there_after_an_orderly_restart(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let created = running.client.create(&setting.user_token(SELLER), &globe()).await;
    running.stop().await;
    let running = setting.start().await;
    assert_eq!(running.client.get(&format!("/products/{}", text(&created, "id"))).await.1, created);
    running.client.found("q=globe", |names| names == ["INFLATABLE POLITICAL GLOBE"]).await;
    running.stop().await;
}

async fn a_successor_waits_until_its_predecessor_has_let_go(store: Store) {
    let setting = Setting::new(store).await;
    let first = setting.start().await;
    let created = first.client.create(&setting.user_token(SELLER), &globe()).await;
    let (second, ()) = tokio::join!(setting.start(), first.stop());
    assert_eq!(second.client.get(&format!("/products/{}", text(&created, "id"))).await.1, created);
    second.stop().await;
}
