//! Orders alone.

use std::time::{Duration, Instant};

use crate::{
    checkout::{clients, emptied},
    client::Client,
    cpu::Meter,
    figure::{Measured, Promise, Unit, milliseconds},
    load::Load,
    shop::Shop,
};

const IN_FLIGHT: usize = 32;

/// Admitted is what is answered; sustained counts the time too until the last event has been published.
pub(crate) async fn create(shop: &Shop, time: Duration) -> anyhow::Result<Measured> {
    let mut clients = clients(shop, IN_FLIGHT).await?;
    let meter = Meter::start(shop)?;
    let begun = Instant::now();
    let load = Load::of(&mut clients, time, async |client: &mut Client<'_>| client.order().await.map(drop)).await?;
    emptied(shop).await?;
    let sustained = load.count() / begun.elapsed().as_secs_f64();
    let mut measured = Measured::default();
    meter.stop(load.count(), &mut measured)?;
    measured.add("CreateOrder, admitted", load.rate(), Unit::PerSecond, Promise { bar: 1500.0, aim: 3000.0 });
    measured.add("CreateOrder, sustained", sustained, Unit::PerSecond, Promise { bar: 1000.0, aim: 1500.0 });
    let (p50, p99) = (milliseconds(&load.times, 0.5), milliseconds(&load.times, 0.99));
    measured.notes.push(format!("one took {p50:.1} ms at p50, {p99:.1} ms at p99"));
    Ok(measured)
}
