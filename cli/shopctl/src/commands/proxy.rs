//! `shopctl internal proxy`: stands on the edges of an instance until it is told to end.

use anyhow::Context as _;
use shopctl_core::manifest::PROXY;
use shopctl_proxy::{Proxy, Route};
use tokio::signal::unix::{SignalKind, signal};

use crate::{args::Global, exit::Exit, printer, running};

pub(crate) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    tracing_subscriber::fmt().with_ansi(false).with_target(false).with_writer(std::io::stderr).init();
    let instance = running::instance(global)?;
    let (_, manifest) = running::plan(&instance)?;
    let ports = instance.record()?.context("the instance has no ports")?.ports;
    let routes = manifest.proxied_edges().filter_map(|edge| {
        let (port, target) = (ports.get(PROXY, &edge.name())?, ports.get(&edge.to, &edge.port)?);
        Some(Route { edge: edge.name(), port, target, is_kafka: edge.port == "kafka" })
    });
    let routes: Vec<Route> = routes.collect();
    let count = routes.len();
    let proxy = Proxy::bind(routes, &instance.proxy_socket()?).await?;
    // Its probe waits for this line.
    printer::data(format_args!("proxies stand on {count} edges"));
    tokio::select! {
        () = proxy.run() => {}
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(Exit::Success)
}
