//! The state machine, as payment and an order's owner see it.

use futures::future::join_all;
use kit::auth::Owner;
use tonic::Code;

use crate::shop::{Shop, code};

const STATUSES: [&str; 4] = ["PENDING", "PAID", "PAYMENT_FAILED", "CANCELLED"];

/// Makes an order of account 7 that stands at `status`.
async fn order_at(shop: &Shop, status: &str) -> u64 {
    let (owner, payment) = (shop.user(7), shop.service(Owner::Payment));
    let id = shop.create(&owner, &[("mug", 1)]).await.expect("an order").id;
    match status {
        "PENDING" => {}
        "CANCELLED" => drop(shop.cancel(&owner, id).await.expect("a pending order can be cancelled")),
        status => shop.set_status(&payment, id, status).await.expect("a pending order can get there"),
    }
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_steps_of_the_state_machine_are_taken() {
    let shop = Shop::start().await;
    let (owner, payment) = (shop.user(7), shop.service(Owner::Payment));
    for from in STATUSES {
        for to in ["PAID", "PAYMENT_FAILED", "CANCELLED"] {
            let id = order_at(&shop, from).await;
            let before = shop.get(&owner, id).await.expect("the order").version;
            let caller = if to == "CANCELLED" { &owner } else { &payment };
            let (expected, status, version) = match (from, to) {
                (from, to) if from == to => (Code::Ok, to, before),
                ("PENDING", to) | ("PAYMENT_FAILED", to) => (Code::Ok, to, before + 1),
                (from, _) => (Code::FailedPrecondition, from, before),
            };
            assert_eq!(code(shop.set_status(caller, id, to).await), expected, "{from} -> {to}");
            let after = shop.get(&owner, id).await.expect("the order");
            assert_eq!((after.status.as_str(), after.version), (status, version), "{from} -> {to}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_word_is_an_invalid_argument_and_an_unknown_order_is_not_found() {
    let shop = Shop::start().await;
    let payment = shop.service(Owner::Payment);
    let id = order_at(&shop, "PENDING").await;
    for word in ["", "paid", "SHIPPED", "PAID "] {
        assert_eq!(code(shop.set_status(&payment, id, word).await), Code::InvalidArgument, "{word:?}");
    }
    for unknown in [0, id + 1000, 2_147_483_648, u64::MAX] {
        assert_eq!(code(shop.set_status(&payment, unknown, "PAID").await), Code::NotFound, "{unknown}");
        assert_eq!(code(shop.get(&payment, unknown).await), Code::NotFound, "{unknown}");
        assert_eq!(code(shop.cancel(&shop.user(7), unknown).await), Code::NotFound, "{unknown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_payment_and_a_cancellation_at_once_exactly_one_wins() {
    let shop = Shop::start().await;
    let (owner, payment) = (shop.user(7), shop.service(Owner::Payment));
    for _ in 0..10 {
        let id = order_at(&shop, "PENDING").await;
        let calls = (0..4).map(|n| {
            let (caller, status) = if n % 2 == 0 { (&payment, "PAID") } else { (&owner, "CANCELLED") };
            let shop = &shop;
            async move { (status, code(shop.set_status(caller, id, status).await)) }
        });
        let answers = join_all(calls).await;
        let after = shop.get(&owner, id).await.expect("the order");
        assert_eq!(after.version, 2, "one step");
        for (status, code) in answers {
            let expected = if after.status == status { Code::Ok } else { Code::FailedPrecondition };
            assert_eq!(code, expected, "{status} while the order is {}", after.status);
        }
    }
}
