//! The async shell around `shopctl-core`: instances on disk, processes, probes, logs, the control socket.
//!
//! It carries out what the core decides and tells the core what happened. It must never depend on a service,
//! on clap or on what a terminal looks like, and it decides nothing about boot order by itself.

pub mod client;
mod hub;
pub mod instance;
pub mod launch;
pub mod leftovers;
pub mod log;
pub mod plan;
pub mod ports;
pub mod probe;
pub mod proc;
pub mod process;
pub mod reaper;
pub mod secrets;
mod server;
pub mod supervisor;
pub mod values;
pub mod workspace;

pub use client::Client;
pub use instance::Instance;
pub use workspace::Workspace;
