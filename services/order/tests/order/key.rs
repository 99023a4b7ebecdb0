//! The idempotency key: a call may be repeated.

use std::time::Duration;

use futures::future::join_all;
use sqlx::{Connection, PgConnection};
use tonic::Code;

use crate::shop::{Shop, code, creation, lines, request};

const LINES: &[(&str, u32)] = &[("mug", 1), ("bag", 2)];

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_at_once_with_one_key_make_one_order() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    let calls = (0..100).map(|_| shop.insist_keyed(&token, "once", LINES));
    let orders: Vec<_> = join_all(calls).await.into_iter().map(|order| order.expect("an order")).collect();
    assert!(orders.iter().all(|order| *order == orders[0]), "each caller gets the whole of it: {orders:?}");
    assert_eq!((shop.count("orders").await, shop.count("idempotency_keys").await), (1, 1));
    assert_eq!(shop.get(&token, orders[0].id).await.expect("the order"), orders[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_baskets_under_one_key_at_once_one_is_ordered_and_the_other_refused() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    let baskets: [&[(&str, u32)]; 2] = [LINES, &[("mug", 2)]];
    let calls = (0..100).map(|n| shop.insist_keyed(&token, "once", baskets[n % 2]));
    let answers = join_all(calls).await;
    let made = answers.iter().find_map(|answer| answer.as_ref().ok()).expect("one of them was first").clone();
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(order) => assert_eq!((&order, lines(&order).as_slice()), (&made, baskets[n % 2])),
            Err(status) => {
                assert_eq!(status.code(), Code::AlreadyExists);
                assert_ne!(lines(&made), baskets[n % 2]);
            }
        }
    }
    assert_eq!((shop.count("orders").await, shop.count("idempotency_keys").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_call_with_the_same_key_returns_the_order_as_it_is_now() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    let made = shop.create_keyed(&token, "key", LINES).await.expect("an order");
    shop.cancel(&token, made.id).await.expect("it can be cancelled");
    // The price has changed and product is away: none of that matters to an order that is there.
    shop.product.sell("mug", 9.99);
    shop.product.stop();
    let again = shop.create_keyed(&token, "key", &[("mug", 1), ("bag", 1), ("bag", 1)]).await.expect("the order");
    assert_eq!((again.id, again.total_cents), (made.id, made.total_cents));
    assert_eq!((again.status.as_str(), again.version), ("CANCELLED", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_the_same_lines_in_another_order_gives_the_order_as_it_was_asked_for_first() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    let made = shop.create_keyed(&token, "key", LINES).await.expect("an order");
    for again in [&[("bag", 2), ("mug", 1)][..], &[("bag", 1), ("mug", 1), ("bag", 1)]] {
        assert_eq!(shop.create_keyed(&token, "key", again).await.expect("the order"), made, "{again:?}");
    }
    assert_eq!(lines(&made), LINES);
    let swapped = shop.create_keyed(&token, "key", &[("bag", 1), ("mug", 2)]).await;
    assert_eq!(code(swapped), Code::AlreadyExists, "other quantities");
    assert_eq!(shop.count("orders").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_body_already_exists() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    shop.create_keyed(&token, "key", LINES).await.expect("an order");
    let others: [&[(&str, u32)]; 4] =
        [&[("mug", 1)], &[("mug", 2), ("bag", 2)], &[("mug", 1), ("hat", 2)], &[("mug", 1), ("bag", 2), ("hat", 1)]];
    for other in others {
        assert_eq!(code(shop.create_keyed(&token, "key", other).await), Code::AlreadyExists, "{other:?}");
    }
    assert_eq!(shop.count("orders").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_do_not_share_keys() {
    let shop = Shop::start().await;
    let one = shop.create_keyed(&shop.user(7), "key", LINES).await.expect("an order");
    let two = shop.create_keyed(&shop.user(8), "key", LINES).await.expect("another order");
    assert_ne!(one.id, two.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_frees_its_key() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    assert_eq!(code(shop.create_keyed(&token, "key", &[("hat", 1)]).await), Code::NotFound);
    shop.create_keyed(&token, "key", LINES).await.expect("the key is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_1_to_255_visible_ascii_bytes() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    for key in ["k", "!~", &"k".repeat(255)] {
        shop.create_keyed(&token, key, LINES).await.expect("a good key");
    }
    for key in ["", "two words", &"k".repeat(256)] {
        assert_eq!(code(shop.create_keyed(&token, key, LINES).await), Code::InvalidArgument, "{key:?}");
    }
    let mut twice = request(creation(0, LINES), &token);
    twice.metadata_mut().append("idempotency-key", "one".parse().expect("ASCII"));
    twice.metadata_mut().append("idempotency-key", "two".parse().expect("ASCII"));
    assert_eq!(code(shop.create_with(twice).await), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_counts_for_24_hours() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    let first = shop.create_keyed(&token, "key", LINES).await.expect("an order");
    age(&shop, "23 hours 59 minutes").await;
    assert_eq!(shop.create_keyed(&token, "key", LINES).await.expect("the order").id, first.id);
    age(&shop, "2 minutes").await;
    let second = shop.create_keyed(&token, "key", &[("mug", 5)]).await.expect("a new order");
    assert_ne!(second.id, first.id);
    assert_eq!(shop.create_keyed(&token, "key", &[("mug", 5)]).await.expect("the order").id, second.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_for_another_with_its_key_until_its_own_deadline() {
    let shop = Shop::start().await;
    let token = shop.user(7);
    let options = shop.pool.connect_options();
    let mut other: PgConnection = sqlx::ConnectOptions::connect(&*options).await.expect("the database answers");
    let mut holder = other.begin().await.expect("a transaction");
    let made = "WITH made AS (
                    INSERT INTO orders (account_id, status, total_cents, version) VALUES (7, 'PENDING', 0, 1) RETURNING id)
                INSERT INTO idempotency_keys (account_id, key, order_id) SELECT 7, 'key', id FROM made";
    sqlx::query(made).execute(&mut *holder).await.expect("the key is free");
    let mut hasty = request(creation(0, LINES), &token);
    hasty.metadata_mut().insert("idempotency-key", "key".parse().expect("ASCII"));
    hasty.set_timeout(Duration::from_millis(300));
    // Which of the two depends on whose timer is quicker, the service's or this client's.
    assert!(matches!(code(shop.create_with(hasty).await), Code::DeadlineExceeded | Code::Cancelled));
    let (patient, ()) = tokio::join!(shop.create_keyed(&token, "key", LINES), async {
        testkit::eventually(Duration::from_secs(30), "both calls wait for the key", async || {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE wait_event_type = 'Lock' AND datname = current_database()",
            )
            .fetch_one(&shop.pool)
            .await
            .ok()?;
            (waiting > 1).then_some(())
        })
        .await;
        holder.rollback().await.expect("the other call fails");
    });
    patient.expect("the key is free");
    assert_eq!(shop.count("orders").await, 1, "the key stands for one, whichever call made it");
}

async fn age(shop: &Shop, by: &str) {
    sqlx::query("UPDATE idempotency_keys SET created_at = created_at - $1::interval")
        .bind(by)
        .execute(&shop.pool)
        .await
        .expect("the database answers");
}
