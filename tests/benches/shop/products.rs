//! Reading the catalog.

use std::time::Duration;

use rand::seq::IndexedRandom as _;

use crate::{
    cpu::Meter,
    figure::{Measured, Promise, Unit, milliseconds},
    http::Connection,
    load::Load,
    shop::Shop,
};

const CONNECTIONS: usize = 32;

pub(crate) async fn reads(shop: &Shop, time: Duration) -> anyhow::Result<Measured> {
    let paths: Vec<String> = shop.products().iter().map(|id| format!("/products/{id}")).collect();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(shop.address("product")?).await?);
    }
    let read = async |connection: &mut Connection| {
        let path = paths.choose(&mut rand::rng()).map_or("/", String::as_str);
        connection.get(path).await.map(drop)
    };
    let meter = Meter::start(shop)?;
    let load = Load::of(&mut connections, time / 2, read).await?;
    let mut measured = Measured::default();
    meter.stop(load.count(), &mut measured)?;
    measured.add("GET /products/{id}", load.rate(), Unit::PerSecond, Promise { bar: 15_000.0, aim: 30_000.0 });
    let (p50, p99) = (milliseconds(&load.times, 0.5), milliseconds(&load.times, 0.99));
    measured.notes.push(format!("{CONNECTIONS} kept connections; one took {p50:.2} ms at p50, {p99:.2} ms at p99"));
    Ok(measured)
}
