use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use nix::sys::{
    resource::{Usage, UsageWho, getrusage},
    time::TimeValLike as _,
};
use rand::{SeedableRng as _, rngs::StdRng};
use reqwest::Client;
use tokio::{
    sync::{
        mpsc::{self, UnboundedReceiver},
        oneshot, watch,
    },
    task::{JoinSet, LocalSet},
};

use super::{
    Arrivals, Error, Live, Plan, Report, Step,
    arrivals::intended,
    basket::Baskets,
    follower::{self, Heard, Paid, Recommended, Waiters},
    shopper::Shopper,
    tally::Tally,
};
use crate::{Shop, basket, invariants::catalog, report::Failure};

/// Between two times that it is told how the load goes.
const TELL: Duration = Duration::from_millis(250);
/// Accounts that register at a time: a password costs their service much.
const REGISTERING: usize = 4;
/// Whose CPU time counts.
#[cfg(target_os = "linux")]
const THREAD: UsageWho = UsageWho::RUSAGE_THREAD;
/// Where threads are not told apart, what only looks on counts too.
#[cfg(not(target_os = "linux"))]
const THREAD: UsageWho = UsageWho::RUSAGE_SELF;
/// Nobody knows the lag yet, or the broker is away.
const UNKNOWN: i64 = -1;

/// Makes the load; `show` is told how it goes, four times a second.
///
/// # Errors
/// When the shop is not there, or not seeded. What goes wrong later is in the report.
pub async fn run(shop: &Shop, plan: &Plan, show: &mut dyn FnMut(&Live)) -> Result<Report, Error> {
    let baskets = Baskets::of(&basket::read(&plan.orders)?, &catalog(&shop.product).await?)?;
    let client = Client::builder().no_proxy().build().map_err(|error| Error::Shop(Failure::new("a client", error)))?;
    let arrive = (0..plan.accounts).map(|_| Shopper::arrive(&shop.gateway, client.clone()));
    let shoppers: Vec<Shopper> = stream::iter(arrive).buffered(REGISTERING).try_collect().await.map_err(Error::Shop)?;

    // What only looks on is done by other threads.
    let (paid, recommended) = (Paid::open(&shop.kafka).await?, Recommended::open(&shop.recommender_db).await?);
    let ((tell_paid, is_paid), (tell_learned, is_learned)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let lag = Arc::new(AtomicI64::new(UNKNOWN));
    let mut followers = JoinSet::new();
    followers.spawn(paid.tell(tell_paid));
    followers.spawn(recommended.tell(tell_learned));
    let (brokers, told) = (shop.kafka.clone(), Arc::clone(&lag));
    followers.spawn(async move {
        follower::lag(&brokers, |lag| told.store(lag.unwrap_or(UNKNOWN), Ordering::Relaxed)).await;
    });

    let (tell, mut live) = watch::channel(Live::default());
    let (done, ended) = oneshot::channel();
    let thread_plan = plan.clone();
    thread::Builder::new().name("load".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let report = runtime.map(|runtime| {
            let load = Load {
                tally: RefCell::new(Tally::new(Instant::now())),
                rng: RefCell::new(StdRng::seed_from_u64(thread_plan.seed)),
                plan: thread_plan,
                baskets,
                shoppers,
                paid: Rc::default(),
                learned: Rc::default(),
            };
            LocalSet::new().block_on(&runtime, Rc::new(load).drive(is_paid, is_learned, lag, tell))
        });
        // Who has asked may be gone.
        let _ = done.send(report);
    })?;
    tokio::pin!(ended);
    loop {
        tokio::select! {
            report = &mut ended => match report {
                Ok(report) => return Ok(report?),
                Err(_) => return Err(std::io::Error::other("it has panicked").into()),
            },
            Ok(()) = live.changed() => show(&live.borrow_and_update()),
        }
    }
}

/// What all checkouts share. It never leaves its thread.
pub(super) struct Load {
    pub(super) plan: Plan,
    pub(super) baskets: Baskets,
    pub(super) shoppers: Vec<Shopper>,
    pub(super) rng: RefCell<StdRng>,
    pub(super) tally: RefCell<Tally>,
    pub(super) paid: Rc<RefCell<Waiters>>,
    pub(super) learned: Rc<RefCell<Waiters>>,
}

impl Load {
    pub(super) async fn drive(
        self: Rc<Self>,
        paid: UnboundedReceiver<Heard>,
        learned: UnboundedReceiver<Heard>,
        lag: Arc<AtomicI64>,
        tell: watch::Sender<Live>,
    ) -> Report {
        let mut helpers = JoinSet::new();
        helpers.spawn_local(Waiters::follow(Rc::clone(&self.paid), paid));
        helpers.spawn_local(Waiters::follow(Rc::clone(&self.learned), learned));
        let teller = Rc::clone(&self);
        helpers.spawn_local(async move {
            let mut pace = tokio::time::interval(TELL);
            loop {
                pace.tick().await;
                let lag = Some(lag.load(Ordering::Relaxed)).filter(|lag| *lag != UNKNOWN);
                let live = teller.tally.borrow_mut().live(teller.plan.arrivals.time(), lag);
                if tell.send(live).is_err() {
                    break;
                }
            }
        });
        let effort = Effort::begin();
        let began = effort.began;
        *self.tally.borrow_mut() = Tally::new(began);
        let mut learning = JoinSet::new();
        let busy = match self.plan.arrivals.clone() {
            Arrivals::Open(stages) => self.open(&effort, intended(&stages), &mut learning).await,
            Arrivals::Closed { in_flight, time } => self.closed(&effort, in_flight, time, &mut learning).await,
        };
        let time = began.elapsed();
        while learning.join_next().await.is_some() {}
        helpers.shutdown().await;
        let tally = std::mem::replace(&mut *self.tally.borrow_mut(), Tally::new(began));
        Report::new(&self.plan, tally, time, busy)
    }

    /// Answers with the part of the core that was used while checkouts began, as [`Load::closed`] does.
    async fn open(
        self: &Rc<Self>,
        effort: &Effort,
        starts: impl Iterator<Item = Duration>,
        learning: &mut JoinSet<()>,
    ) -> f64 {
        let mut checkouts = JoinSet::new();
        for (nth, start) in starts.enumerate() {
            let start = effort.began + start;
            tokio::time::sleep_until(start.into()).await;
            self.tally.borrow_mut().start(start.elapsed());
            checkouts.spawn_local(Rc::clone(self).check_out(nth, start));
            // Those that have ended make room for those to come.
            while let Some(ended) = checkouts.try_join_next() {
                self.learn(ended.ok().flatten(), learning);
            }
        }
        let busy = effort.busy();
        while let Some(ended) = checkouts.join_next().await {
            self.learn(ended.ok().flatten(), learning);
        }
        busy
    }

    async fn closed(
        self: &Rc<Self>,
        effort: &Effort,
        in_flight: usize,
        time: Duration,
        learning: &mut JoinSet<()>,
    ) -> f64 {
        let mut checkouts = JoinSet::new();
        let begin = |nth, checkouts: &mut JoinSet<_>| {
            self.tally.borrow_mut().start(Duration::ZERO);
            checkouts.spawn_local(Rc::clone(self).check_out(nth, Instant::now()));
        };
        (0..in_flight).for_each(|nth| begin(nth, &mut checkouts));
        let (mut nth, mut busy) = (in_flight, 0.0);
        while let Some(ended) = checkouts.join_next().await {
            self.learn(ended.ok().flatten(), learning);
            if effort.began.elapsed() < time {
                begin(nth, &mut checkouts);
                (nth, busy) = (nth + 1, effort.busy());
            }
        }
        busy
    }

    /// One checkout, from when it should have begun; answers with the order if recommender is to learn of it.
    async fn check_out(self: Rc<Self>, nth: usize, start: Instant) -> Option<Created> {
        match self.buy(nth, start).await {
            Ok(created) => Some(created),
            Err((step, failure)) => {
                self.tally.borrow_mut().fail(format!("{step}: {}", failure.observed));
                None
            }
        }
    }

    async fn buy(&self, nth: usize, start: Instant) -> Result<Created, (Step, Failure)> {
        let shopper = &self.shoppers[nth % self.shoppers.len()];
        let basket = self.baskets.draw(&mut self.rng.borrow_mut());
        let order = self.step(Step::Order, start, shopper.order(&basket)).await?;
        let created = Instant::now();
        let learned = self.learned.borrow_mut().wait(order);
        let url = self.step(Step::CheckOut, Instant::now(), shopper.check_out(order)).await?;
        let pay = self.step(Step::Page, Instant::now(), shopper.open_page(&url)).await?;
        // Its event may be here before the answer.
        let paid = self.paid.borrow_mut().wait(order);
        self.step(Step::Pay, Instant::now(), shopper.pay(&pay)).await?;
        let late = || Failure::new("PAID", format_args!("not within {:?}", self.plan.patience));
        let paid = tokio::time::timeout(self.plan.patience, paid).await.ok().and_then(Result::ok);
        let paid = paid.ok_or_else(|| (Step::Paid, late()))?;
        let mut tally = self.tally.borrow_mut();
        tally.time(Step::Paid, paid.saturating_duration_since(created));
        tally.time(Step::Whole, paid.saturating_duration_since(start));
        Ok(Created { at: created, learned })
    }

    async fn step<T>(
        &self,
        step: Step,
        start: Instant,
        request: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, (Step, Failure)> {
        self.tally.borrow_mut().requests += 1;
        let answer = request.await.map_err(|failure| (step, failure))?;
        self.tally.borrow_mut().time(step, start.elapsed());
        Ok(answer)
    }

    /// That recommender knows the order is waited for beside everything else: no shopper does.
    fn learn(self: &Rc<Self>, created: Option<Created>, learning: &mut JoinSet<()>) {
        while learning.try_join_next().is_some() {}
        let Some(Created { at, learned }) = created else { return };
        let load = Rc::clone(self);
        learning.spawn_local(async move {
            let learned = tokio::time::timeout(load.plan.patience, learned).await.ok().and_then(Result::ok);
            let mut tally = load.tally.borrow_mut();
            match learned {
                Some(learned) => tally.time(Step::Recommended, learned.saturating_duration_since(at)),
                None => tally.miss(format!("{}: not within {:?}", Step::Recommended, load.plan.patience)),
            }
        });
    }
}

/// An order, and who will tell that recommender has it.
struct Created {
    at: Instant,
    learned: oneshot::Receiver<Instant>,
}

/// What this thread does, since a moment.
struct Effort {
    began: Instant,
    cpu: Duration,
}

impl Effort {
    fn begin() -> Self {
        Self { began: Instant::now(), cpu: used() }
    }

    /// The part of one core that was used.
    fn busy(&self) -> f64 {
        used().saturating_sub(self.cpu).as_secs_f64() / self.began.elapsed().as_secs_f64()
    }
}

/// CPU time that this thread has used.
fn used() -> Duration {
    let micros = |usage: Usage| usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let micros = getrusage(THREAD).map(micros).unwrap_or_default();
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
