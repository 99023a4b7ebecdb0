//! The provider's word: who may speak, and that it counts once.

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use standardwebhooks::Webhook;
use testkit::eventually;
use testkit::postgres::Cluster;
use time::OffsetDateTime;

use crate::shop::{Message, PATIENCE, SECRET, Shop, payload};

const ROTATED: &str = "whsec_bmV3IHNlY3JldCBvZiB0d2VudHktZm91ciBieXRlcw==";

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

#[tokio::test]
async fn a_secret_is_rotated_without_a_gap_and_the_old_one_ends() {
    let both = format!("{ROTATED} {SECRET}");
    // The secrets that the service has, one after the other, and whether a webhook under the old and the new one counts.
    for (secrets, old, new) in [(SECRET, true, false), (&both, true, true), (ROTATED, false, true)] {
        let shop = Shop::with(&[("WEBHOOK_SECRET", secrets)]).await;
        for (secret, counts) in [(SECRET, old), (ROTATED, new)] {
            let (_, id) = shop.session().await;
            let (answer, stored) =
                if counts { (StatusCode::OK, "SUCCESS") } else { (StatusCode::UNAUTHORIZED, "PENDING") };
            assert_eq!(shop.deliver(&Message::signed(secret, now(), &payload(&id, "SUCCESS"))).await, answer);
            assert_eq!(shop.stored(&id).await, stored);
        }
        let (order, id) = shop.session().await;
        let pressed = shop.get(&format!("/simulate_payment_action/{id}/SUCCESS")).await;
        assert_eq!(pressed.status(), StatusCode::OK, "the provider's own webhook is signed by the first");
        shop.settled(order, "SUCCESS").await;
    }
}

#[tokio::test]
async fn a_webhook_of_299_seconds_ago_or_ahead_counts_and_one_of_301_does_not() {
    let shop = Shop::start().await;
    for (offset, status) in [
        (-299, StatusCode::OK),
        (299, StatusCode::OK),
        (-301, StatusCode::UNAUTHORIZED),
        (301, StatusCode::UNAUTHORIZED),
    ] {
        let (_, id) = shop.session().await;
        let body = payload(&id, "SUCCESS");
        // The clock goes on between here and there: only a try within one second says something about this offset.
        let answer = eventually(PATIENCE, "an answer within one second", async || {
            let before = now();
            let answer = shop.deliver(&Message::signed(SECRET, before + offset, &body)).await;
            (now() == before).then_some(answer)
        })
        .await;
        assert_eq!(answer, status, "{offset}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_signed_for_an_extreme_time_is_only_refused() {
    let shop = Shop::start().await;
    let (_, id) = shop.session().await;
    let body = payload(&id, "SUCCESS");
    for timestamp in [i64::MIN, i64::MIN + 1, -now(), -1, 0, now() * 1000, i64::MAX - 1, i64::MAX] {
        let message = Message::signed(SECRET, timestamp, &body);
        assert_eq!(shop.deliver(&message).await, StatusCode::UNAUTHORIZED, "{timestamp}");
    }
    assert_eq!(shop.stored(&id).await, "PENDING");
}

#[tokio::test]
async fn a_webhook_replayed_a_hundred_times_at_once_moves_its_transaction_once() {
    let shop = Shop::start().await;
    let (order, id) = shop.session().await;
    let message = Message::new(&payload(&id, "SUCCESS"));
    let answers = join_all((0..100).map(|_| shop.deliver(&message))).await;
    assert!(answers.iter().all(|status| *status == StatusCode::OK), "{answers:?}");
    shop.settled(order, "SUCCESS").await;
    assert_eq!(shop.orders.changes(order, "PAID"), 1);
    assert_eq!(shop.orders.asked(order, "PAID"), 1);
    assert_eq!(shop.count("SELECT sum(deliveries) FROM webhooks").await, 100);
    assert_eq!(shop.count("SELECT count(*) FROM webhooks").await, 1);
    assert_eq!(shop.count("SELECT count(*) FROM tellings").await, 0);
}

#[tokio::test]
async fn what_comes_late_is_recorded_and_changes_nothing() {
    let shop = Shop::start().await;
    for (first, late, order_status) in [("SUCCESS", "FAILED", "PAID"), ("FAILED", "SUCCESS", "PAYMENT_FAILED")] {
        let (order, id) = shop.session().await;
        assert_eq!(shop.webhook(&id, first).await, StatusCode::OK);
        shop.settled(order, first).await;
        assert_eq!(shop.webhook(&id, late).await, StatusCode::OK);
        assert_eq!(shop.transactions(order).await, [(first.to_owned(), true)]);
        assert_eq!(shop.orders.status(order), order_status);
    }
    let late = "SELECT count(*) FROM webhooks WHERE status_before = status_after AND outcome <> status_after";
    assert_eq!(shop.count(late).await, 2);
    assert_eq!(shop.count("SELECT count(*) FROM tellings").await, 0);
}

#[tokio::test]
async fn success_and_failed_at_once_leave_one_of_them_and_order_agrees() {
    let shop = Shop::start().await;
    for _ in 0..20 {
        let (order, id) = shop.session().await;
        let answers = tokio::join!(shop.webhook(&id, "SUCCESS"), shop.webhook(&id, "FAILED"));
        assert_eq!(answers, (StatusCode::OK, StatusCode::OK));
        let status = shop.stored(&id).await;
        shop.settled(order, &status).await;
        let agreeing = if status == "SUCCESS" { "PAID" } else { "PAYMENT_FAILED" };
        assert_eq!(shop.orders.status(order), agreeing);
    }
}

#[tokio::test]
async fn signed_nonsense_is_400_an_unknown_transaction_404_and_too_much_413() {
    let shop = Shop::start().await;
    let (_, id) = shop.session().await;
    let long = "x".repeat(256);
    for body in [
        "".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "\u{feff}{}".to_owned(),
        payload(&id, "PAID"),
        payload(&id, "success"),
        format!(r#"{{"transaction_id":"{id}","status":"SUCCESS"}}"#),
        format!(r#"{{"transaction_id":"{id}","status":"SUCCESS","payment_gateway_id":""}}"#),
        format!(r#"{{"transaction_id":"{id}","status":"SUCCESS","payment_gateway_id":"a\u0000b"}}"#),
        format!(r#"{{"transaction_id":"{id}","status":"SUCCESS","payment_gateway_id":"{long}"}}"#),
        r#"{"transaction_id":7,"status":"SUCCESS","payment_gateway_id":"g"}"#.to_owned(),
        format!("{}{}", payload(&id, "SUCCESS"), "}"),
    ] {
        assert_eq!(shop.deliver(&Message::new(&body)).await, StatusCode::BAD_REQUEST, "{body}");
    }
    for unknown in ["unknown", "", "\u{0}", "a b", &"x".repeat(5000)] {
        assert_eq!(shop.webhook(unknown, "SUCCESS").await, StatusCode::NOT_FOUND, "{unknown:?}");
    }
    for size in [64 * 1024 + 1, 1024 * 1024, 3 * 1024 * 1024] {
        let message = Message::new(&"x".repeat(size));
        assert_eq!(shop.deliver(&message).await, StatusCode::PAYLOAD_TOO_LARGE, "{size}");
    }
    let get = shop.request(Method::GET, "/webhook/payment").send().await.expect("an answer");
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(shop.stored(&id).await, "PENDING");
}

#[tokio::test]
async fn while_the_store_is_away_the_provider_is_told_to_come_again() {
    let mut cluster = Cluster::start().await;
    let database = cluster.database().await;
    let shop = Shop::with(&[("DATABASE_URL", &database.url)]).await;
    let (order, id) = shop.session().await;
    cluster.stop();
    assert_eq!(shop.webhook(&id, "SUCCESS").await, StatusCode::SERVICE_UNAVAILABLE);
    // A forger is not told whether the store is there.
    let forged = Message::signed(ROTATED, now(), &payload(&id, "SUCCESS"));
    assert_eq!(shop.deliver(&forged).await, StatusCode::UNAUTHORIZED);
    assert_eq!(shop.get("/health/ready").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shop.get("/health/live").await.status(), StatusCode::OK);
    cluster.restart().await;
    eventually(PATIENCE, "the webhook is taken", async || {
        (shop.webhook(&id, "SUCCESS").await == StatusCode::OK).then_some(())
    })
    .await;
    shop.settled(order, "SUCCESS").await;
}

#[tokio::test]
async fn the_reference_implementation_of_the_scheme_is_understood() {
    let shop = Shop::start().await;
    let (order, id) = shop.session().await;
    let body = payload(&id, "SUCCESS");
    let signature = Webhook::new(SECRET).expect("a secret").sign("evt-1", now(), body.as_bytes()).expect("signed");
    let answer = shop
        .request(Method::POST, "/webhook/payment")
        .timeout(PATIENCE)
        .header("Webhook-Id", "evt-1")
        .header("Webhook-Timestamp", now())
        .header("Webhook-Signature", format!("v1,AAAA {signature}"))
        .body(body);
    assert_eq!(answer.send().await.expect("an answer").status(), StatusCode::OK);
    shop.settled(order, "SUCCESS").await;
}
