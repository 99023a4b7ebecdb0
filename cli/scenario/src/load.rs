//! Many checkouts at once, as many shoppers make them, and what that does to the shop.
//!
//! In an open model checkouts begin at a rate, whatever becomes of those before them, and a time counts from when its checkout
//! should have begun: a shop (or a generator) that stands still for a second shows that second in every checkout that it
//! delayed. In a closed one so many are in flight, and the next begins when one has ended.
//!
//! All of the load is made by one thread, which must leave the cores to the shop; it tells when it was too slow itself.

mod arrivals;
mod basket;
mod follower;
mod generator;
mod html;
mod report;
mod shopper;
mod tally;
#[cfg(test)]
mod tests;
mod threshold;

use std::{path::PathBuf, time::Duration};

pub use arrivals::{Arrivals, Stage};
pub(crate) use basket::Baskets;
pub use generator::run;
pub use html::html;
pub use report::{Generator, Report, Second, StepTimes, Verdict};
pub use tally::{Live, Step};
pub use threshold::Threshold;

/// What load is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    pub arrivals: Arrivals,
    /// Accounts that buy, by turns.
    pub accounts: usize,
    /// What is bought follows from it.
    pub seed: u64,
    /// The real orders.
    pub orders: PathBuf,
    /// From the payment to the order that knows it, and to the recommender that does.
    pub patience: Duration,
    pub thresholds: Vec<Threshold>,
}

/// Why there was no load.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Baskets(#[from] crate::basket::Error),
    #[error("the catalog holds none of the products that the real orders are of")]
    NoProducts,
    #[error("the shop cannot be loaded: expected {}, observed {}", .0.expected, .0.observed)]
    Shop(crate::report::Failure),
    #[error(transparent)]
    Look(#[from] crate::invariants::Error),
    #[error("recommender_db cannot be read: {0}")]
    Recommender(#[from] sqlx::Error),
    #[error(transparent)]
    Kafka(#[from] shopctl_kafka::Error),
    #[error("there can be no thread for the load: {0}")]
    Thread(#[from] std::io::Error),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoProducts => Some("`shopctl seed` loads the catalog"),
            Self::Baskets(_) | Self::Thread(_) => None,
            Self::Shop(_) | Self::Look(_) | Self::Recommender(_) | Self::Kafka(_) => {
                Some("the whole shop must run: `shopctl status` tells what does not, `shopctl why RESOURCE` why")
            }
        }
    }
}
