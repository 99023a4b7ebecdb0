//! Whether a service can do its work now, asked of everything it needs.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::timeout;

use crate::shutdown::Shutdown;

/// A check that takes longer has failed: a prober waits about as long.
const CHECK: Duration = Duration::from_secs(1);

type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

type Checks = Arc<RwLock<BTreeMap<&'static str, Check>>>;

/// The named checks of a service; clones share them. Without any the service is ready until its shutdown begins.
///
/// A service that is ready may still wait for what it can serve without, such as its place in a consumer group. Whoever
/// starts a whole system wants to know about that too: so there are checks that only count for having started.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: Checks,
    startup: Checks,
}

/// What the checks said, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub checks: BTreeMap<&'static str, Result<(), String>>,
}

impl Status {
    pub fn is_ready(&self) -> bool {
        self.checks.values().all(Result::is_ok)
    }
}

impl Readiness {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check, or replaces the one of the same name. It is asked at each probe and has a second to answer.
    pub fn check<C, F, E>(&self, name: &'static str, check: C)
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        add(&self.checks, name, check);
    }

    /// The same for a check that only counts for [`Readiness::started`].
    pub fn startup_check<C, F, E>(&self, name: &'static str, check: C)
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        add(&self.startup, name, check);
    }

    /// Asks all checks of readiness at once. When the shutdown has begun, that alone is the answer.
    pub async fn status(&self, shutdown: &Shutdown) -> Status {
        ask(&[&self.checks], shutdown).await
    }

    /// The same with those that count for having started.
    pub async fn started(&self, shutdown: &Shutdown) -> Status {
        ask(&[&self.checks, &self.startup], shutdown).await
    }
}

fn add<C, F, E>(checks: &Checks, name: &'static str, check: C)
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Display,
{
    let check: Check = Arc::new(move || {
        let asked = check();
        Box::pin(async move { asked.await.map_err(|error| error.to_string()) })
    });
    checks.write().unwrap_or_else(PoisonError::into_inner).insert(name, check);
}

async fn ask(of: &[&Checks], shutdown: &Shutdown) -> Status {
    if shutdown.is_begun() {
        return Status { checks: BTreeMap::from([("shutdown", Err("the service is shutting down".to_owned()))]) };
    }
    let mut asked = Vec::new();
    for checks in of {
        let checks = checks.read().unwrap_or_else(PoisonError::into_inner);
        asked.extend(checks.iter().map(|(name, check)| (*name, tokio::spawn(timeout(CHECK, check())))));
    }
    let mut checks = BTreeMap::new();
    for (name, answer) in asked {
        let answer = match answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(format!("no answer within {} s", CHECK.as_secs())),
            Err(_) => Err("the check panicked".to_owned()),
        };
        checks.insert(name, answer);
    }
    Status { checks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_failed_or_hanging_check_makes_the_service_not_ready() {
        let readiness = Readiness::new();
        let shutdown = Shutdown::new();
        readiness.check("store", || async { Ok::<(), String>(()) });
        assert!(readiness.status(&shutdown).await.is_ready());
        readiness.check("broker", || async { Err("connection refused") });
        readiness.check("slow", std::future::pending::<Result<(), String>>);
        let status = readiness.status(&shutdown).await;
        assert!(!status.is_ready());
        assert_eq!(status.checks["store"], Ok(()));
        assert_eq!(status.checks["broker"], Err("connection refused".to_owned()));
        assert_eq!(status.checks["slow"], Err("no answer within 1 s".to_owned()));
    }

    #[tokio::test]
    async fn what_a_service_can_serve_without_only_counts_for_having_started() {
        let (readiness, shutdown) = (Readiness::new(), Shutdown::new());
        readiness.check("store", || async { Ok::<(), String>(()) });
        readiness.startup_check("events", || async { Err("not in its group yet") });
        assert!(readiness.status(&shutdown).await.is_ready());
        let started = readiness.started(&shutdown).await;
        assert_eq!(started.checks["events"], Err("not in its group yet".to_owned()));
        readiness.startup_check("events", || async { Ok::<(), String>(()) });
        assert!(readiness.started(&shutdown).await.is_ready());
        readiness.check("store", || async { Err("away") });
        assert!(!readiness.started(&shutdown).await.is_ready(), "who is not ready has not started");
    }

    #[tokio::test]
    async fn a_service_that_shuts_down_is_not_ready() {
        let shutdown = Shutdown::new();
        assert!(Readiness::new().status(&shutdown).await.is_ready());
        shutdown.begin();
        assert!(!Readiness::new().status(&shutdown).await.is_ready());
    }
}
