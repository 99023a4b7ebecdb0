//! Waiting for what comes about by itself, and watching that something does not.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{Play, json, values::Scope};
use crate::{
    file::{Checks, Eventually, Never, Span, Verdict},
    report::{Failure, Sight},
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);
/// A look that had less time than this may just have been too late.
const ANSWER: Duration = Duration::from_millis(500);
/// More different sights than this tell nobody more.
const SIGHTS: usize = 50;

/// What was seen, each time that it was something else than before.
struct History {
    began: Instant,
    sights: Vec<Sight>,
}

impl History {
    fn new() -> Self {
        Self { began: Instant::now(), sights: Vec::new() }
    }

    fn note(&mut self, seen: String) {
        if self.sights.last().is_none_or(|last| last.seen != seen) {
            if self.sights.len() == SIGHTS {
                // The first one tells how it began.
                self.sights.remove(1);
            }
            self.sights.push(Sight { seconds: self.began.elapsed().as_secs_f64(), seen });
        }
    }

    fn took(&self) -> String {
        format!("after {:.2} s", self.began.elapsed().as_secs_f64())
    }
}

/// A look: what is expected, and what is found, reduced to what is of interest.
pub(super) struct Look {
    pub(super) expected: Value,
    pub(super) found: Value,
}

impl Look {
    pub(super) fn holds(&self) -> bool {
        json::covers(&self.expected, &self.found)
    }

    fn failure(&self, history: History) -> Failure {
        let (expected, observed) = (json::pretty(&self.expected), json::pretty(&self.found));
        Failure { expected, observed, history: history.sights }
    }
}

impl Play<'_> {
    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Tries again until it works, for at most this long; without a time, once.
    pub(super) async fn tried<T>(
        &self,
        within: Option<Span>,
        attempt: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(within) = within else { return attempt().await };
        let deadline = Instant::now() + within.0.min(self.left());
        let mut history = History::new();
        let mut last = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let failure = match timeout(left, attempt()).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(failure)) => last.insert(failure).clone(),
                // The one before it tells more.
                Err(_) => {
                    let none = || Failure::new(format_args!("an answer within {within}"), "none");
                    last.take().unwrap_or_else(none)
                }
            };
            history.note(failure.observed.clone());
            if Instant::now() + LOOK > deadline {
                return Err(Failure { history: history.sights, ..failure });
            }
            sleep(LOOK).await;
        }
    }

    /// It is so at once.
    pub(super) async fn now(&self, checks: &Checks, scope: &Scope) -> Result<((), String), Failure> {
        let checks = self.rendered(checks, scope)?;
        let look = self.look(&checks).await?;
        if look.holds() { Ok(((), String::new())) } else { Err(look.failure(History::new())) }
    }

    /// It becomes so in time.
    pub(super) async fn eventually(&self, wanted: &Eventually, scope: &Scope) -> Result<((), String), Failure> {
        let checks = self.rendered(&wanted.that, scope)?;
        let deadline = Instant::now() + wanted.within.map_or(self.left(), |within| within.0.min(self.left()));
        let mut history = History::new();
        let mut last = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match timeout(left, self.look(&checks)).await {
                Ok(look) => {
                    let look = look?;
                    if look.holds() {
                        return Ok(((), history.took()));
                    }
                    history.note(look.found.to_string());
                    last = Some(look);
                }
                // Cut off by the end it tells nothing; before that, somebody does not answer.
                Err(_) if left < ANSWER => {}
                Err(_) => history.note("no answer".to_owned()),
            }
            if Instant::now() + LOOK > deadline {
                return Err(match last {
                    Some(look) => look.failure(history),
                    None => Failure::new("a look at it", "no answer in time"),
                });
            }
            sleep(LOOK).await;
        }
    }

    /// It is at no time so, though it can be seen.
    pub(super) async fn never(&self, unwanted: &Never, scope: &Scope) -> Result<((), String), Failure> {
        let checks = self.rendered(&unwanted.that, scope)?;
        let deadline = Instant::now() + unwanted.time.0;
        let mut history = History::new();
        let mut looks = 0;
        loop {
            let look = self.look(&checks).await?;
            history.note(look.found.to_string());
            if look.holds() {
                let mut failure = look.failure(history);
                failure.expected = format!("for {} never\n{}", unwanted.time, failure.expected);
                return Err(failure);
            }
            looks += usize::from(!has_error(&look.found));
            if Instant::now() > deadline {
                break;
            }
            sleep(LOOK).await;
        }
        match looks {
            0 => Err(Failure { history: history.sights, ..Failure::new("a look at it", "none that saw anything") }),
            looks => Ok(((), format!("{looks} looks"))),
        }
    }

    /// Whether what has become so still is, when nothing is on its way any more.
    pub(super) async fn still_holds(&self) -> Result<((), String), Failure> {
        let took = self.quiet().await?;
        for verdict in &self.scenario.expect {
            if let Verdict::Eventually(wanted) = &verdict.it {
                let look = self.look(&self.rendered(&wanted.that, &Scope::default())?).await?;
                if !look.holds() {
                    return Err(look.failure(History::new()));
                }
            }
        }
        Ok(((), took))
    }

    /// Waits until the outbox is empty and payment has told everybody.
    async fn quiet(&self) -> Result<String, Failure> {
        let mut history = History::new();
        loop {
            let waiting = self.waiting().await;
            match waiting {
                Ok(0) => return Ok(history.took()),
                Ok(count) => history.note(format!("{count} on their way")),
                Err(failure) => history.note(failure.observed),
            }
            sleep(LOOK).await;
            if self.left() < LOOK {
                let failure = Failure::new("an empty outbox, and payment with nothing left to tell", "not in time");
                return Err(Failure { history: history.sights, ..failure });
            }
        }
    }
}

fn has_error(found: &Value) -> bool {
    found.as_object().is_some_and(|parts| parts.values().any(|part| part.get("error").is_some()))
}
