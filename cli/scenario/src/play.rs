//! Scenarios from files, played through a running shop.

mod call;
mod check;
mod draw;
mod grpc;
mod json;
mod patience;
mod people;
mod provider;
mod raw;
mod shopping;
mod stage;
mod tape;
mod timeline;
mod values;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use futures::{FutureExt as _, future::LocalBoxFuture};
use serde_json::Value;
use shopctl_protocol::POISON;
use tokio::time::{sleep, timeout_at};

use crate::{
    control::Lines,
    file::{Checks, Fault, Named, Place, Placed, Scenario, Step as What, Verdict},
    report::{Failure, Outcome, Report, Step},
};
pub use stage::Stage;
use tape::LiveTape;
use values::{Scope, Values};

/// How long the shop may take to be whole again after a story that broke it.
const MENDED: Duration = Duration::from_secs(30);

/// What a step that failed leaves to those after it.
struct Stopped;

/// One story while it is played.
struct Play<'a> {
    stage: &'a Stage,
    scenario: &'a Scenario,
    /// Unlike that of any other run.
    run: String,
    seed: u64,
    began: Instant,
    began_at: SystemTime,
    deadline: Instant,
    values: Mutex<Values>,
    /// Ids of the orders that were made.
    orders: Mutex<Vec<i64>>,
    /// Keys of the records that it has published itself.
    foreign: Mutex<Vec<String>>,
    /// Subscriptions, by the order's name.
    lives: Mutex<BTreeMap<String, LiveTape>>,
    lines: Option<Lines>,
    /// How many events had been heard when it began.
    mark: usize,
    /// With the seconds after which they ended.
    steps: Mutex<Vec<(f64, Step)>>,
    show: &'a (dyn Fn(&Step) + Sync),
}

/// Plays a scenario; `show` is told each step as it ends. Never an error: what goes wrong is in the report.
pub async fn play(stage: &Stage, named: &Named, seed: u64, show: &(dyn Fn(&Step) + Sync)) -> Report {
    let began = Instant::now();
    let mut play = Play {
        stage,
        scenario: &named.scenario,
        run: uuid::Uuid::new_v4().simple().to_string()[..12].to_owned(),
        seed,
        began,
        began_at: SystemTime::now(),
        deadline: began + named.scenario.limit.0,
        values: Mutex::default(),
        orders: Mutex::default(),
        foreign: Mutex::default(),
        lives: Mutex::default(),
        lines: None,
        mark: stage.events.len(),
        steps: Mutex::default(),
        show,
    };
    let ended = play.story().await;
    let settled = play.settle(ended.is_ok()).await;
    let held = ended.is_ok() && settled.is_ok();
    let timelines = if held { Vec::new() } else { play.timelines().await };
    let orders = guard(&play.orders).clone();
    Report {
        story: named.name.clone(),
        file: Some(named.path.display().to_string()),
        seed: Some(seed),
        held,
        seconds: began.elapsed().as_secs_f64(),
        order_id: orders.first().copied(),
        orders,
        steps: std::mem::take(&mut *guard(&play.steps)).into_iter().map(|(_, step)| step).collect(),
        timelines,
        foreign: std::mem::take(&mut *guard(&play.foreign)),
    }
}

/// No step panics with a lock held, and what it guards would be whole all the same.
fn guard<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Play<'_> {
    async fn story(&mut self) -> Result<(), Stopped> {
        let resources = resources_of(self.scenario);
        if !resources.is_empty() {
            let lines = async { self.stage.control()?.lines(resources).await };
            let lines = lines.await.map(|lines| (lines, String::new()));
            self.lines = Some(self.note("read the logs", None, self.began, lines)?);
        }
        let drawn = self.draw().await;
        self.note("draw the data", None, self.began, drawn)?;
        for fault in &self.scenario.faults {
            let began = Instant::now();
            let done = self.limited(self.inflict(fault)).await;
            self.note(&fault.to_string(), Some(fault.place), began, done)?;
        }
        self.steps(&self.scenario.steps, Scope::default()).await
    }

    /// Makes whole what the story has broken, and looks at what must have come of it.
    async fn settle(&self, ended_well: bool) -> Result<(), Stopped> {
        let broke = self.scenario.breaks_anything();
        let mut all = Ok(());
        if broke {
            let began = Instant::now();
            let mended = async { self.stage.control()?.mend().await };
            let mended = mended.await.map(|()| ((), String::new()));
            if mended.is_err() {
                all = self.note("make the shop whole", None, began, mended);
            }
        }
        if ended_well {
            for verdict in &self.scenario.expect {
                all = self.verdict(verdict).await.and(all);
            }
            if all.is_ok() && !self.scenario.expect.is_empty() {
                let began = Instant::now();
                let still = self.limited(self.still_holds()).await;
                all = self.note("still so once it is quiet", None, began, still);
            }
        }
        if broke {
            let began = Instant::now();
            let whole = async { self.stage.control()?.whole(MENDED).await };
            let whole = whole.await.map(|()| ((), "every resource is ready again".to_owned()));
            all = self.note("the shop is whole", None, began, whole).and(all);
        }
        all
    }

    async fn verdict(&self, verdict: &Placed<Verdict>) -> Result<(), Stopped> {
        let began = Instant::now();
        let scope = Scope::default();
        let done = match &verdict.it {
            Verdict::Now(checks) => self.limited(self.now(checks, &scope)).await,
            Verdict::Eventually(one) => self.eventually(one, &scope).await,
            Verdict::Never(one) => self.limited(self.never(one, &scope)).await,
        };
        let name = match &verdict.it {
            Verdict::Now(checks) => format!("now {}", subject(checks)),
            Verdict::Eventually(one) => format!("eventually {}", subject(&one.that)),
            Verdict::Never(one) => format!("never {}", subject(&one.that)),
        };
        self.note(&name, Some(verdict.place), began, done)
    }

    /// Ends with the story's time.
    async fn limited<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match timeout_at(self.deadline.into(), work).await {
            Ok(ended) => ended,
            Err(_) => Err(Failure::new(
                format_args!("an end within the story's {}", self.scenario.limit),
                "it was still under way then",
            )),
        }
    }

    /// Keeps what a step came to, and shows it.
    fn note<T>(
        &self,
        name: &str,
        place: Option<Place>,
        began: Instant,
        ended: Result<(T, String), Failure>,
    ) -> Result<T, Stopped> {
        let (value, outcome) = match ended {
            Ok((value, detail)) => (Ok(value), Outcome::Held { detail }),
            Err(failure) => (Err(Stopped), failure.into()),
        };
        let seconds = began.elapsed().as_secs_f64();
        let step = Step { name: name.to_owned(), line: place.map(|place| place.line), seconds, outcome };
        (self.show)(&step);
        guard(&self.steps).push((self.began.elapsed().as_secs_f64(), step));
        value
    }

    fn steps<'b>(&'b self, steps: &'b [Placed<What>], scope: Scope) -> LocalBoxFuture<'b, Result<(), Stopped>> {
        async move {
            for step in steps {
                self.step(step, &scope).await?;
            }
            Ok(())
        }
        .boxed_local()
    }

    async fn step(&self, step: &Placed<What>, scope: &Scope) -> Result<(), Stopped> {
        match &step.it {
            What::Parallel(branches) => {
                let branches = branches
                    .iter()
                    .enumerate()
                    .map(|(n, branch)| self.steps(branch, scope.within(&format!("branch {}", n + 1))));
                let ended = futures::future::join_all(branches).await;
                return ended.into_iter().fold(Ok(()), Result::and);
            }
            What::Repeat(repeat) => {
                for round in 1..=repeat.times {
                    self.steps(&repeat.steps, scope.round(round)).await?;
                }
                return Ok(());
            }
            _ => {}
        }
        let began = Instant::now();
        // It has a time of its own and says what it saw meanwhile.
        let done = match &step.it {
            What::Eventually(one) => self.eventually(one, scope).await,
            other => self.limited(self.do_one(other, scope)).await,
        };
        self.note(&format!("{scope}{}", title(&step.it)), Some(step.place), began, done)
    }

    /// Does it; answers with what is worth telling.
    async fn do_one(&self, step: &What, scope: &Scope) -> Result<((), String), Failure> {
        let told = match step {
            What::Register(actor) => self.register(actor).await?,
            What::LogIn(login) => self.log_in(login).await?,
            What::AddProduct(product) => self.add_product(&self.rendered(product, scope)?).await?,
            What::ChangeProduct(change) => self.change_product(&self.rendered(change, scope)?).await?,
            What::DeleteProduct(delete) => self.delete_product(&self.rendered(delete, scope)?).await?,
            What::Recommend(recommend) => self.recommend(&self.rendered(recommend, scope)?).await?,
            What::Order(order) => self.order(&self.rendered(order, scope)?).await?,
            What::Cancel(cancel) => self.cancel(&self.rendered(cancel, scope)?).await?,
            What::Checkout(checkout) => self.check_out(&self.rendered(checkout, scope)?).await?,
            What::Pay(press) => self.press(&self.rendered(press, scope)?, Some("success_url")).await?,
            What::Decline(press) => self.press(&self.rendered(press, scope)?, Some("fail_url")).await?,
            What::WalkAway(press) => self.press(&self.rendered(press, scope)?, None).await?,
            What::Webhook(webhook) => self.webhook(&self.rendered(webhook, scope)?).await?,
            What::Subscribe(subscribe) => self.subscribe(&subscribe.order).await?,
            What::Graphql(call) => self.graphql(&self.rendered(call, scope)?).await?,
            What::Grpc(call) => self.grpc(&self.rendered(call, scope)?).await?,
            What::Http(call) => self.http(&self.rendered(call, scope)?).await?,
            What::Publish(publish) => self.publish(&self.rendered(publish, scope)?).await?,
            What::Sql(sql) => self.sql(&self.rendered(sql, scope)?).await?,
            What::Fault(fault) => return self.inflict(fault).await,
            What::Wait(wait) => {
                sleep(wait.time.0).await;
                String::new()
            }
            What::Now(checks) => return self.now(checks, scope).await,
            What::Eventually(one) => return self.eventually(one, scope).await,
            What::Never(one) => return self.never(one, scope).await,
            What::Parallel(_) | What::Repeat(_) => String::new(),
        };
        Ok(((), told))
    }

    async fn inflict(&self, fault: &Fault) -> Result<((), String), Failure> {
        if let Fault::Poison(_) = fault {
            // Nobody has to account for it.
            guard(&self.foreign).push(POISON.to_owned());
        }
        self.stage.control()?.inflict(fault, self.seed).await?;
        Ok(((), String::new()))
    }

    fn keep(&self, name: &str, value: Value) {
        guard(&self.values).set(name, value);
    }
}

/// Whose lines a scenario looks at.
fn resources_of(scenario: &Scenario) -> Vec<String> {
    let mut names = Vec::new();
    each_check(scenario, &mut |checks| names.extend(checks.logs.as_ref().map(|lines| lines.of.clone())));
    names
}

fn each_check(scenario: &Scenario, look: &mut impl FnMut(&Checks)) {
    fn of_steps(steps: &[Placed<What>], look: &mut impl FnMut(&Checks)) {
        for step in steps {
            match &step.it {
                What::Now(checks) => look(checks),
                What::Eventually(one) => look(&one.that),
                What::Never(one) => look(&one.that),
                What::Parallel(branches) => branches.iter().for_each(|branch| of_steps(branch, look)),
                What::Repeat(repeat) => of_steps(&repeat.steps, look),
                _ => {}
            }
        }
    }
    of_steps(&scenario.steps, look);
    for verdict in &scenario.expect {
        match &verdict.it {
            Verdict::Now(checks) => look(checks),
            Verdict::Eventually(one) => look(&one.that),
            Verdict::Never(one) => look(&one.that),
        }
    }
}

/// Whether others may be played in the same shop meanwhile: it breaks nothing, publishes nothing of its own, and reads no
/// logs, in which their lines would stand, too.
pub fn is_discreet(scenario: &Scenario) -> bool {
    fn publishes(steps: &[Placed<What>]) -> bool {
        steps.iter().any(|step| match &step.it {
            What::Publish(_) => true,
            What::Parallel(branches) => branches.iter().any(|branch| publishes(branch)),
            What::Repeat(repeat) => publishes(&repeat.steps),
            _ => false,
        })
    }
    !scenario.breaks_anything() && !publishes(&scenario.steps) && resources_of(scenario).is_empty()
}

/// A step in a few words.
fn title(step: &What) -> String {
    match step {
        What::Register(actor) => format!("register {actor}"),
        What::LogIn(login) => match &login.to {
            Some(account) => format!("log in {} as {account}", login.actor),
            None => format!("log in {}", login.actor),
        },
        What::AddProduct(product) => format!("add product {}", product.keep),
        What::ChangeProduct(change) => format!("change product {}", change.product),
        What::DeleteProduct(delete) => format!("delete product {}", delete.product),
        What::Recommend(recommend) => format!("recommend to {}", recommend.to),
        What::Order(order) => match &order.keep {
            Some(name) => format!("order {name}"),
            None => format!("order by {}", order.by),
        },
        What::Cancel(cancel) => format!("cancel {}", cancel.order),
        What::Checkout(checkout) => format!("checkout {}", checkout.order),
        What::Pay(press) => format!("pay {}", press.order),
        What::Decline(press) => format!("decline {}", press.order),
        What::WalkAway(press) => format!("walk away from {}", press.order),
        What::Webhook(webhook) => format!("webhook {} of {}", webhook.says, webhook.order),
        What::Subscribe(subscribe) => format!("subscribe to {}", subscribe.order),
        What::Graphql(_) => "graphql".to_owned(),
        What::Grpc(call) => format!("grpc {}", call.call),
        What::Http(call) => format!("http {} {}", call.method.as_deref().unwrap_or("GET"), call.path),
        What::Publish(publish) => format!("publish to {}", json::word(&publish.topic)),
        What::Sql(sql) => format!("sql in {}", json::word(&sql.database)),
        What::Fault(fault) => fault.to_string(),
        What::Wait(wait) => format!("wait for {}", wait.time),
        What::Now(checks) => format!("now {}", subject(checks)),
        What::Eventually(one) => format!("eventually {}", subject(&one.that)),
        What::Never(one) => format!("never {}", subject(&one.that)),
        What::Parallel(_) => "parallel".to_owned(),
        What::Repeat(_) => "repeat".to_owned(),
    }
}

/// What is looked at, in a few words.
fn subject(checks: &Checks) -> String {
    let Checks { order, rows, events, live, recommended, recommender, logs, dead_letters, ready } = checks;
    let parts = [
        order.as_ref().map(|order| match &order.status {
            Some(status) => format!("{} is {status}", order.of),
            None => format!("order {}", order.of),
        }),
        rows.as_ref().map(|rows| format!("rows in {}", json::word(&rows.database))),
        events.as_ref().map(|events| events.are.join(", ")),
        live.as_ref().map(|live| format!("live {}", live.of)),
        recommended.as_ref().map(|recommended| format!("recommended to {}", recommended.to)),
        recommender.as_ref().map(|_| "recommender".to_owned()),
        logs.as_ref().map(|logs| format!("logs of {}", logs.of)),
        dead_letters.as_ref().map(|letters| format!("{} dead letters", letters.count)),
        (!ready.is_empty()).then(|| format!("{} ready", ready.join(", "))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}
