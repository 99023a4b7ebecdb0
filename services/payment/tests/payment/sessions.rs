//! Opening sessions: for whom, over what, and only once.

use kit::auth::Owner;
use proto::pb::{CartItem, CreateCheckoutRequest};
use reqwest::StatusCode;
use tonic::Code;

use crate::orders::Health;
use crate::shop::{ALICE, BOB, Shop};

fn request(order_id: u64) -> CreateCheckoutRequest {
    CreateCheckoutRequest { order_id, ..Default::default() }
}

async fn refusal(shop: &Shop, token: &str, request: CreateCheckoutRequest) -> Code {
    shop.ask(token, request).await.expect_err("refused").code()
}

#[tokio::test]
async fn a_session_charges_the_orders_total_and_not_a_sum_of_its_own() {
    let shop = Shop::start().await;
    let order = shop.orders.add(ALICE, &[("mug", 2, 500), ("pen", 1, 100)], 990);
    let id = shop.checkout(order).await.expect("a session");
    let amount: i64 = sqlx::query_scalar("SELECT amount_cents FROM transactions WHERE id = $1")
        .bind(&id)
        .fetch_one(&shop.pool)
        .await
        .expect("stored");
    assert_eq!(amount, 990);
    assert!(id.len() >= 22, "128 bits have 22 characters at least: {id}");
}

#[tokio::test]
async fn while_a_session_is_open_every_call_returns_its_url() {
    let shop = Shop::start().await;
    let order = shop.order();
    let calls = (0..20).map(|_| shop.checkout(order));
    let urls = futures::future::try_join_all(calls).await.expect("all succeed");
    assert!(urls.iter().all(|url| *url == urls[0]), "{urls:?}");
    assert_eq!(shop.count("SELECT count(*) FROM transactions").await, 1);
}

#[tokio::test]
async fn products_must_be_the_orders_lines_in_whatever_order_or_pieces() {
    let shop = Shop::start().await;
    let order = shop.orders.add(ALICE, &[("mug", 3, 500), ("pen", 1, 100)], 1600);
    let ask = |items: &[(&str, u64)]| {
        let products = items.iter().map(|&(id, quantity)| CartItem { product_id: id.to_owned(), quantity }).collect();
        let request = CreateCheckoutRequest { products, ..request(order) };
        let (shop, token) = (&shop, shop.user(ALICE));
        async move { shop.ask(&token, request).await.map_err(|status| status.code()) }
    };
    for good in [&[][..], &[("pen", 1), ("mug", 3)], &[("mug", 1), ("pen", 1), ("mug", 2)]] {
        ask(good).await.expect("the order's own lines");
    }
    for bad in [
        &[("mug", 3)][..],
        &[("mug", 3), ("pen", 2)],
        &[("mug", 3), ("pen", 1), ("cap", 1)],
        &[("mug", 3), ("pen", 1), ("pen", 0)],
    ] {
        assert_eq!(ask(bad).await, Err(Code::InvalidArgument), "{bad:?}");
    }
    assert_eq!(shop.count("SELECT count(*) FROM transactions").await, 1);
}

#[tokio::test]
async fn somebody_elses_order_does_not_exist_and_another_user_can_not_be_named() {
    let shop = Shop::start().await;
    let order = shop.order();
    let (alice, bob) = (shop.user(ALICE), shop.user(BOB));
    let naming = |user_id| CreateCheckoutRequest { user_id, ..request(order) };
    assert_eq!(refusal(&shop, &bob, request(order)).await, Code::NotFound);
    assert_eq!(refusal(&shop, &bob, naming(BOB)).await, Code::NotFound);
    assert_eq!(refusal(&shop, &bob, naming(ALICE)).await, Code::PermissionDenied);
    assert_eq!(refusal(&shop, &alice, naming(BOB)).await, Code::PermissionDenied);
    assert_eq!(refusal(&shop, &alice, naming(u64::MAX)).await, Code::PermissionDenied);
    assert_eq!(shop.count("SELECT count(*) FROM transactions").await, 0);
    shop.ask(&alice, CreateCheckoutRequest { email: "other@shop.test".to_owned(), ..naming(ALICE) })
        .await
        .expect("hers");
    let listed =
        shop.grpc.clone().list_transactions(kit::grpc::request(order, Some(&bob), crate::shop::PATIENCE)).await;
    assert_eq!(listed.expect_err("not his").code(), Code::NotFound);
}

#[tokio::test]
async fn an_order_that_is_unknown_or_out_of_range_is_not_found() {
    let shop = Shop::start().await;
    for order in [0, 999, u64::from(u32::MAX), i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        assert_eq!(refusal(&shop, &shop.user(ALICE), request(order)).await, Code::NotFound, "{order}");
    }
}

#[tokio::test]
async fn only_a_users_token_opens_a_session() {
    let shop = Shop::start().await;
    let order = shop.order();
    let stranger = Shop::start().await;
    let order_itself = shop.signer(Owner::Order);
    let broken = format!("{}x", shop.user(ALICE));
    let table = [
        ("", Code::Unauthenticated),
        ("nonsense", Code::Unauthenticated),
        (&broken, Code::Unauthenticated),
        // Signed by the account service of another shop.
        (&stranger.user(ALICE), Code::Unauthenticated),
        // For somebody else's ears.
        (&order_itself.service_token(Owner::Account), Code::Unauthenticated),
        // The right words under the wrong key: order may not make users.
        (&order_itself.user_token(7, "7@shop.test"), Code::Unauthenticated),
        (&order_itself.service_token(Owner::Payment), Code::PermissionDenied),
        (&shop.signer(Owner::Payment).service_token(Owner::Payment), Code::PermissionDenied),
    ];
    for (token, code) in table {
        assert_eq!(refusal(&shop, token, request(order)).await, code, "{token}");
    }
    assert_eq!(shop.count("SELECT count(*) FROM transactions").await, 0);
}

#[tokio::test]
async fn a_paid_or_cancelled_order_can_not_be_paid() {
    let shop = Shop::start().await;
    for status in ["PAID", "CANCELLED"] {
        let order = shop.order();
        shop.orders.change(order, status).expect("from PENDING");
        assert_eq!(refusal(&shop, &shop.user(ALICE), request(order)).await, Code::FailedPrecondition, "{status}");
    }
}

#[tokio::test]
async fn between_success_and_paid_no_second_session_opens_and_nothing_is_charged_twice() {
    let shop = Shop::start().await;
    let (order, id) = shop.session().await;
    shop.orders.turn(Health::Untold);
    assert_eq!(shop.webhook(&id, "SUCCESS").await, StatusCode::OK);
    // The money is taken, and order still says PENDING to whoever asks.
    assert_eq!(shop.orders.status(order), "PENDING");
    let again = futures::future::join_all((0..20).map(|_| shop.checkout(order))).await;
    for answer in again {
        assert_eq!(answer.expect_err("it has been paid").code(), Code::FailedPrecondition);
    }
    for outcome in ["SUCCESS", "FAILED"] {
        shop.get(&format!("/simulate_payment_action/{id}/{outcome}")).await;
        assert_eq!(shop.webhook(&id, outcome).await, StatusCode::OK, "taken, and nothing comes of it");
    }
    assert_eq!(shop.stored(&id).await, "SUCCESS");
    shop.orders.turn(Health::Up);
    shop.settled(order, "SUCCESS").await;
    assert_eq!((shop.orders.status(order).as_str(), shop.orders.changes(order, "PAID")), ("PAID", 1));
    let charged = "SELECT sum(amount_cents)::BIGINT FROM transactions WHERE status IN ('PENDING', 'SUCCESS')";
    assert_eq!(shop.count(charged).await, 1250);
    assert_eq!(shop.checkout(order).await.expect_err("it is PAID").code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn after_a_failed_payment_the_next_session_is_a_new_one() {
    let shop = Shop::start().await;
    let (order, first) = shop.session().await;
    shop.webhook(&first, "FAILED").await;
    shop.settled(order, "FAILED").await;
    assert_eq!(shop.orders.status(order), "PAYMENT_FAILED");
    let second = shop.checkout(order).await.expect("another try");
    assert_ne!(first, second);
    shop.webhook(&second, "SUCCESS").await;
    shop.settled(order, "SUCCESS").await;
    assert_eq!(shop.transactions(order).await, [("FAILED".to_owned(), true), ("SUCCESS".to_owned(), true)]);
    assert_eq!(shop.orders.status(order), "PAID");
}

#[tokio::test]
async fn without_order_no_session_opens_and_the_caller_is_told_in_time() {
    let shop = Shop::start().await;
    let order = shop.order();
    for health in [Health::Unavailable, Health::Hangs] {
        shop.orders.turn(health);
        assert_eq!(refusal(&shop, &shop.user(ALICE), request(order)).await, Code::Unavailable);
    }
}

#[tokio::test]
async fn without_access_control_a_call_acts_as_the_named_account_or_the_orders_owner() {
    let shop = Shop::with(&[("SHOP_AUTH", "open")]).await;
    let order = shop.order();
    let naming = |user_id| CreateCheckoutRequest { user_id, ..request(order) };
    let as_owner = shop.ask("", naming(0)).await.expect("the owner");
    assert_eq!(shop.ask("", naming(ALICE)).await.expect("named"), as_owner);
    assert_eq!(refusal(&shop, "", naming(BOB)).await, Code::NotFound);
    assert_eq!(refusal(&shop, "", naming(u64::MAX)).await, Code::NotFound);
    assert_eq!(refusal(&shop, "nonsense", naming(ALICE)).await, Code::Unauthenticated);
}
