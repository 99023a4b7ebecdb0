//! Stories that are played through a running shop from outside, as its customers would, and the proof of what came of
//! them: the happy path, scenarios from files, and the reports about both.
//!
//! It knows the shop's public interfaces, its databases and topics, and the supervisor by its control socket only: it must
//! never depend on processes, on how the shop was started, or on a service.

pub mod basket;
mod catalog;
pub mod checkout;
mod control;
pub mod crash;
pub mod file;
mod gateway;
pub mod invariants;
mod live;
pub mod load;
pub mod order;
pub mod play;
pub mod points;
pub mod report;
mod shop;

pub use report::{Outcome, Report, Step};
pub use shop::Shop;
