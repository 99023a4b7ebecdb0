//! Recommendations to an account, from what it and others ordered.

use kit::auth::Owner;

use crate::shop::{Shop, basket, ids};

#[tokio::test(flavor = "multi_thread")]
async fn a_user_gets_what_goes_with_their_orders_and_nothing_they_ever_ordered() {
    let shop = Shop::start().await;
    shop.products(&["bag", "hat", "mug", "tea"]).await;
    for (order, account, products) in [
        (1, 1, vec!["mug", "tea"]),
        (2, 2, vec!["mug", "tea"]),
        (3, 3, vec!["bag"]),
        (4, 4, vec!["bag"]),
        (5, 7, vec!["mug"]),
        (6, 8, vec!["bag"]),
    ] {
        shop.order(order, account, 1, "order_created", &products).await;
    }
    shop.wait("the orders have come", "SELECT count(*) FROM orders", 6).await;
    assert_eq!(ids(&shop.replica.for_user("7", 0, 0).await), ["tea", "bag", "hat"]);
    assert_eq!(ids(&shop.replica.for_user("1", 0, 0).await), ["bag", "hat"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_is_not_known_gets_what_is_popular() {
    let shop = Shop::start().await;
    shop.products(&["bag", "hat", "mug"]).await;
    shop.order(1, 1, 1, "order_created", &["mug"]).await;
    shop.wait("the order has come", "SELECT count(*) FROM orders", 1).await;
    for user in ["2", "", "ada", "-1", "99999999999999999999"] {
        assert_eq!(ids(&shop.replica.for_user(user, 0, 0).await), ["mug", "bag", "hat"], "{user:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_counts_as_soon_as_it_is_applied_and_a_cancelled_one_no_more() {
    let shop = Shop::start().await;
    shop.products(&["bag", "hat", "mug", "tea"]).await;
    let first = shop.order(1, 1, 1, "order_created", &["mug", "tea"]).await;
    shop.applied(first).await;
    assert_eq!(ids(&shop.replica.viewed(&["mug"], 0, 1).await), ["tea"]);
    let cancelled = shop.order(1, 1, 2, "order_cancelled", &["mug", "tea"]).await;
    shop.applied(cancelled).await;
    assert_eq!(ids(&shop.replica.viewed(&["mug"], 0, 1).await), ["bag"]);
    // It was ordered all the same, and is not offered to its owner again.
    assert_eq!(ids(&shop.replica.for_user("1", 0, 0).await), ["bag", "hat"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_version_of_an_order_counts_whichever_comes_first() {
    let shop = Shop::start().await;
    shop.products(&["bag", "hat", "mug", "tea"]).await;
    shop.order(1, 1, 2, "order_cancelled", &["mug", "tea"]).await;
    let late = shop.order(1, 1, 1, "order_created", &["mug", "tea"]).await;
    shop.applied(late).await;
    assert_eq!(ids(&shop.replica.viewed(&["mug"], 0, 0).await), ["bag", "hat", "tea"]);
    // An order of which only a later event is seen counts too.
    let paid = shop.order(2, 2, 2, "order_paid", &["mug", "tea"]).await;
    shop.applied(paid).await;
    assert_eq!(ids(&shop.replica.viewed(&["mug"], 0, 0).await), ["tea", "bag", "hat"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_the_original_counts() {
    let shop = Shop::start().await;
    shop.products(&["bag", "mug", "tea"]).await;
    let value = r#"{"type": "order_created", "data": {"order_id": 9, "account_id": 3, "total_price": 10.5,
        "products": [{"product_id": "mug", "quantity": 2}, {"product_id": "tea", "quantity": 1}]}}"#;
    shop.publish_plainly("order_events", "9", value).await;
    shop.wait("the order has come", "SELECT count(*) FROM orders", 1).await;
    assert_eq!(ids(&shop.replica.viewed(&["mug"], 0, 0).await), ["tea", "bag"]);
    assert_eq!(ids(&shop.replica.for_user("3", 0, 0).await), ["bag"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_and_a_restarted_service_answer_alike() {
    let mut shop = Shop::start().await;
    let names: Vec<String> = (0..40).map(|n| format!("p{n:02}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    shop.products(&all).await;
    let second = shop.another_replica().await;
    for order in 1..=30 {
        let products: Vec<&str> = (0..=order % 7).map(|n| all[(order * 7 + n * 3) % all.len()]).collect();
        let id = i64::try_from(order).expect("a small number");
        shop.order(id, id % 5, 1, "order_created", &products).await;
    }
    shop.import(&shop.service(Owner::Shopctl), vec![basket("b1", "c1", &["p01", "p02"])]).await.expect("imported");
    shop.wait("the orders have come", "SELECT count(*) FROM orders", 30).await;
    let answers = async |replica: &crate::shop::Replica| {
        let mut answers = Vec::new();
        for id in &all {
            answers.push(replica.viewed(&[id, "p07"], 0, 100).await);
        }
        for user in ["0", "1", "2", "3", "4", "5"] {
            answers.push(replica.for_user(user, 0, 100).await);
        }
        answers
    };
    let (one, two) = (answers(&shop.replica).await, answers(&second).await);
    assert!(one == two, "two replicas answer alike");
    shop.replica = shop.another_replica().await;
    assert!(one == answers(&shop.replica).await, "so does a new one");
}
