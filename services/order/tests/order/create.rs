//! What an order is made of, and what can't be ordered.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use tonic::Code;

use crate::product::Mood;
use crate::shop::{Shop, code, lines};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_has_merged_lines_and_products_prices_of_that_moment() {
    let shop = Shop::start().await;
    let made = shop.create(&shop.user(7), &[("mug", 1), ("bag", 2), ("mug", 3)]).await.expect("an order");
    assert_eq!(lines(&made), [("mug", 4), ("bag", 2)]);
    assert_eq!(made.products.iter().map(|line| line.price_cents).collect::<Vec<_>>(), [255, 10]);
    assert_eq!((made.total_cents, made.account_id, made.version), (1040, 7, 1));
    assert!((made.total_price - 10.4).abs() < f64::EPSILON);
    assert_eq!(made.status, "PENDING");
    assert!((1..=2_147_483_647).contains(&made.id));
    assert!(made.created_at.ends_with('Z'), "{}", made.created_at);
    assert_eq!(shop.product.calls(), 1, "all prices come in one call");
    assert_eq!(shop.get(&shop.user(7), made.id).await.expect("the same order"), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_keeps_the_price_that_product_gave_when_it_was_made() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    let cheap = shop.create(&token, &[("mug", 2)]).await.expect("an order");
    shop.product.sell("mug", 3.00);
    let dear = shop.create(&token, &[("mug", 2)]).await.expect("an order");
    assert_eq!(dear.total_cents, 600);
    assert_eq!(shop.get(&token, cheap.id).await.expect("the first order").total_cents, 510);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_product_is_named_and_nothing_is_written() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    for id in ["hat", "", "../mug", "mug\0", "☃"] {
        let error = shop.create_keyed(&token, "key", &[("mug", 1), (id, 1)]).await.expect_err("unknown");
        assert_eq!(error.code(), Code::NotFound, "{id:?}");
        assert!(error.message().contains(&format!("{id:?}")), "{}", error.message());
    }
    let endless = "x".repeat(2_000_000);
    let error = shop.create_keyed(&token, "key", &[("mug", 1), (&endless, 1)]).await.expect_err("unknown");
    assert_eq!(error.code(), Code::NotFound);
    assert!(error.message().len() < 1000, "a message travels in a header");
    assert_eq!((shop.count("orders").await, shop.count("idempotency_keys").await), (0, 0));
}

/// What is promised. On a busy machine only far more than that shows a call that hangs.
const SOON: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn while_product_is_away_orders_are_unavailable_within_two_seconds_and_nothing_is_written() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    for mood in [
        Mood::Failing(500),
        Mood::Failing(503),
        Mood::Failing(404),
        Mood::Failing(307),
        Mood::Silent,
        Mood::Dripping,
        Mood::Breaking,
        Mood::Saying(""),
        Mood::Saying("<html>no service</html>"),
        Mood::Saying("{}"),
        Mood::Saying("null"),
        Mood::Saying(r#"{"items": {}}"#),
        Mood::Saying(r#"{"items": [{"id": "mug"}]}"#),
        Mood::Saying(r#"{"items": [{"id": "mug", "price": "2.55"}]}"#),
        Mood::Saying(r#"{"items": [{"id": 7, "price": 2.55}]}"#),
        Mood::Saying(r#"{"items": [{"id": "mug", "price": 2.55}]"#),
    ] {
        shop.product.set(mood);
        is_unavailable(&shop, &token, mood).await;
    }
    shop.product.stop();
    is_unavailable(&shop, &token, "nobody listens").await;
    for table in ["orders", "idempotency_keys", "outbox"] {
        assert_eq!(shop.count(table).await, 0, "{table}");
    }
}

async fn is_unavailable(shop: &Shop, token: &str, why: impl Debug) {
    let begun = Instant::now();
    let error = shop.create_keyed(token, "key", &[("mug", 1)]).await.expect_err("no prices");
    assert_eq!(error.code(), Code::Unavailable, "{why:?}: {error}");
    assert!(begun.elapsed() < SOON * 10, "{why:?} took {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_is_no_exact_amount_of_cents_makes_no_order() {
    let shop = Shop::start().await;
    for price in [0.005, -0.01, 1_000_000.0, 0.1 + 0.2] {
        shop.product.sell("odd", price);
        assert_eq!(code(shop.create(&shop.user(7), &[("odd", 1)]).await), Code::Internal, "{price}");
    }
    assert_eq!(shop.count("orders").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_order_is_an_invalid_argument() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    shop.product.sell("dear", 999_999.99);
    shop.product.sell("cent", 0.01);
    let ids: Vec<String> = (0..501).map(|n| format!("product-{n}")).collect();
    let many: Vec<(&str, u32)> = ids.iter().map(|id| (id.as_str(), 1)).collect();
    let cases: [&[(&str, u32)]; 6] =
        [&[], &[("mug", 0)], &[("mug", 1), ("mug", 0)], &[("cent", 2_147_483_648)], &[("dear", 22)], &many];
    for (case, products) in cases.into_iter().enumerate() {
        assert_eq!(code(shop.create(&token, products).await), Code::InvalidArgument, "case {case}");
    }
    assert_eq!(shop.count("orders").await, 0);
    let largest = shop.create(&token, &[("cent", 2_147_483_647)]).await.expect("the largest total there is");
    assert_eq!(largest.total_cents, 2_147_483_647);
    let error = shop.create(&token, &[("cent", 2_147_483_647), ("mug", 1)]).await.expect_err("beyond it");
    assert_eq!(error.code(), Code::InvalidArgument);
}
