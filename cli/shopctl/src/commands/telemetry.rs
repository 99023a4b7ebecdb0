//! `shopctl internal telemetry`: receives traces and metrics of an instance, and keeps them.

use std::path::PathBuf;

use shopctl_runtime::Instance;
use shopctl_telemetry::{Limits, Receiver, Settings};

use crate::{args::Telemetry, commands::up::Interrupts, exit::Exit, printer};

/// The resource of the manifest that runs it.
pub(crate) const RESOURCE: &str = "telemetry";
/// Tells it where to pass everything on to, as `up --otlp-forward` does.
pub(crate) const FORWARD: &str = "SHOPCTL_OTLP_FORWARD";

/// Where its store is, as the manifest has it.
pub(crate) fn folder(instance: &Instance) -> PathBuf {
    instance.data_dir().join("telemetry")
}

pub(crate) async fn run(args: &Telemetry) -> anyhow::Result<Exit> {
    let mut interrupts = Interrupts::new()?;
    let limits = Limits { bytes: args.max_mib << 20, age: args.max_age };
    let settings = Settings { folder: args.store.clone(), limits, forward: args.forward.clone() };
    let receiver = Receiver::bind(settings, args.grpc, args.http).await?;
    let (grpc, http) = receiver.addresses()?;
    printer::note(format_args!("receives OTLP: gRPC on {grpc}, HTTP on {http}"));
    if let Some(target) = &args.forward {
        printer::note(format_args!("passes it on to {target}"));
    }
    receiver.run(interrupts.next()).await?;
    Ok(Exit::Success)
}
