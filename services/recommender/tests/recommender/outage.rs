//! Whatever is away for a while costs nothing but time.

use std::time::Duration;

use testkit::postgres::Cluster;
use tonic::Code;

use crate::shop::{Shop, ids};

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_while_the_database_is_away_count_when_it_is_back() {
    let mut cluster = Cluster::start().await;
    let shop = Shop::on(cluster.database().await).await;
    shop.products(&["bag", "mug"]).await;
    cluster.stop();
    assert_eq!(shop.replica.try_popular().await.expect_err("nothing to ask").code(), Code::Unavailable);
    shop.product("hat", "Hat", 1).await;
    shop.order(1, 1, 1, "order_created", &["mug"]).await;
    cluster.restart().await;
    testkit::eventually(Duration::from_secs(30), "all counts", async || {
        let products = shop.replica.try_popular().await.ok()?;
        (ids(&products) == ["mug", "bag", "hat"]).then_some(())
    })
    .await;
}
