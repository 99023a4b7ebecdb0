use kit::auth::Mode;
use serde_json::{Value, json};

use crate::shop::Shop;

const CREATE: &str = r#"mutation { createOrder(products: [{productId: "mug", quantity: 2}]) {
    id accountId totalPrice totalCents status createdAt products { productId quantity priceCents } } }"#;

#[tokio::test]
async fn an_order_is_made_for_the_caller_and_comes_back_whole() {
    let shop = Shop::required().await;
    let order = shop.user(7).query(CREATE).await.data()["createOrder"].clone();
    let expected = json!({
        "id": 1, "accountId": 7, "totalPrice": 25.5, "totalCents": 2550, "status": "PENDING",
        "createdAt": "2026-01-02T03:04:05Z",
        "products": [{"productId": "mug", "quantity": 2, "priceCents": 1275}],
    });
    assert_eq!(order, expected);
    let again = shop.user(7).query("{ order(id: 1) { id status } }").await;
    assert_eq!(again.data()["order"], json!({"id": 1, "status": "PENDING"}));
}

#[tokio::test]
async fn the_idempotency_key_is_passed_on() {
    let shop = Shop::required().await;
    let create = "mutation C($key: String) { createOrder(products: [{productId: \"mug\", quantity: 2}], idempotencyKey: $key) { id } }";
    shop.user(7).query_with(create, json!({"key": "a-key"})).await.data();
    shop.user(7).query_with(create, json!({"key": null})).await.data();
    let calls = shop.fakes.calls("create_order");
    assert!(calls[0].detail.starts_with(r#"key Some("a-key")"#), "{:?}", calls[0]);
    assert!(calls[1].detail.starts_with("key None"), "{:?}", calls[1]);
    shop.user(7).query_with(create, json!({"key": "k".repeat(255)})).await.data();
    for bad in ["ключ", "line\nbreak", "", &"k".repeat(256), &"k".repeat(100_000)] {
        assert_eq!(shop.user(7).query_with(create, json!({"key": bad})).await.code(), "INVALID_ARGUMENT", "{bad:?}");
    }
}

#[tokio::test]
async fn deprecated_arguments_must_agree_with_the_token() {
    let shop = Shop::required().await;
    shop.fakes.put_order(1, 7, "PENDING", 1);
    let create = |id: i64| {
        format!("mutation {{ createOrder(accountId: {id}, products: [{{productId: \"mug\", quantity: 1}}]) {{ id }} }}")
    };
    let checkout = |arguments: &str| format!("mutation {{ checkout(orderId: 1, {arguments}) {{ checkoutUrl }} }}");
    for (query, code) in [
        (create(7), None),
        (create(0), None),
        (create(8), Some("PERMISSION_DENIED")),
        (create(-7), Some("PERMISSION_DENIED")),
        (checkout("userId: 7"), None),
        (checkout("userId: 8"), Some("PERMISSION_DENIED")),
        (checkout("userId: -1"), Some("PERMISSION_DENIED")),
        (checkout(r#"email: " User7@Example.org""#), None),
        (checkout(r#"email: "eve@example.org""#), Some("PERMISSION_DENIED")),
    ] {
        let answer = shop.user(7).query(&query).await;
        match code {
            None => drop(answer.data()),
            Some(code) => assert_eq!(answer.code(), code, "{query}"),
        }
    }
}

#[tokio::test]
async fn checkout_passes_the_products_on_and_gives_the_pages_address() {
    let shop = Shop::required().await;
    shop.fakes.put_order(1, 7, "PENDING", 1);
    let query = r#"mutation { checkout(orderId: 1, products: [{productId: "mug", quantity: 2}]) { checkoutUrl } }"#;
    let answer = shop.user(7).query(query).await;
    assert_eq!(answer.data()["checkout"]["checkoutUrl"], "http://localhost:8003/simulate_payment/1");
    let asked = shop.fakes.calls("create_checkout_session")[0].detail.clone();
    assert!(asked.contains(r#"products: [CartItem { product_id: "mug", quantity: 2 }]"#), "{asked}");
}

#[tokio::test]
async fn an_order_of_somebody_else_does_not_exist_nor_does_an_id_out_of_range() {
    let shop = Shop::required().await;
    shop.fakes.put_order(1, 7, "PENDING", 1);
    for query in [
        "{ order(id: 1) { id } }",
        "{ order(id: 2) { id } }",
        "{ order(id: 0) { id } }",
        "{ order(id: -1) { id } }",
        "mutation { cancelOrder(orderId: 1) { id } }",
        "mutation { cancelOrder(orderId: -1) { id } }",
        "mutation { checkout(orderId: 1) { checkoutUrl } }",
        "mutation { checkout(orderId: 0) { checkoutUrl } }",
    ] {
        let answer = shop.user(8).query(query).await;
        assert_eq!(answer.error(), ("NOT_FOUND", "no such order"), "{query}");
    }
    assert_eq!(shop.client().query("{ order(id: 1) { id } }").await.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_negative_quantity_is_refused_before_it_becomes_a_huge_one() {
    let shop = Shop::required().await;
    let query = r#"mutation { createOrder(products: [{productId: "mug", quantity: -1}]) { id } }"#;
    assert_eq!(shop.user(7).query(query).await.error(), ("INVALID_ARGUMENT", "quantity must be positive"));
    assert!(shop.fakes.calls("create_order").is_empty());
}

#[tokio::test]
async fn an_order_is_cancelled_unless_it_is_paid() {
    let shop = Shop::required().await;
    shop.fakes.put_order(1, 7, "PENDING", 1);
    shop.fakes.put_order(2, 7, "PAID", 2);
    let cancelled = shop.user(7).query("mutation { cancelOrder(orderId: 1) { id status } }").await;
    assert_eq!(cancelled.data()["cancelOrder"], json!({"id": 1, "status": "CANCELLED"}));
    let refused = shop.user(7).query("mutation { cancelOrder(orderId: 2) { id } }").await;
    assert_eq!(refused.error(), ("FAILED_PRECONDITION", "the order is PAID"));
}

#[tokio::test]
async fn an_order_shows_its_transactions_and_its_products_as_they_are_now() {
    let shop = Shop::required().await;
    for id in 1..=3 {
        shop.fakes.put_order(id, 7, "PAID", 2);
    }
    shop.fakes.state().products.insert("mug".to_owned(), product("mug"));
    let query =
        "{ orders { nodes { transactions { status amountCents settled } products { product { name sku } } } } }";
    let answer = shop.user(7).query(query).await;
    for order in answer.data()["orders"]["nodes"].as_array().expect("a list") {
        let expected = json!({
            "transactions": [{"status": "SUCCESS", "amountCents": 2550, "settled": true}],
            "products": [{"product": {"name": "Mug", "sku": null}}],
        });
        assert_eq!(*order, expected);
    }
    assert_eq!(shop.fakes.calls("batch").len(), 1, "one call for the products of all orders");
}

#[tokio::test]
async fn orders_are_paged_newest_first() {
    let shop = Shop::required().await;
    for id in 1..=5 {
        shop.fakes.put_order(id, 7, "PENDING", 1);
    }
    shop.fakes.put_order(6, 8, "PENDING", 1);
    let query = "query O($after: String) { orders(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }";
    let mut after = Value::Null;
    let mut pages = Vec::new();
    loop {
        let answer = shop.user(7).query_with(query, json!({"after": after})).await;
        let orders = answer.data()["orders"].clone();
        pages.push(
            orders["nodes"].as_array().expect("a list").iter().map(|node| node["id"].clone()).collect::<Vec<_>>(),
        );
        after = orders["pageInfo"]["endCursor"].clone();
        if orders["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(json!(pages), json!([[5, 4], [3, 2], [1]]));
    assert_eq!(shop.user(7).query(r#"{ orders(after: "!") { nodes { id } } }"#).await.code(), "INVALID_ARGUMENT");
}

#[tokio::test]
async fn in_open_mode_the_gateway_forwards_what_it_got() {
    let shop = Shop::open(Mode::Open).await;
    let create = r#"mutation { createOrder(accountId: 7, products: [{productId: "mug", quantity: 1}]) { accountId } }"#;
    assert_eq!(shop.client().query(create).await.data()["createOrder"]["accountId"], 7);
    assert_eq!(shop.fakes.calls("create_order")[0].authorization, None);
    let checkout = r#"mutation { checkout(userId: 7, orderId: 1, email: "any@example.org") { checkoutUrl } }"#;
    shop.client().query(checkout).await.data();
    assert_eq!(shop.client().with_token("bad").query(create).await.code(), "UNAUTHENTICATED");
}

fn product(id: &str) -> Value {
    json!({"id": id, "name": "Mug", "description": "Holds tea", "price": 12.75, "account_id": 7})
}
