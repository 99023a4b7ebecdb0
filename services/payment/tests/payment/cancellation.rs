//! Orders that are cancelled: before, while and after they are paid.

use reqwest::StatusCode;
use testkit::eventually;
use tonic::Code;

use crate::events::Broker;
use crate::shop::{PATIENCE, Shop};

/// Cancels the order and says so, as order's service does.
async fn cancel(shop: &Shop, broker: &Broker, order: u64) -> bool {
    let cancelled = shop.orders.change(order, "CANCELLED").is_ok();
    if cancelled {
        broker.order("order_cancelled", order).await;
    }
    cancelled
}

async fn voided(shop: &Shop, id: &str) {
    eventually(PATIENCE, "the transaction is voided", async || (shop.stored(id).await == "VOIDED").then_some(())).await;
}

#[tokio::test]
async fn a_cancelled_orders_open_transaction_is_voided_and_its_page_is_gone() {
    let (mut shop, broker) = Broker::shop().await;
    let (order, id) = shop.session().await;
    assert!(cancel(&shop, &broker, order).await);
    voided(&shop, &id).await;
    let page = format!("/simulate_payment/{id}");
    assert_eq!(shop.get(&page).await.status(), StatusCode::CONFLICT);
    let (status, html) = shop.browse(&page).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(html.contains("The order was cancelled") && !html.contains("<form"), "{html}");
    for outcome in ["SUCCESS", "FAILED"] {
        let answer = shop.get(&format!("/simulate_payment_action/{id}/{outcome}")).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "{outcome}");
    }
    assert_eq!(shop.transactions(order).await, [("VOIDED".to_owned(), true)]);
    assert_eq!(shop.webhook(&id, "FAILED").await, StatusCode::OK);
    assert_eq!(shop.stored(&id).await, "VOIDED");
    assert_eq!(shop.checkout(order).await.expect_err("cancelled").code(), Code::FailedPrecondition);
    shop.end().await;
}

#[tokio::test]
async fn a_success_that_comes_after_the_cancellation_is_refunded_once() {
    let (mut shop, broker) = Broker::shop().await;
    let (order, id) = shop.session().await;
    cancel(&shop, &broker, order).await;
    voided(&shop, &id).await;
    for _ in 0..3 {
        assert_eq!(shop.webhook(&id, "SUCCESS").await, StatusCode::OK);
    }
    assert_eq!(shop.transactions(order).await, [("REFUNDED".to_owned(), true)]);
    assert_eq!(shop.count("SELECT sum(amount_cents)::BIGINT FROM refunds").await, 1250);
    assert_eq!(shop.get(&format!("/simulate_payment/{id}")).await.status(), StatusCode::CONFLICT);
    assert_eq!(shop.orders.status(order), "CANCELLED");
    shop.end().await;
}

#[tokio::test]
async fn a_cancellation_that_was_heard_counts_even_if_order_still_reads_as_pending() {
    let (mut shop, broker) = Broker::shop().await;
    let order = shop.order();
    broker.order("order_cancelled", order).await;
    eventually(PATIENCE, "the cancellation is heard", async || {
        (shop.count("SELECT count(*) FROM orders WHERE cancelled_at IS NOT NULL").await == 1).then_some(())
    })
    .await;
    assert_eq!(shop.orders.status(order), "PENDING");
    assert_eq!(shop.checkout(order).await.expect_err("cancelled").code(), Code::FailedPrecondition);
    assert_eq!(shop.count("SELECT count(*) FROM transactions").await, 0);
    shop.end().await;
}

#[tokio::test]
async fn cancelling_against_paying_leaves_success_with_paid_or_refunded_with_cancelled() {
    let (mut shop, broker) = Broker::shop().await;
    let mut rounds = Vec::new();
    for round in 0..30 {
        let (order, id) = shop.session().await;
        let pay = async {
            // Alternately the one or the other has a head start.
            if round % 2 == 0 {
                tokio::task::yield_now().await;
            }
            shop.webhook(&id, "SUCCESS").await
        };
        let (_, paid, again) = tokio::join!(cancel(&shop, &broker, order), pay, shop.checkout(order));
        assert_eq!(paid, StatusCode::OK);
        drop(again);
        rounds.push(order);
    }
    for order in rounds {
        let settled = eventually(PATIENCE, &format!("order {order} is quiet"), async || {
            let transactions = shop.transactions(order).await;
            transactions.iter().all(|(_, settled)| *settled).then_some(transactions)
        })
        .await;
        let expected = match shop.orders.status(order).as_str() {
            "PAID" => "SUCCESS",
            "CANCELLED" => "REFUNDED",
            other => panic!("order {order} is {other}"),
        };
        let statuses: Vec<_> = settled.iter().map(|(status, _)| status.as_str()).filter(|s| *s != "VOIDED").collect();
        assert_eq!(statuses, [expected], "order {order}");
    }
    let refunded = shop.count("SELECT count(*) FROM transactions WHERE status = 'REFUNDED'").await;
    assert_eq!(shop.count("SELECT count(*) FROM refunds").await, refunded);
    shop.end().await;
}
