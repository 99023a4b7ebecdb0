//! Telling order how it ended: until order has answered, whatever happens meanwhile.

use testkit::eventually;
use tonic::Code;

use crate::orders::Health;
use crate::shop::{PATIENCE, Shop};

#[tokio::test]
async fn while_order_is_away_the_outcome_waits_and_is_told_when_it_is_back() {
    let shop = Shop::start().await;
    for health in [Health::Unavailable, Health::Hangs] {
        let (order, id) = shop.session().await;
        shop.orders.turn(health);
        shop.webhook(&id, "SUCCESS").await;
        eventually(PATIENCE, "it was tried in vain", async || {
            let tried = shop.count("SELECT count(*) FROM tellings WHERE last_error IS NOT NULL").await;
            (tried == 1).then_some(())
        })
        .await;
        assert_eq!(shop.stored(&id).await, "SUCCESS");
        assert_eq!(shop.orders.status(order), "PENDING");
        shop.orders.turn(Health::Up);
        // The money is taken: nobody pays again while order does not know.
        assert_eq!(shop.checkout(order).await.expect_err("paid").code(), Code::FailedPrecondition);
        shop.settled(order, "SUCCESS").await;
        assert_eq!(shop.orders.status(order), "PAID");
        assert_eq!(shop.orders.changes(order, "PAID"), 1);
    }
}

#[tokio::test]
async fn money_for_an_order_that_was_cancelled_meanwhile_is_given_back_once() {
    let shop = Shop::start().await;
    let (order, id) = shop.session().await;
    shop.orders.change(order, "CANCELLED").expect("from PENDING");
    shop.webhook(&id, "SUCCESS").await;
    shop.settled(order, "REFUNDED").await;
    assert_eq!(shop.orders.status(order), "CANCELLED");
    shop.webhook(&id, "SUCCESS").await;
    shop.webhook(&id, "FAILED").await;
    assert_eq!(shop.transactions(order).await, [("REFUNDED".to_owned(), true)]);
    assert_eq!(shop.count("SELECT sum(amount_cents)::BIGINT FROM refunds").await, 1250);
}

#[tokio::test]
async fn money_is_not_given_back_before_order_has_said_cancelled() {
    let shop = Shop::start().await;
    let (order, id) = shop.session().await;
    shop.orders.change(order, "CANCELLED").expect("from PENDING");
    shop.orders.turn(Health::Unavailable);
    shop.webhook(&id, "SUCCESS").await;
    eventually(PATIENCE, "it was tried in vain, twice", async || {
        (shop.count("SELECT count(*) FROM tellings WHERE attempts > 1").await == 1).then_some(())
    })
    .await;
    assert_eq!(shop.stored(&id).await, "SUCCESS");
    shop.orders.turn(Health::Up);
    shop.settled(order, "REFUNDED").await;
}

#[tokio::test]
async fn a_success_that_order_has_already_is_settled() {
    let shop = Shop::start().await;
    let (order, id) = shop.session().await;
    // As if order had taken it and its answer were lost.
    shop.orders.change(order, "PAID").expect("from PENDING");
    shop.webhook(&id, "SUCCESS").await;
    shop.settled(order, "SUCCESS").await;
    assert_eq!(shop.count("SELECT count(*) FROM refunds").await, 0);
}

#[tokio::test]
async fn a_failure_that_order_refuses_is_settled_too() {
    let shop = Shop::start().await;
    for status in ["PAID", "CANCELLED"] {
        let (order, id) = shop.session().await;
        shop.orders.change(order, status).expect("from PENDING");
        shop.webhook(&id, "FAILED").await;
        shop.settled(order, "FAILED").await;
        assert_eq!(shop.orders.status(order), status);
    }
}

#[tokio::test]
async fn money_for_an_order_that_order_has_lost_is_kept_until_it_is_found() {
    let shop = Shop::start().await;
    let (failed, id) = shop.session().await;
    shop.orders.lose(failed);
    shop.webhook(&id, "FAILED").await;
    eventually(PATIENCE, "nobody cares for a failure", async || {
        (shop.count("SELECT count(*) FROM transactions WHERE settled_at IS NOT NULL").await == 1).then_some(())
    })
    .await;
    let (order, id) = shop.session().await;
    let lost = shop.orders.lose(order);
    shop.webhook(&id, "SUCCESS").await;
    eventually(PATIENCE, "it is looked for now and then", async || {
        let rarely =
            "SELECT count(*) FROM tellings WHERE last_error LIKE '%unknown%' AND due_at > now() + interval '5 min'";
        (shop.count(rarely).await == 1).then_some(())
    })
    .await;
    assert_eq!(shop.stored(&id).await, "SUCCESS", "the money is not given back");
    shop.orders.restore(lost);
    sqlx::query("UPDATE tellings SET due_at = now()").execute(&shop.pool).await.expect("ten minutes have gone by");
    shop.settled(order, "SUCCESS").await;
    assert_eq!(shop.orders.status(order), "PAID");
}

#[tokio::test]
async fn what_a_killed_replica_had_claimed_is_told_by_another() {
    let shop = Shop::start().await;
    let (order, id) = shop.session().await;
    shop.orders.turn(Health::Unavailable);
    shop.webhook(&id, "SUCCESS").await;
    eventually(PATIENCE, "it was tried in vain", async || {
        (shop.count("SELECT count(*) FROM tellings WHERE last_error IS NOT NULL").await == 1).then_some(())
    })
    .await;
    // A claim without an end, as a kill leaves it.
    sqlx::query("UPDATE tellings SET due_at = now() + interval '2 s'").execute(&shop.pool).await.expect("set");
    let _other = shop.replica().await;
    shop.orders.turn(Health::Up);
    shop.settled(order, "SUCCESS").await;
    assert_eq!(shop.orders.asked(order, "PAID"), 1);
}

#[tokio::test]
async fn two_replicas_tell_each_outcome_once() {
    let shop = Shop::start().await;
    let _other = shop.replica().await;
    let mut orders = Vec::new();
    for _ in 0..40 {
        let (order, id) = shop.session().await;
        shop.webhook(&id, "SUCCESS").await;
        orders.push(order);
    }
    for order in orders {
        shop.settled(order, "SUCCESS").await;
        assert_eq!(shop.orders.asked(order, "PAID"), 1, "order {order}");
    }
}
