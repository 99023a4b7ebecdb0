//! Whole checkouts, from the order to PAID.

use std::time::{Duration, Instant};

use crate::{
    client::Client,
    cpu::Meter,
    figure::{Measured, Promise, Unit, milliseconds},
    load::Load,
    shop::Shop,
};

/// One at a time, for so long.
const ALONE: Duration = Duration::from_secs(5);
const IN_FLIGHT: usize = 32;
/// For the outbox to be empty again; far longer than promised, so that the figure tells how far off it is.
const EMPTY: Duration = Duration::from_secs(60);

pub(crate) async fn one_at_a_time(shop: &Shop) -> anyhow::Result<Measured> {
    let mut clients = [Client::arrive(shop).await?];
    // The first ones find caches, plans and connections on their way.
    Load::of(&mut clients, ALONE / 5, Client::check_out).await?;
    let meter = Meter::start(shop)?;
    let load = Load::of(&mut clients, ALONE, Client::check_out).await?;
    let mut measured = Measured::default();
    meter.stop(load.count(), &mut measured)?;
    let (p50, p99) = (milliseconds(&load.times, 0.5), milliseconds(&load.times, 0.99));
    measured.add("whole checkout, one at a time, p50", p50, Unit::Milliseconds, Promise { bar: 12.0, aim: 6.0 });
    measured.add("whole checkout, one at a time, p99", p99, Unit::Milliseconds, Promise { bar: 30.0, aim: 15.0 });
    Ok(measured)
}

pub(crate) async fn in_flight(shop: &Shop, time: Duration) -> anyhow::Result<Measured> {
    let mut clients = clients(shop, IN_FLIGHT).await?;
    let meter = Meter::start(shop)?;
    let load = Load::of(&mut clients, time, Client::check_out).await?;
    let ended = Instant::now();
    emptied(shop).await?;
    let empty = ended.elapsed().as_secs_f64();
    let mut measured = Measured::default();
    meter.stop(load.count(), &mut measured)?;
    measured.add("whole checkouts, 32 in flight", load.rate(), Unit::PerSecond, Promise { bar: 300.0, aim: 500.0 });
    measured.add("until the outbox is empty after that", empty, Unit::Seconds, Promise { bar: 5.0, aim: 5.0 });
    let (p50, p99) = (milliseconds(&load.times, 0.5), milliseconds(&load.times, 0.99));
    measured.notes.push(format!("a checkout took {p50:.0} ms at p50, {p99:.0} ms at p99"));
    Ok(measured)
}

pub(crate) async fn clients(shop: &Shop, many: usize) -> anyhow::Result<Vec<Client<'_>>> {
    let mut clients = Vec::with_capacity(many);
    for _ in 0..many {
        clients.push(Client::arrive(shop).await?);
    }
    emptied(shop).await?;
    Ok(clients)
}

/// Waits until all events have been published.
pub(crate) async fn emptied(shop: &Shop) -> anyhow::Result<()> {
    let begun = Instant::now();
    while shop.waiting().await? > 0 {
        anyhow::ensure!(begun.elapsed() < EMPTY, "the outbox is not empty after {EMPTY:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
