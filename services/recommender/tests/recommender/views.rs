//! Recommendations to somebody who looks at products.

use kit::grpc;
use proto::pb::RecommendationRequestOnViews;
use tonic::Code;

use crate::shop::{DEADLINE, Shop, ids};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bought_together_is_recommended_first_and_never_what_was_viewed() {
    let shop = Shop::start().await;
    shop.products(&["bag", "hat", "mug", "pen", "tea"]).await;
    // The bag is the most popular, tea goes with mugs.
    for (order, products) in
        [(1, vec!["mug", "tea"]), (2, vec!["mug", "tea"]), (3, vec!["bag"]), (4, vec!["bag"]), (5, vec!["bag", "hat"])]
    {
        shop.order(order, order + 100, 1, "order_created", &products).await;
    }
    shop.wait("the orders have come", "SELECT count(*) FROM orders", 5).await;
    assert_eq!(ids(&shop.replica.viewed(&["mug"], 0, 0).await), ["tea", "bag", "hat", "pen"]);
    assert_eq!(ids(&shop.replica.viewed(&["hat"], 0, 0).await), ["bag", "mug", "tea", "pen"]);
    assert_eq!(ids(&shop.replica.viewed(&["mug", "tea", "mug"], 0, 0).await), ["bag", "hat", "pen"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_views_nothing_known_gets_what_is_popular() {
    let shop = Shop::start().await;
    shop.products(&["bag", "hat", "mug"]).await;
    for order in 1..=2 {
        shop.order(order, order, 1, "order_created", &["mug"]).await;
    }
    shop.order(3, 3, 1, "order_created", &["hat"]).await;
    shop.wait("the orders have come", "SELECT count(*) FROM orders", 3).await;
    for views in [&[][..], &["unknown"], &["", "\0"]] {
        assert_eq!(ids(&shop.replica.viewed(views, 0, 0).await), ["mug", "hat", "bag"], "{views:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_nobody_bought_is_recommended_with_others_of_its_name() {
    let shop = Shop::start().await;
    for (id, name) in
        [("1", "RED RETROSPOT MUG"), ("2", "WOODEN BOX"), ("3", "GLASS JAR"), ("4", "BLUE RETROSPOT MUGS")]
    {
        shop.product(id, name, 1).await;
    }
    shop.wait("the catalog has come", "SELECT count(*) FROM products", 4).await;
    assert_eq!(ids(&shop.replica.viewed(&["4"], 0, 0).await), ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_and_have_5_products_unless_told_and_never_more_than_100() {
    let shop = Shop::start().await;
    let names: Vec<String> = (0..120).map(|n| format!("p{n:03}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    shop.products(&all).await;
    for (take, expected) in [(0, 5), (1, 1), (100, 100), (101, 100), (u64::MAX, 100)] {
        let (viewed, user) = (shop.replica.viewed(&["p000"], 0, take).await, shop.replica.for_user("1", 0, take).await);
        assert_eq!((viewed.len(), user.len()), (expected, expected), "take {take}");
    }
    let mut seen = Vec::new();
    for skip in [0, 50, 100] {
        seen.extend(shop.replica.viewed(&["p000"], skip, 50).await.into_iter().map(|product| product.id));
    }
    assert_eq!(seen, all[1..]);
    assert!(shop.replica.viewed(&["p000"], u64::MAX, 5).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_views_more_than_500_products_at_once() {
    let shop = Shop::start().await;
    for (count, code) in [(500, None), (501, Some(Code::InvalidArgument)), (100_000, Some(Code::InvalidArgument))] {
        let message = RecommendationRequestOnViews { ids: vec!["mug".to_owned(); count], skip: 0, take: 0 };
        let request = grpc::request(message, None, DEADLINE);
        let answer = shop.replica.client.clone().get_recommendations_based_on_viewed(request).await;
        assert_eq!(answer.err().map(|status| status.code()), code, "{count}");
    }
}
