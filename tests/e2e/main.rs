//! The whole shop, booted by the `shopctl` binary as a user runs it, and driven from outside.

mod access;
mod attack;
mod boot;
mod build;
mod chores;
mod crash;
mod death;
mod load;
mod money;
mod processes;
mod promise;
mod scenario;
mod shop;
mod smoke;
mod stack;
mod verify;
