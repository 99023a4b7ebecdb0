use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rand::{RngExt as _, rngs::StdRng};
use shopctl_protocol::{Action, Connection, LogFilter, Request, Resource, Update};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{Blow, Target, round::PATIENCE};
use crate::{control::Control, report::Failure};

/// Between two looks at how many checkouts have begun.
const LOOK: Duration = Duration::from_millis(2);

/// Strikes one service again and again.
pub(super) struct Striker<'a> {
    pub(super) control: &'a Control,
    pub(super) target: Target,
    pub(super) rng: StdRng,
    /// So often, at most, the service comes to the point before it dies there.
    pub(super) gap: u64,
    /// Checkouts that have begun.
    pub(super) begun: &'a AtomicU64,
    pub(super) strikes: &'a AtomicU64,
}

impl Striker<'_> {
    /// Until `ended`; answers with how long the service took each time until it was ready again, in seconds.
    pub(super) async fn strike(mut self, mut ended: watch::Receiver<bool>) -> Result<Vec<f64>, Failure> {
        let mut changes = Changes::open(self.control).await?;
        let mut recoveries = Vec::new();
        // Soon, so that there is one also in a short round.
        let mut gap = self.gap / 4;
        loop {
            let name = self.target.resource;
            let before = self.control.resource(name).await?.pid;
            let spared = self.rng.random_range(0..=gap);
            gap = self.gap;
            let died = async {
                let armed = self.arm(spared).await;
                let gone = changes.until(name, |resource| resource.pid != before);
                match armed {
                    Ok(()) => gone.await,
                    // It may die of it before it has said that it heard of it.
                    Err(deaf) => timeout(PATIENCE, gone).await.unwrap_or(Err(deaf)),
                }
            };
            tokio::select! {
                died = died => died?,
                _ = ended.wait_for(|ended| *ended) => {
                    self.disarm().await?;
                    return Ok(recoveries);
                }
            }
            let died = Instant::now();
            self.strikes.fetch_add(1, Ordering::Relaxed);
            // Its supervisor would wait longer each time, and it is not the one who is looked at.
            self.control.act(Action::Start, name).await?;
            let again = changes.until(name, |resource| resource.ready && resource.pid != before);
            match timeout(PATIENCE, again).await {
                Ok(again) => again?,
                Err(_) => {
                    return Err(Failure::new(
                        format_args!("{name} ready again"),
                        format_args!("not within {PATIENCE:?}"),
                    ));
                }
            }
            recoveries.push(died.elapsed().as_secs_f64());
        }
    }

    async fn arm(&mut self, spared: u64) -> Result<(), Failure> {
        let name = self.target.resource;
        match self.target.blow {
            Blow::Point(point) => self.control.failpoint(name, point, Some(&format!("{spared}*off->1*abort"))).await,
            Blow::Kill => {
                let wanted = self.begun.load(Ordering::Relaxed) + spared;
                while self.begun.load(Ordering::Relaxed) < wanted {
                    sleep(LOOK).await;
                }
                sleep(Duration::from_millis(self.rng.random_range(0..50))).await;
                self.control.act(Action::Kill, name).await
            }
        }
    }

    async fn disarm(&self) -> Result<(), Failure> {
        match self.target.blow {
            Blow::Point(point) => self.control.clear_point(self.target.resource, point).await,
            Blow::Kill => Ok(()),
        }
    }
}

/// How resources change.
struct Changes(Connection);

impl Changes {
    async fn open(control: &Control) -> Result<Self, Failure> {
        let mut connection = control.connect().await?;
        let watch = Request::Watch { lines: LogFilter::None, figures: false };
        connection.send(&watch).await.map_err(|error| Failure::new("changes of resources", error))?;
        Ok(Self(connection))
    }

    /// Waits until it is so of this resource.
    async fn until(&mut self, name: &str, is_so: impl Fn(&Resource) -> bool) -> Result<(), Failure> {
        loop {
            let update = self.0.receive().await.map_err(|error| Failure::new("changes of resources", error))?;
            let resources = match update {
                Some(Update::Changed { resource }) => vec![resource],
                Some(Update::Snapshot { snapshot }) => snapshot.resources,
                Some(_) => Vec::new(),
                None => return Err(Failure::new("changes of resources", "the supervisor is gone")),
            };
            if resources.iter().any(|resource| resource.name == name && is_so(resource)) {
                return Ok(());
            }
        }
    }
}
