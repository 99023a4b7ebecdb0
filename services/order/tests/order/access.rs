//! Who may do what.

use kit::auth::Owner;
use tonic::Code;

use crate::shop::{Shop, code, creation, request};

const LINES: &[(&str, u32)] = &[("mug", 1)];

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_token_or_with_a_forged_one_is_unauthenticated() {
    let shop = Shop::start().await;
    let id = shop.create(&shop.user(1), LINES).await.expect("an order").id;
    for token in shop.forged().iter().map(String::as_str).chain([""]) {
        let codes = [
            code(shop.create(token, LINES).await),
            code(shop.get(token, id).await),
            code(shop.cancel(token, id).await),
            code(shop.set_status(token, id, "PAID").await),
            code(shop.list(token, 1, 0, "").await),
        ];
        assert_eq!(codes, [Code::Unauthenticated; 5], "{token}");
    }
    assert_eq!(shop.get(&shop.user(1), id).await.expect("the order").version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_account_does_not_exist() {
    let shop = Shop::start().await;
    let id = shop.create(&shop.user(1), LINES).await.expect("an order").id;
    let stranger = shop.user(2);
    assert_eq!(code(shop.get(&stranger, id).await), Code::NotFound);
    assert_eq!(code(shop.cancel(&stranger, id).await), Code::NotFound);
    assert_eq!(code(shop.set_status(&stranger, id, "CANCELLED").await), Code::NotFound);
    assert!(shop.list(&stranger, 0, 0, "").await.expect("a list").orders.is_empty());
    assert_eq!(shop.get(&shop.user(1), id).await.expect("the order").status, "PENDING");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_in_the_name_of_another_account() {
    let shop = Shop::start().await;
    let token = shop.user(1);
    assert_eq!(code(shop.create_with(request(creation(2, LINES), &token)).await), Code::PermissionDenied);
    assert_eq!(code(shop.create_with(request(creation(u64::MAX, LINES), &token)).await), Code::PermissionDenied);
    assert_eq!(code(shop.list(&token, 2, 0, "").await), Code::PermissionDenied);
    assert_eq!(shop.create_with(request(creation(1, LINES), &token)).await.expect("one's own").account_id, 1);
    assert_eq!(shop.list(&token, 1, 0, "").await.expect("one's own").orders.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_set_only_by_whom_it_is_up_to() {
    let shop = Shop::start().await;
    let owner = shop.user(1);
    let id = shop.create(&owner, LINES).await.expect("an order").id;
    for status in ["PENDING", "PAID", "PAYMENT_FAILED"] {
        assert_eq!(code(shop.set_status(&owner, id, status).await), Code::PermissionDenied, "owner: {status}");
    }
    for status in ["PENDING", "CANCELLED"] {
        let payment = shop.service(Owner::Payment);
        assert_eq!(code(shop.set_status(&payment, id, status).await), Code::PermissionDenied, "payment: {status}");
    }
    assert_eq!(code(shop.cancel(&shop.service(Owner::Payment), id).await), Code::PermissionDenied);
    let others = [Owner::Product, Owner::Recommender, Owner::Order, Owner::Gateway, Owner::Shopctl];
    for service in others.map(|owner| shop.service(owner)) {
        for status in ["PENDING", "PAID", "PAYMENT_FAILED", "CANCELLED"] {
            assert_eq!(code(shop.set_status(&service, id, status).await), Code::PermissionDenied);
        }
        assert_eq!(code(shop.get(&service, id).await), Code::PermissionDenied);
        assert_eq!(code(shop.create(&service, LINES).await), Code::PermissionDenied);
    }
    assert_eq!(shop.get(&owner, id).await.expect("the order").version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_reads_any_order_but_makes_none() {
    let shop = Shop::start().await;
    let payment = shop.service(Owner::Payment);
    for account in [1, 2] {
        let id = shop.create(&shop.user(account), LINES).await.expect("an order").id;
        assert_eq!(shop.get(&payment, id).await.expect("the order").account_id, account.unsigned_abs());
    }
    assert_eq!(code(shop.create(&payment, LINES).await), Code::PermissionDenied);
    assert_eq!(code(shop.list(&payment, 1, 0, "").await), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_open_mode_a_call_without_a_token_acts_as_whom_it_names() {
    let shop = Shop::open().await;
    let made = shop.create_with(request(creation(42, LINES), "")).await.expect("account 42 orders");
    assert_eq!(made.account_id, 42);
    assert_eq!(code(shop.create_with(request(creation(0, LINES), "")).await), Code::Unauthenticated);
    assert_eq!(code(shop.create_with(request(creation(u64::MAX, LINES), "")).await), Code::NotFound);
    assert_eq!(shop.get("", made.id).await.expect("its owner reads it").id, made.id);
    assert_eq!(shop.list("", 42, 0, "").await.expect("its owner lists it").orders.len(), 1);
    assert_eq!(code(shop.list("", 0, 0, "").await), Code::Unauthenticated);
    // What only a service may do, only a service may do.
    assert_eq!(code(shop.set_status("", made.id, "PAID").await), Code::PermissionDenied);
    assert_eq!(shop.cancel("", made.id).await.expect("its owner cancels it").status, "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_open_mode_a_token_counts_and_a_bad_one_does_not() {
    let shop = Shop::open().await;
    let id = shop.create(&shop.user(1), LINES).await.expect("an order").id;
    assert_eq!(code(shop.get(&shop.user(2), id).await), Code::NotFound);
    for token in shop.forged() {
        assert_eq!(code(shop.get(&token, id).await), Code::Unauthenticated, "{token}");
    }
}
