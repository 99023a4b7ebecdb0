//! Checkouts while the shop's services die again and again at the worst moments, and the proof that nothing came of it.
//!
//! In each round one service is struck: at a named point of its code (in a shop that was booted with those), or by `kill -9`.
//! Meanwhile shoppers order, pay, decline and cancel, and try again as a sane client does. When a round is over and the shop
//! quiet, what the shoppers were told is held against the databases, and all invariants are checked.

mod client;
mod ledger;
mod report;
mod round;
mod striker;
mod target;

use std::{path::PathBuf, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use tokio::sync::watch;

pub use report::{Finding, Report, Round};
pub use target::{Blow, Target, Unknown, select};

use crate::{
    Shop, basket,
    control::Control,
    invariants::{self, Addresses, Checker, catalog},
    load::Baskets,
    report::Failure,
};
use client::{Client, Tries};
use ledger::Ledger;
use round::Stand;

/// Accounts that register at a time: a password costs their service much.
const REGISTERING: usize = 4;

/// What is done to a shop.
#[derive(Debug, Clone)]
pub struct Plan {
    pub rounds: u32,
    /// What is drawn follows from it: who is struck in which round, after how much, and what is bought.
    pub seed: u64,
    /// Checkouts under way at once.
    pub in_flight: usize,
    /// That begin in each round.
    pub checkouts: u64,
    /// Who may be struck; at least one.
    pub targets: Vec<Target>,
    /// The real orders.
    pub orders: PathBuf,
}

/// How it goes.
#[derive(Debug, Clone)]
pub struct Live {
    /// From 1.
    pub round: u32,
    pub target: Target,
    pub begun: u64,
    pub strikes: u64,
}

/// Why there was no crash test. What goes wrong later is in the report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Load(#[from] crate::load::Error),
    #[error(transparent)]
    Look(#[from] invariants::Error),
    #[error("the shop cannot be struck: expected {}, observed {}", .0.expected, .0.observed)]
    Shop(Failure),
    #[error("order_db cannot be read: {0}")]
    Orders(#[from] sqlx::Error),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Load(error) => error.hint(),
            Self::Look(error) => Some(error.hint()),
            Self::Shop(failure) if failure.observed.contains("--failpoints") => {
                Some("`--points kill` strikes by kill -9 alone, in any shop")
            }
            Self::Shop(_) | Self::Orders(_) => {
                Some("the whole shop must run: `shopctl status` tells what does not, `shopctl why RESOURCE` why")
            }
        }
    }
}

/// Plays the rounds, up to the first of which something came, or until `stop` says so: what is under way then is ended and
/// looked at. `show` is told how it goes.
///
/// # Errors
/// When the shop is not there, not seeded, or cannot be struck.
pub async fn run(
    shop: &Shop,
    addresses: &Addresses,
    plan: &Plan,
    stop: &watch::Receiver<bool>,
    show: &mut dyn FnMut(&Live),
) -> Result<Report, Error> {
    let control = Control::of(shop.control.as_deref()).map_err(Error::Shop)?;
    let real = basket::read(&plan.orders).map_err(crate::load::Error::from)?;
    let baskets = Baskets::of(&real, &catalog(&shop.product).await?)?;
    let point = plan.targets.iter().find_map(|target| match target.blow {
        Blow::Point(point) => Some((target.resource, point)),
        Blow::Kill => None,
    });
    if let Some((resource, point)) = point {
        // A shop without points says so before anything is made.
        control.clear_point(resource, point).await.map_err(Error::Shop)?;
    }
    let tries: Tries = Arc::default();
    let arrive = (0..plan.in_flight).map(|_| Client::arrive(&shop.gateway, &tries));
    let clients: Vec<Client> = stream::iter(arrive)
        .buffered(REGISTERING)
        .try_collect()
        .await
        .map_err(|trouble| Error::Shop(trouble.failure()))?;
    let mut ledger = Ledger::of(&clients);
    let mut report = Report::begin(plan);
    let mut checker = Checker::default();
    let clients = clients.into_iter().map(Arc::new).collect();
    let (gateway, baskets) = (shop.gateway.as_str().into(), Arc::new(baskets));
    let stand = Stand { control: &control, plan, stop, gateway, baskets, clients, tries };
    for (round, target) in (0..plan.rounds).zip(deck(plan)) {
        if *stop.borrow() {
            break;
        }
        let seed = plan.seed.wrapping_add(round.into());
        let mut live = |begun, strikes| show(&Live { round: round + 1, target, begun, strikes });
        let played = stand.play(target, seed, &mut ledger, &mut live).await?;
        let whole = control.whole(round::PATIENCE).await;
        report.add(played, whole, &ledger, ledger.compare(&shop.order_db).await?);
        let options = invariants::Options { wait: round::PATIENCE, ..invariants::Options::default() };
        report.checked(checker.check(addresses, &options, &mut |_| {}).await?);
        if !report.held() {
            break;
        }
    }
    report.end(&ledger, *stop.borrow());
    Ok(report)
}

/// Who is struck in which round: all by turns, in an order that the seed draws.
fn deck(plan: &Plan) -> impl Iterator<Item = Target> {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let targets = plan.targets.clone();
    std::iter::repeat_with(move || {
        let mut turn = targets.clone();
        turn.shuffle(&mut rng);
        turn
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_order_and_everyone_has_a_turn() {
        let targets = select(&[]).expect("all of them");
        let plan = |seed| Plan {
            rounds: 1,
            seed,
            in_flight: 1,
            checkouts: 1,
            targets: targets.clone(),
            orders: PathBuf::new(),
        };
        let drawn = |seed| deck(&plan(seed)).take(targets.len()).collect::<Vec<_>>();
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let turn: std::collections::BTreeSet<Target> = drawn(7).into_iter().collect();
        assert_eq!(turn.len(), targets.len());
    }
}
