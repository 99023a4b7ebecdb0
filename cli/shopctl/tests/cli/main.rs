//! `shopctl` as its users run it, on small manifests of fake programs.

#![cfg(target_os = "linux")]

mod boot;
mod death;
mod instances;
mod leash;
mod logs;
mod misbehaviour;
mod sandbox;
mod signals;
mod stop;
mod storm;
