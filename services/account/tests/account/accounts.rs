use std::time::Duration;

use kit::auth::{Mode, Owner};
use tonic::Code;

use crate::shop::Shop;

#[tokio::test]
async fn an_account_is_what_was_registered() {
    let shop = Shop::required().await;
    let token = shop.register(" Ada Lovelace ", " Ada@Example.org", "correct horse").await.expect("registered");
    let account = shop.account(Some(&token), 0).await.expect("0 means the caller");
    assert_eq!((account.name.as_str(), account.email.as_str()), ("Ada Lovelace", "Ada@Example.org"));
    assert!(account.id > 0 && account.id < 1 << 31, "{}", account.id);
    assert_eq!(shop.account(Some(&token), account.id).await.expect("one's own id"), account);
}

#[tokio::test]
async fn an_address_belongs_to_one_account_however_it_is_written() {
    let shop = Shop::required().await;
    shop.register("Ada", "ada@example.org", "correct horse").await.expect("registered");
    for again in ["ada@example.org", "ADA@example.org", "  ada@EXAMPLE.org "] {
        let status = shop.register("Eve", again, "battery staple").await.expect_err("it is taken");
        assert_eq!(status.code(), Code::AlreadyExists, "{again:?}: {status}");
    }
}

#[tokio::test]
async fn of_many_registrations_of_one_address_at_once_one_succeeds() {
    let shop = Shop::required().await;
    let tries = (0..8).map(|n| {
        let shop = &shop;
        async move { shop.register(&format!("Ada {n}"), "ada@example.org", "correct horse").await }
    });
    let results = futures::future::join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for status in results.into_iter().filter_map(Result::err) {
        assert_eq!(status.code(), Code::AlreadyExists, "{status}");
    }
}

#[tokio::test]
async fn what_cannot_be_registered_is_an_invalid_argument_that_names_the_field() {
    let shop = Shop::required().await;
    let long = "x".repeat(1025);
    for (name, email, password, field) in [
        ("", "ada@example.org", "correct horse", "name"),
        ("Ada", "", "correct horse", "email"),
        ("Ada", "ada", "correct horse", "email"),
        ("Ada", "ada\0@example.org", "correct horse", "email"),
        ("A\0da", "ada@example.org", "correct horse", "name"),
        ("Ada", "ada@example.org", "", "password"),
        ("Ada", "ada@example.org", long.as_str(), "password"),
    ] {
        let status = shop.register(name, email, password).await.expect_err("it is refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().starts_with(field), "{status}");
    }
}

#[tokio::test]
async fn another_account_does_not_exist_for_a_caller() {
    let shop = Shop::required().await;
    let ada = shop.register("Ada", "ada@example.org", "correct horse").await.expect("registered");
    let eve = shop.register("Eve", "eve@example.org", "correct horse").await.expect("registered");
    let id = shop.account(Some(&ada), 0).await.expect("one's own").id;
    for unknown in [id, 1 << 31, 1 << 63, u64::MAX] {
        let status = shop.account(Some(&eve), unknown).await.expect_err("not hers");
        assert_eq!((status.code(), status.message()), (Code::NotFound, "no such account"), "{unknown}");
    }
}

#[tokio::test]
async fn an_account_is_shown_to_nobody_without_a_good_token() {
    let shop = Shop::required().await;
    let ada = shop.register("Ada", "ada@example.org", "correct horse").await.expect("registered");
    let forged = shop.signer(Owner::Order).user_token(1, "ada@example.org");
    let cut = &ada[..ada.len() - 4];
    for (token, id) in [(None, 0), (None, 1), (Some(forged.as_str()), 0), (Some(cut), 0), (Some("x"), 1)] {
        let status = shop.account(token, id).await.expect_err("no good token");
        assert_eq!(status.code(), Code::Unauthenticated, "{token:?}: {status}");
    }
}

#[tokio::test]
async fn a_service_has_no_account() {
    let shop = Shop::required().await;
    shop.register("Ada", "ada@example.org", "correct horse").await.expect("registered");
    let token = shop.signer(Owner::Payment).service_token(Owner::Account);
    for id in [0, 1] {
        let status = shop.account(Some(&token), id).await.expect_err("services have none");
        assert_eq!(status.code(), Code::PermissionDenied, "{status}");
    }
}

#[tokio::test]
async fn in_open_mode_a_call_without_a_token_acts_as_the_account_it_names() {
    let shop = Shop::open(Mode::Open).await;
    let ada = shop.register("Ada", "ada@example.org", "correct horse").await.expect("registered");
    let id = shop.account(Some(&ada), 0).await.expect("a token still counts").id;
    assert_eq!(shop.account(None, id).await.expect("named").name, "Ada");
    let code = |result: Result<_, tonic::Status>| result.err().map(|status| status.code());
    assert_eq!(code(shop.account(None, 0).await), Some(Code::Unauthenticated), "nobody is named");
    assert_eq!(code(shop.account(None, id + 1).await), Some(Code::NotFound));
    assert_eq!(code(shop.account(None, u64::MAX).await), Some(Code::NotFound));
    assert_eq!(code(shop.account(Some("bad"), id).await), Some(Code::Unauthenticated), "a bad token is no token");
}

#[tokio::test]
async fn no_call_has_to_wait_for_a_new_connection_to_the_database() {
    let shop = Shop::required().await;
    let observer = sqlx::PgPool::connect(&shop.database).await.expect("connected");
    let open = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    testkit::eventually(Duration::from_secs(20), "all connections are open before anybody calls", async || {
        let open: i64 = sqlx::query_scalar(open).fetch_one(&observer).await.expect("answered");
        (open >= 8).then_some(())
    })
    .await;
}
