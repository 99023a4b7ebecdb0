//! Past baskets of another system.

use kit::auth::Owner;
use tonic::Code;

use crate::shop::{Shop, basket, ids};

#[tokio::test(flavor = "multi_thread")]
async fn imported_baskets_count_once_and_make_no_users() {
    let shop = Shop::start().await;
    shop.products(&["bag", "hat", "mug", "tea"]).await;
    let token = shop.service(Owner::Shopctl);
    let baskets =
        vec![basket("1", "7", &["mug", "tea", "mug"]), basket("2", "8", &["bag"]), basket("3", "8", &["bag"])];
    let first = shop.import(&token, baskets.clone()).await.expect("imported");
    assert_eq!((first.baskets, first.lines), (3, 5));
    let before = shop.tables().await;
    let again = shop.import(&token, baskets).await.expect("imported before");
    assert_eq!((again.baskets, again.lines), (0, 0));
    assert_eq!(shop.tables().await, before);
    assert_eq!(ids(&shop.replica.viewed(&["mug"], 0, 0).await), ["tea", "bag", "hat"]);
    // Account 7 is not customer 7: it gets what is popular, a mug too.
    assert_eq!(ids(&shop.replica.for_user("7", 0, 0).await), ["bag", "mug", "tea", "hat"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_comes_later_has_its_history() {
    let shop = Shop::start().await;
    shop.products(&["bag", "mug"]).await;
    let baskets = vec![basket("1", "c", &["mug", "tea"])];
    shop.import(&shop.service(Owner::Shopctl), baskets).await.expect("imported");
    assert_eq!(ids(&shop.replica.viewed(&["mug"], 0, 0).await), ["bag"], "never what is not for sale");
    shop.products(&["bag", "mug", "tea"]).await;
    assert_eq!(ids(&shop.replica.viewed(&["mug"], 0, 0).await), ["tea", "bag"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_shopctl_imports() {
    let shop = Shop::start().await;
    let baskets = || vec![basket("1", "c", &["mug"])];
    let code = async |token: &str| shop.import(token, baskets()).await.expect_err("refused").code();
    assert_eq!(code("").await, Code::Unauthenticated);
    assert_eq!(code("no.token.atall").await, Code::Unauthenticated);
    assert_eq!(code(&shop.user(1)).await, Code::PermissionDenied);
    for owner in [Owner::Product, Owner::Recommender, Owner::Order, Owner::Payment, Owner::Gateway] {
        assert_eq!(code(&shop.service(owner)).await, Code::PermissionDenied, "{owner}");
    }
    assert_eq!(shop.tables().await, Vec::<serde_json::Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basket_that_can_not_be_is_named() {
    let shop = Shop::start().await;
    let token = shop.service(Owner::Shopctl);
    let good = || basket("good", "c", &["mug"]);
    let mut timeless = basket("bad", "c", &["mug"]);
    timeless.ordered_at = "yesterday".to_owned();
    let mut nothing = basket("bad", "c", &["mug"]);
    nothing.lines[0].quantity = 0;
    for bad in [timeless, nothing, basket("bad", "c", &[]), basket("bad", "c", &[""]), basket("bad", "c\0", &["mug"])] {
        let error = shop.import(&token, vec![good(), bad]).await.expect_err("one is bad");
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().contains("\"bad\""), "{}", error.message());
    }
    assert_eq!(
        shop.import(&token, vec![basket("", "c", &["mug"])]).await.expect_err("no id").code(),
        Code::InvalidArgument
    );
    assert_eq!(shop.import(&token, Vec::new()).await.expect("nothing is fine").baskets, 0);
}
