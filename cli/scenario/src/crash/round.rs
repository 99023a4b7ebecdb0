use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{sync::watch, task::JoinSet};

use super::{
    Error, Plan, Round, Target,
    client::{Client, Course, Told, Tries, Trouble},
    ledger::Ledger,
    striker::Striker,
};
use crate::{control::Control, load::Baskets};

/// For a service, and for the whole shop, to be what it was before.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two times that it is told how it goes.
const TELL: Duration = Duration::from_millis(100);
/// At most so many times what was wanted, where the service comes to its point seldom.
const LONGER: u64 = 4;
/// Strikes come after no more checkouts than this.
const GAP: u64 = 40;
/// One of so many checkouts is declined at first, and one is cancelled while it is paid.
const DECLINED: u32 = 8;
const CANCELLED: u32 = 8;

/// The shop, who buys in it, and what.
pub(super) struct Stand<'a> {
    pub(super) control: &'a Control,
    pub(super) plan: &'a Plan,
    /// No checkout begins any more.
    pub(super) stop: &'a watch::Receiver<bool>,
    pub(super) gateway: Arc<str>,
    pub(super) baskets: Arc<Baskets>,
    pub(super) clients: Vec<Arc<Client>>,
    pub(super) tries: Tries,
}

/// Who bought, and how that ended.
type Ended = (i64, Result<Told, Trouble>);

impl Stand<'_> {
    /// One round: checkouts, and strikes at the target until all have ended. `live` is told how many of both there were.
    pub(super) async fn play(
        &self,
        target: Target,
        seed: u64,
        ledger: &mut Ledger,
        live: &mut dyn FnMut(u64, u64),
    ) -> Result<Round, Error> {
        let Self { control, plan, stop, .. } = self;
        let (began, again) = (Instant::now(), self.tries.load(Ordering::Relaxed));
        let (begun, strikes) = (AtomicU64::new(0), AtomicU64::new(0));
        let (end, ended) = watch::channel(false);
        // Who cannot strike any more needs no checkouts.
        let (failed, hopeless) = watch::channel(false);
        let gap = (plan.checkouts / 4).clamp(1, GAP);
        let rng = StdRng::seed_from_u64(seed);
        let striker = Striker { control, target, rng, gap, begun: &begun, strikes: &strikes };
        let strike = async {
            let struck = striker.strike(ended).await;
            failed.send_replace(struck.is_err());
            struck
        };
        let mut trouble = Vec::new();
        let sell = async {
            let mut checkouts: JoinSet<Ended> = JoinSet::new();
            let mut tell = tokio::time::interval(TELL);
            loop {
                let wanted = |begun| begun < plan.checkouts || is_spared(&strikes) && begun < plan.checkouts * LONGER;
                let goes_on = || wanted(begun.load(Ordering::Relaxed)) && !*stop.borrow() && !*hopeless.borrow();
                while checkouts.len() < plan.in_flight && goes_on() {
                    let nth = begun.fetch_add(1, Ordering::Relaxed);
                    checkouts.spawn(self.check_out(target, seed, nth));
                }
                tokio::select! {
                    one = checkouts.join_next() => match one {
                        Some(Ok((account, one))) => ledger.enter(account, one),
                        Some(Err(panic)) => trouble.push(format!("a shopper: {panic}")),
                        None => break,
                    },
                    _ = tell.tick() => live(begun.load(Ordering::Relaxed), strikes.load(Ordering::Relaxed)),
                }
            }
            end.send_replace(true);
        };
        let (struck, ()) = tokio::join!(strike, sell);
        let recoveries = match struck {
            Ok(recoveries) => recoveries,
            // Nothing was done yet: the shop is not one that can be struck.
            Err(failure) if is_spared(&strikes) => return Err(Error::Shop(failure)),
            Err(failure) => {
                trouble.push(format!("expected {}, observed {}", failure.expected, failure.observed));
                Vec::new()
            }
        };
        if recoveries.is_empty() && trouble.is_empty() && !*stop.borrow() {
            trouble.push(format!("it never came to {target}"));
        }
        live(begun.load(Ordering::Relaxed), strikes.load(Ordering::Relaxed));
        Ok(Round {
            target,
            seed,
            checkouts: begun.into_inner(),
            tries_again: self.tries.load(Ordering::Relaxed) - again,
            recoveries,
            seconds: began.elapsed().as_secs_f64(),
            trouble,
        })
    }

    /// The `nth` checkout of a round; what it is follows from the seed.
    fn check_out(&self, target: Target, seed: u64, nth: u64) -> impl Future<Output = Ended> + Send + use<> {
        let mut rng = StdRng::seed_from_u64(seed.rotate_left(32) ^ nth);
        let place = rng.random_range(0..self.clients.len());
        let (client, baskets) = (self.clients[place].clone(), self.baskets.clone());
        let (gateway, tries) = (self.gateway.clone(), self.tries.clone());
        async move {
            let client = if target.wants_newcomers() {
                match Client::newcomer(&gateway, &tries).await {
                    Ok(newcomer) => Arc::new(newcomer),
                    Err(trouble) => return (client.account, Err(trouble)),
                }
            } else {
                client
            };
            if target.wants_news()
                && let Err(trouble) = client.change_price(rng.random_range(1..10_000)).await
            {
                return (client.account, Err(trouble));
            }
            let course = if rng.random_ratio(1, DECLINED) {
                Course::DeclineThenPay
            } else if rng.random_ratio(1, CANCELLED) {
                Course::PayAndCancel
            } else {
                Course::Pay
            };
            let basket = baskets.draw(&mut rng);
            (client.account, client.buy(&basket, course).await)
        }
    }
}

fn is_spared(strikes: &AtomicU64) -> bool {
    strikes.load(Ordering::Relaxed) == 0
}
