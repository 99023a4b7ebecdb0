//! `shopctl` as its users run it, on small manifests of fake programs.

#![cfg(target_os = "linux")]

mod acting;
mod boot;
mod damage;
mod dashboard;
mod death;
mod ended;
mod events;
mod exec;
mod exits;
mod figures;
mod instances;
mod leash;
mod logs;
mod misbehaviour;
mod prune;
mod psql;
mod recipe;
mod sandbox;
mod signals;
mod status;
mod stop;
mod storm;
mod telemetry;
mod terminal;
mod watch;
