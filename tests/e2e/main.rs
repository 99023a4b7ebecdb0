//! The whole shop, booted by the `shopctl` binary as a user runs it, and driven from outside.
//!
//! With the feature `docker` the same tests run on containers: Apache Kafka and Elasticsearch in place of the embedded broker and
//! store, and the databases too wherever `shopctl` boots them. What a test says about the embedded ones only, it says in
//! its `ignore`.

mod access;
mod attack;
mod boot;
mod build;
mod chores;
mod crash;
mod death;
mod faults;
mod load;
mod money;
mod processes;
mod promise;
mod scenario;
mod shop;
mod smoke;
mod stack;
mod telemetry;
mod trace;
mod verify;
