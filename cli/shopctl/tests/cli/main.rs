//! `shopctl` as its users run it, on small manifests of fake programs.

#![cfg(target_os = "linux")]

mod acting;
mod boot;
mod death;
mod instances;
mod leash;
mod logs;
mod recipe;
mod sandbox;
mod stop;
mod watch;
