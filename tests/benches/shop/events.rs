//! Events on their way.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{Instant, interval};

use crate::{
    client::Client,
    figure::{Measured, Promise, Unit, milliseconds, record, times},
    shop::Shop,
};

const EVENTS: usize = 300;
/// The first ones find caches, plans and connections on their way.
const FIRST: usize = 50;
/// Between two of them: the system is quiet.
const PAUSE: Duration = Duration::from_millis(20);
const ARRIVED: Duration = Duration::from_secs(30);

/// From an order's transaction in order's database to its event's effect in recommender's.
///
/// What is promised counts from the transaction's commit. Nobody outside sees that, but the order tells when its
/// transaction began: the figure is too high by the time that takes, and by the time of one look at the effect.
pub(crate) async fn publish(shop: &Shop) -> anyhow::Result<Measured> {
    let mut client = Client::arrive(shop).await?;
    let (mut seen, mut pace) = (times(), interval(PAUSE));
    for event in 0..FIRST + EVENTS {
        pace.tick().await;
        let order = client.order().await?;
        let begun = OffsetDateTime::parse(&order.created_at, &Rfc3339)?;
        applied(shop, i64::try_from(order.id)?).await?;
        if event >= FIRST {
            record(&mut seen, (OffsetDateTime::now_utc() - begun).try_into()?);
        }
    }
    let mut measured = Measured::default();
    let (p50, p99) = (milliseconds(&seen, 0.5), milliseconds(&seen, 0.99));
    measured.add("publish to consumed, quiet, p99", p99, Unit::Milliseconds, Promise { bar: 20.0, aim: 8.0 });
    measured.notes.push(format!("{p50:.1} ms at p50, of {EVENTS} events"));
    Ok(measured)
}

async fn applied(shop: &Shop, order: i64) -> anyhow::Result<()> {
    let deadline = Instant::now() + ARRIVED;
    let query = "SELECT EXISTS (SELECT FROM orders WHERE id = $1)";
    while !sqlx::query_scalar::<_, bool>(query).bind(order).fetch_one(&shop.recommender_db).await? {
        anyhow::ensure!(Instant::now() < deadline, "recommender has not heard of order {order} after {ARRIVED:?}");
    }
    Ok(())
}
