//! Stories that are played through a running shop from outside, as its customers would, and the proof of what came of
//! them.
//!
//! It knows the shop's public interfaces and nothing of how it was started: it must never depend on processes, on the
//! supervisor or on a service.

pub mod basket;
pub mod checkout;
mod gateway;
pub mod invariants;
mod live;
pub mod load;
pub mod report;
mod shop;

pub use report::{Outcome, Report, Step};
pub use shop::Shop;
