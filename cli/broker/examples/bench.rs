//! Measures the broker through librdkafka, and prints its bars beside the figures:
//! `cargo run --release -p shopctl-broker --example bench`, or with the `ADDRESS` of one that runs already (of which
//! memory, idling and restart can't be measured).
//!
//! Latency is from handing a message to the producer to having it in a consumer, one message at a time; throughput is
//! of 500-byte messages with the client's default batching, written and then read.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

#[path = "bench/broker.rs"]
mod broker;
#[path = "bench/load.rs"]
mod load;

use std::time::Duration;

use broker::Own;

const IDLE: Duration = Duration::from_secs(10);

fn main() -> anyhow::Result<()> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => own(),
        // How the broker that it measures is started: this very program.
        ["serve", data, listen] => broker::serve(data, listen),
        [address] => load::measure(address).map(drop),
        _ => anyhow::bail!("usage: bench [ADDRESS]"),
    }
}

fn own() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let broker = Own::start(dir.path(), "127.0.0.1:0")?;
    println!("{:<52}{:>12}   bar", "", "");
    load::make_topics(&broker.address)?;
    let waiting = load::waiting_consumers(&broker.address)?;
    let (before, started) = (broker.cpu()?, std::time::Instant::now());
    std::thread::sleep(IDLE);
    let idle = (broker.cpu()? - before).as_secs_f64() / started.elapsed().as_secs_f64() * 100.0;
    let consumers = waiting.len();
    row(&format!("CPU of a core, idle, {consumers} consumers waiting"), &format!("{idle:.2}%"), "1%");
    row("memory, idle", &mib(broker.memory()?), "20 MiB");
    drop(waiting);
    load::measure(&broker.address)?;
    row("memory, after a million messages", &mib(broker.memory()?), "");

    let address = broker.address.clone();
    broker.kill()?;
    let again = Own::start(dir.path(), &address)?;
    row("restart after kill -9 with a million messages", &format!("{:.3} s", again.took.as_secs_f64()), "0.2 s");
    row("memory, after the restart", &mib(again.memory()?), "20 MiB");
    load::read_all(&address)
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

fn row(what: &str, figure: &str, bar: &str) {
    println!("{what:<52}{figure:>12}   {bar}");
}
