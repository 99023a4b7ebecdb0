//! What must be so once an order is paid, asked of everyone who has a part in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proto::pb::{
    RecommendationRequestForUserId, payment_service_client::PaymentServiceClient,
    recommender_service_client::RecommenderServiceClient,
};
use serde::Deserialize;
use shopctl_kafka::Event;
use sqlx::{Connection as _, PgConnection};
use tonic::{Request, metadata::AsciiMetadataValue};
use uuid::Uuid;

use super::{
    Bought, SETTLED, STEP,
    shopper::{Line, amount, by_product},
};
use crate::{
    Shop,
    report::{Expect as _, Failure, Recorder, Stopped, same},
};

/// Between two looks at what comes about by itself.
const LOOK: Duration = Duration::from_millis(50);
/// As many as the recommender gives.
const RECOMMENDATIONS: u64 = 100;

/// An order as its events carry it.
#[derive(Debug, Deserialize)]
struct Data {
    order_id: i64,
    account_id: i64,
    total_cents: i64,
    status: String,
    version: u64,
    products: Vec<Line>,
}

/// Payment took the order's total, once.
pub(super) async fn transaction(shop: &Shop, bought: &Bought, recorder: &mut Recorder<'_>) -> Result<(), Stopped> {
    let look = async {
        let expected = "the order's transactions";
        let address = format!("http://{}", shop.payment_grpc);
        let mut payment = PaymentServiceClient::connect(address).await.expect_that(expected)?;
        let mut request = Request::new(u64::try_from(bought.order.id).expect_that("an id that is not negative")?);
        let bearer = AsciiMetadataValue::try_from(format!("Bearer {}", bought.shopper.token));
        request.metadata_mut().insert("authorization", bearer.expect_that("a token of visible letters")?);
        let answer = payment.list_transactions(request).await.expect_that(expected)?.into_inner();
        let found: Vec<(&str, i64)> =
            answer.transactions.iter().map(|one| (one.status.as_str(), one.amount_cents)).collect();
        same("transactions of the order", &vec![("SUCCESS", bought.order.total_cents)], &found)?;
        Ok(((), format!("SUCCESS, {}", amount(bought.order.total_cents))))
    };
    recorder.step("transaction", STEP, look).await
}

/// The order costs what the catalog says.
pub(super) async fn total(bought: &Bought, recorder: &mut Recorder<'_>) -> Result<(), Stopped> {
    let look = async {
        let sum = bought.order.cart.iter().map(|line| line.quantity * line.price_cents).sum::<i64>();
        same("a total in cents of", &sum, &bought.order.total_cents)?;
        Ok(((), format!("{} products at catalog prices", bought.order.cart.len())))
    };
    recorder.step("total", STEP, look).await
}

/// Each change of the order was told once; answers with the ids of these events.
pub(super) async fn events(bought: &mut Bought, recorder: &mut Recorder<'_>) -> Result<Vec<String>, Stopped> {
    let (order, account_id) = (&bought.order, bought.shopper.account_id);
    let (tail, key) = (&mut bought.events, bought.order.id.to_string());
    let look = async {
        let expected = "order_created and order_paid in order_events";
        let mut found: Vec<Event> = Vec::new();
        // In their order, since they have one key.
        while found.last().is_none_or(|event| event.kind.as_deref() != Some("order_paid")) {
            let event = tail.next().await.expect_that(expected)?;
            if event.key.as_deref() == Some(&key) {
                found.push(event);
            }
        }
        let rest = tail.rest().await.expect_that(expected)?;
        found.extend(rest.into_iter().filter(|event| event.key.as_deref() == Some(&key)));

        // A record that stands there twice with the same id is a redelivery, not a second event.
        let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for event in &found {
            let kind = event.kind.as_deref().unwrap_or("(malformed)");
            ids.entry(kind).or_default().insert(event.id.as_deref().unwrap_or("(without an id)"));
        }
        let counts: Vec<(&str, usize)> = ids.iter().map(|(kind, ids)| (*kind, ids.len())).collect();
        same("events of the order", &vec![("order_created", 1), ("order_paid", 1)], &counts)?;

        let mut versions = Vec::new();
        for (kind, status) in [("order_created", "PENDING"), ("order_paid", "PAID")] {
            let event = found.iter().find(|event| event.kind.as_deref() == Some(kind));
            let data = event.map(|event| event.data.clone()).unwrap_or_default();
            let data: Data = serde_json::from_value(data).expect_that("the whole order in its event")?;
            same("an event of order", &order.id, &data.order_id)?;
            same("an event of account", &account_id, &data.account_id)?;
            same("a status in the event of", &status, &data.status.as_str())?;
            same("a total in the event of", &order.total_cents, &data.total_cents)?;
            same("lines in the event of", &by_product(&order.cart), &by_product(&data.products))?;
            versions.push(data.version);
        }
        if !versions.is_sorted_by(|earlier, later| earlier < later) {
            return Err(Failure::new("versions that rise", format_args!("{versions:?}")));
        }
        let ids = ids.values().flatten().map(|&id| id.to_owned()).collect();
        Ok((ids, "order_created and order_paid, each once".to_owned()))
    };
    recorder.step("events", SETTLED, look).await
}

/// The recommender has taken in the order's events and recommends nothing that was bought.
pub(super) async fn recommendations(
    shop: &Shop,
    bought: &Bought,
    events: &[String],
    recorder: &mut Recorder<'_>,
) -> Result<(), Stopped> {
    let look = async {
        taken_in(shop, events).await?;
        let expected = "recommendations without what was bought";
        let address = format!("http://{}", shop.recommender);
        let mut recommender = RecommenderServiceClient::connect(address).await.expect_that(expected)?;
        let user_id = bought.shopper.account_id.to_string();
        let request = RecommendationRequestForUserId { user_id, skip: 0, take: RECOMMENDATIONS };
        let answer = recommender.get_recommendations(request).await.expect_that(expected)?.into_inner();
        let cart = by_product(&bought.order.cart);
        let recommended = answer.recommended_products;
        if recommended.is_empty() {
            return Err(Failure::new(expected, "no recommendation at all"));
        }
        match recommended.iter().find(|product| cart.contains_key(product.id.as_str())) {
            Some(product) => Err(Failure::new(expected, format_args!("{:?} among them", product.name))),
            None => Ok(((), format!("{} products, none of them bought", recommended.len()))),
        }
    };
    recorder.step("recommendations", SETTLED, look).await
}

/// Waits until the recommender's inbox has all these events.
async fn taken_in(shop: &Shop, events: &[String]) -> Result<(), Failure> {
    let expected = "the order's events in the recommender's inbox";
    let ids = events.iter().map(|id| Uuid::parse_str(id)).collect::<Result<Vec<_>, _>>();
    let ids = ids.expect_that("events whose ids are UUIDs")?;
    let mut database = PgConnection::connect(&shop.recommender_db).await.expect_that(expected)?;
    let count = i64::try_from(ids.len()).expect_that(expected)?;
    loop {
        let query = sqlx::query_scalar("SELECT count(*) FROM inbox WHERE event_id = ANY($1)").bind(&ids);
        let found: i64 = query.fetch_one(&mut database).await.expect_that(expected)?;
        if found == count {
            return database.close().await.expect_that(expected);
        }
        tokio::time::sleep(LOOK).await;
    }
}
