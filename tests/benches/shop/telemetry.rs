//! What it costs that the services tell of all they do: a shop that keeps its telemetry and one that does not, side by side,
//! by turns.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::{
    bench::Bench,
    checkout,
    client::Client,
    figure::{Measured, Promise, Unit, milliseconds, times},
    instance::Instance,
    load::Load,
    shop::Shop,
};

/// Checkouts a second that begin whatever becomes of those before.
const RATE: f64 = 100.0;
const IN_FLIGHT: usize = 32;
/// How often each shop has its turn.
const ROUNDS: usize = 3;

/// One of the two.
struct Side {
    told: Told,
    /// Of checkouts at [`RATE`].
    open: Histogram<u64>,
    /// Checkouts with [`IN_FLIGHT`] under way, and how long they took together.
    count: f64,
    elapsed: Duration,
}

#[derive(Clone, Copy)]
enum Told {
    On,
    Off,
}

pub(crate) async fn compared(bench: &Bench, time: Duration) -> anyhow::Result<Measured> {
    let (on_instance, off_instance) = (bench.instance("bench-on")?, bench.instance("bench-off")?);
    let on_shop = boot(bench, &on_instance, Told::On).await?;
    let off_shop = boot(bench, &off_instance, Told::Off).await?;
    let (mut on, mut off) = (Side::new(Told::On), Side::new(Told::Off));
    for round in 0..ROUNDS {
        // Nobody is always the second.
        for told in if round % 2 == 0 { [Told::On, Told::Off] } else { [Told::Off, Told::On] } {
            match told {
                Told::On => on.turn(&on_shop, time).await?,
                Told::Off => off.turn(&off_shop, time).await?,
            }
        }
    }
    let mut measured = Measured::default();
    let dearer = on.p50() / off.p50();
    measured.add("100 checkouts/s, p50 with telemetry", dearer, Unit::Times, Promise { bar: 1.1, aim: 1.05 });
    let fewer = off.rate() / on.rate();
    measured.add(
        "checkouts, 32 in flight, without telemetry",
        fewer,
        Unit::Times,
        Promise { bar: 4.0 / 3.0, aim: 1.1 },
    );
    measured.notes.extend([on.note(), off.note()]);
    Ok(measured)
}

async fn boot(bench: &Bench, instance: &Instance, told: Told) -> anyhow::Result<Shop> {
    let mut up = vec!["up", "--isolated", "--release", "--detach"];
    up.extend(bench.options.env.iter().flat_map(|assignment| ["--env", assignment.as_str()]));
    if let Told::Off = told {
        up.push("--no-telemetry");
    }
    instance.succeeds(&up).await?;
    Shop::connect(instance.json("env").await?, &instance.json("status").await?).await
}

impl Side {
    fn new(told: Told) -> Self {
        Self { told, open: times(), count: 0.0, elapsed: Duration::ZERO }
    }

    async fn turn(&mut self, shop: &Shop, time: Duration) -> anyhow::Result<()> {
        // New ones: connections that are idle for as long as the other's turn takes are closed.
        let mut clients = checkout::clients(shop, IN_FLIGHT).await?;
        let clients = clients.as_mut_slice();
        // The first ones find everything asleep.
        Load::at(clients, RATE, time / 10, Client::check_out).await?;
        self.open.add(Load::at(clients, RATE, time, Client::check_out).await?.times)?;
        let load = Load::of(clients, time, Client::check_out).await?;
        self.count += load.count();
        self.elapsed += load.elapsed;
        checkout::emptied(shop).await
    }

    fn p50(&self) -> f64 {
        milliseconds(&self.open, 0.5)
    }

    fn rate(&self) -> f64 {
        self.count / self.elapsed.as_secs_f64()
    }

    fn note(&self) -> String {
        let told = match self.told {
            Told::On => "with",
            Told::Off => "without",
        };
        let (p50, p99, rate) = (self.p50(), milliseconds(&self.open, 0.99), self.rate());
        format!("{told} telemetry: {p50:.2} ms at p50, {p99:.1} ms at p99; {rate:.0} checkouts/s with 32 in flight")
    }
}
