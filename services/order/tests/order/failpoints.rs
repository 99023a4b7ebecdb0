//! The service dies before and after every commit, publish and call. Afterwards nothing is lost and nothing was done twice.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use kit::auth::Owner;
use proto::pb;
use testkit::crash::{Mortal, points};
use testkit::eventually;
use tonic::Status;

use crate::crash::{SOON, World};
use crate::shop::{creation, request, signer};

/// Each point, and at which of its passages the service dies there.
const POINTS: [(&str, &[usize]); 11] = [
    ("prices-before-call", &[1]),
    ("prices-after-call", &[1]),
    ("create-before-commit", &[1, 3]),
    ("create-after-commit", &[1, 3]),
    // Each kind of change.
    ("status-before-commit", &[1, 2, 3, 4]),
    ("status-after-commit", &[1, 2, 3, 4]),
    ("forget-before-delete", &[1]),
    ("forget-after-delete", &[1]),
    ("relay-before-publish", &[1]),
    ("relay-before-mark", &[1]),
    ("relay-after-mark", &[1]),
];

/// Worlds at a time: they wait more than they work.
const AT_ONCE: usize = 8;

#[test]
fn every_point_has_its_death() {
    let bus = concat!(env!("CARGO_MANIFEST_DIR"), "/../bus");
    let relay = points(bus).into_iter().filter(|point| point.starts_with("relay-"));
    let expected: BTreeSet<String> = points(env!("CARGO_MANIFEST_DIR")).into_iter().chain(relay).collect();
    assert_eq!(POINTS.map(|(point, _)| point.to_owned()).into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_service_dies_each_order_is_made_once_and_each_change_told_once_in_order() {
    let deaths = POINTS.into_iter().flat_map(|(point, nths)| nths.iter().map(move |nth| (point, *nth)));
    stream::iter(deaths).for_each_concurrent(AT_ONCE, async |(point, nth)| dies_at(point, nth).await).await;
}

async fn dies_at(point: &str, nth: usize) {
    let world = World::new().await;
    let command = world.command(env!("CARGO_BIN_EXE_order-failpoints"), "serve");
    let mut service = Mortal::start(command, point, nth);
    let accepted = service.while_it_lives(trade(&world)).await;
    service.has_died(SOON).await;
    world.outbox_is_empty().await;

    let stored: Vec<(i64, String, i64)> = sqlx::query_as("SELECT id, status, version FROM orders ORDER BY id")
        .fetch_all(&world.pool)
        .await
        .expect("the database answers");
    let statuses: BTreeMap<u64, &str> =
        stored.iter().map(|(id, status, _)| (id.unsigned_abs(), status.as_str())).collect();
    assert_eq!(statuses, accepted.into_iter().collect(), "{point}, {nth}: what was accepted is what there is");

    let mut seen = BTreeSet::new();
    let mut told: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for event in world.broker.events(&["order_events"]).await {
        // A second one with the same id is a redelivery.
        if seen.insert(event.id.expect("an id")) {
            let version = event.data["version"].as_i64().expect("a version");
            told.entry(event.key.expect("a key")).or_default().push(version);
        }
    }
    let expected: BTreeMap<String, Vec<i64>> =
        stored.iter().map(|(id, _, version)| (id.to_string(), (1..=*version).collect())).collect();
    assert_eq!(told, expected, "{point}, {nth}: each change is one event, in order");
}

/// Four orders that end in each way; answers with what was accepted.
async fn trade(world: &World) -> Vec<(u64, &'static str)> {
    let mut accepted = Vec::new();
    for (key, ends) in [("a", &["PAID"][..]), ("b", &["PAYMENT_FAILED", "PAID"]), ("c", &["CANCELLED"]), ("d", &[])] {
        let order = insist("an order", async || world.create(key).await).await;
        for status in ends {
            insist(status, async || world.turn(order, status).await).await;
        }
        accepted.push((order, ends.last().copied().unwrap_or("PENDING")));
    }
    accepted
}

/// Asks until there is an answer, as every client of the shop does. Nothing here is refused.
async fn insist<T>(what: &str, mut call: impl AsyncFnMut() -> Result<T, Status>) -> T {
    eventually(SOON, what, async || match call().await {
        Ok(answer) => Some(answer),
        Err(status) if kit::grpc::is_outage(&status) => None,
        Err(status) => panic!("{what}: {status:?}"),
    })
    .await
}

impl World {
    async fn create(&self, key: &str) -> Result<u64, Status> {
        let token = signer(&self.keys, Owner::Account).user_token(7, "ada@example.com");
        let mut call = request(creation(0, &[("mug", 1)]), &token);
        call.metadata_mut().insert("idempotency-key", key.parse().expect("ASCII"));
        Ok(self.client.clone().create_order(call).await?.into_inner().order.expect("an order").id)
    }

    async fn turn(&self, order: u64, status: &str) -> Result<(), Status> {
        if status == "CANCELLED" {
            let token = signer(&self.keys, Owner::Account).user_token(7, "ada@example.com");
            return self.client.clone().cancel_order(request(order, &token)).await.map(drop);
        }
        let token = signer(&self.keys, Owner::Payment).service_token(Owner::Order);
        let message = pb::UpdateOrderStatusRequest { order_id: order, status: status.to_owned() };
        self.client.clone().update_order_status(request(message, &token)).await.map(drop)
    }
}
