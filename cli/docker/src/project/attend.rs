//! Watching a container: its output, its health, its end, and the daemon meanwhile.

use std::time::{Duration, SystemTime};

use bollard::{
    errors::Error as Cause,
    models::{ContainerInspectResponse, EventMessage, HealthStatusEnum},
    query_parameters::{EventsOptionsBuilder, LogsOptionsBuilder, WaitContainerOptionsBuilder},
};
use futures::{Stream, StreamExt};
use tokio::time::Instant;

use super::{
    Container, Ending, Output, Project, ending,
    output::{self, Piece},
};
use crate::Error;

/// For a daemon that is restarted: with many containers, that takes a while.
const RETURN: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(250);
/// For output that is still on its way when the container has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// For the kernel's reason, after a SIGKILL that nobody has asked the daemon for.
const EXPLANATION: Duration = Duration::from_secs(2);

/// Gets to hear what an attended container does.
pub trait Observer: Send {
    /// A piece of output, as it was written, and when; long lines come in pieces.
    fn output(&mut self, output: Output, time: Option<SystemTime>, bytes: &[u8]);
    fn report(&mut self, report: Report);
}

/// What happens to a container short of its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Health(Health),
    Paused,
    Resumed,
    /// The daemon does not answer; it is tried again for half a minute.
    DaemonAway {
        error: String,
    },
    /// It answers again, and the container still runs.
    DaemonBack,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Healthy,
    /// What the last look said.
    Unhealthy {
        output: String,
    },
}

/// Where the output begins that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// With the container's present run.
    Start,
    /// After this time.
    Time(SystemTime),
}

/// What is known from one connection to the next.
struct Watch {
    /// Output up to then is known.
    seen: Option<SystemTime>,
    health: Option<Health>,
    paused: bool,
    /// The last one that was sent to end the container.
    signal: Option<String>,
    oom: bool,
    away: bool,
}

impl Project {
    /// Watches a container until it ends: its output, its health, and the daemon. Dropping the future leaves it running.
    ///
    /// # Errors
    /// When the daemon refuses to say; a daemon that goes away is an [`Ending`].
    pub async fn attend(
        &self,
        container: &Container,
        since: Since,
        observer: &mut dyn Observer,
    ) -> Result<Ending, Error> {
        let seen = match since {
            Since::Start => container.ended_before,
            Since::Time(time) => Some(time),
        };
        let mut watch = Watch { seen, health: None, paused: false, signal: None, oom: false, away: false };
        let mut deadline = None;
        loop {
            let error = match self.watch(container, &mut watch, observer).await {
                Err(error) if error.is_away() => error.to_string(),
                ended => return ended,
            };
            if !watch.away {
                watch.away = true;
                deadline = Some(Instant::now() + RETURN);
                observer.report(Report::DaemonAway { error: error.clone() });
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Ok(Ending::DaemonGone { error });
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Until the container ends, or the daemon is away.
    async fn watch(
        &self,
        container: &Container,
        watch: &mut Watch,
        observer: &mut dyn Observer,
    ) -> Result<Ending, Error> {
        // What happens between the look and the subscription is told by the subscription.
        let begin = SystemTime::now();
        let Some(found) = self.look(&container.id).await? else { return Ok(Ending::RemovedByHand) };
        let state = found.state.as_ref();
        let running = state.and_then(|state| state.running) == Some(true);
        let started = state.and_then(|state| state.started_at.as_deref()).and_then(output::time);
        if watch.away && running && started == Some(container.started) {
            watch.away = false;
            observer.report(Report::DaemonBack);
        }
        watch.pause(state.and_then(|state| state.paused) == Some(true), observer);
        watch.health(&found, observer);

        let mut logs = Box::pin(self.logs(&container.id, watch.seen).fuse());
        let mut events = Box::pin(self.events(&container.id, begin));
        let mut wait = Box::pin(self.wait(&container.id));
        let known = watch.seen;
        // A container that runs again was started by somebody else: the run that was attended has ended.
        let another = running && started != Some(container.started);
        let code = loop {
            if another {
                break None;
            }
            tokio::select! {
                biased;
                // An error is no news: it ends the output, and the wait knows why.
                Some(frame) = logs.next() => if let Ok(frame) = frame {
                    watch.say(&Piece::of(&frame), known, observer);
                },
                event = events.next() => match event {
                    Some(Ok(event)) => self.event(container, &event, watch, observer).await?,
                    Some(Err(error)) => return Err(self.daemon.refused("watch", &container.name, &error)),
                    None => return Err(self.hung_up()),
                },
                ended = &mut wait => break ended?,
            }
        };
        // What the events have to say about it has been sent before, but that it was for want of memory may come later.
        let patience = |watch: &Watch| {
            let unexplained = code == Some(ending::SIGKILL) && watch.signal.is_none() && !watch.oom;
            if unexplained { EXPLANATION } else { Duration::from_millis(20) }
        };
        while let Ok(Some(Ok(event))) = tokio::time::timeout(patience(watch), events.next()).await {
            self.event(container, &event, watch, observer).await?;
        }
        let last_words = async {
            while let Some(Ok(frame)) = logs.next().await {
                watch.say(&Piece::of(&frame), known, observer);
            }
        };
        // An output that a child of the container keeps open must not keep its end from being told.
        let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
        let left = self.look(&container.id).await?;
        Ok(match Ending::of(left.as_ref(), watch.signal.as_deref(), code) {
            Ending::Killed { .. } if watch.oom && code == Some(ending::SIGKILL) => Ending::OomKilled,
            ending => ending,
        })
    }

    async fn look(&self, id: &str) -> Result<Option<ContainerInspectResponse>, Error> {
        self.daemon.ask_for("look at", &format!("container {id}"), self.daemon.docker.inspect_container(id, None)).await
    }

    fn hung_up(&self) -> Error {
        let endpoint = self.daemon.endpoint().clone();
        Error::NoDaemon { url: endpoint.url, why: endpoint.why, detail: "it hung up".into() }
    }

    fn logs(
        &self,
        id: &str,
        seen: Option<SystemTime>,
    ) -> impl Stream<Item = Result<bollard::container::LogOutput, Cause>> {
        let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).timestamps(true);
        self.daemon.docker.logs(id, Some(options.since(seen.map_or(0, output::seconds)).build()))
    }

    fn events(&self, id: &str, begin: SystemTime) -> impl Stream<Item = Result<EventMessage, Cause>> {
        let filters = [
            ("type", vec!["container".to_owned()]),
            ("container", vec![id.to_owned()]),
            // Without it, every look of a healthcheck is three events.
            ("event", ["kill", "oom", "pause", "unpause", "health_status"].map(str::to_owned).to_vec()),
        ];
        let filters = filters.map(|(name, values)| (name.to_owned(), values)).into();
        let options = EventsOptionsBuilder::default().since(&output::exact(begin)).filters(&filters).build();
        self.daemon.docker.events(Some(options))
    }

    /// The exit code. None if the container is gone.
    async fn wait(&self, id: &str) -> Result<Option<i64>, Error> {
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let mut answer = Box::pin(self.daemon.docker.wait_container(id, Some(options)));
        match answer.next().await {
            Some(Ok(ended)) => Ok(Some(ended.status_code)),
            Some(Err(Cause::DockerContainerWaitError { code, .. })) => Ok(Some(code)),
            Some(Err(error)) if crate::daemon::status(&error) == Some(404) => Ok(None),
            Some(Err(error)) => Err(self.daemon.refused("wait for", id, &error)),
            None => Err(self.hung_up()),
        }
    }

    async fn event(
        &self,
        container: &Container,
        event: &EventMessage,
        watch: &mut Watch,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        match event.action.as_deref().unwrap_or_default() {
            "pause" => watch.pause(true, observer),
            "unpause" => watch.pause(false, observer),
            "oom" => watch.oom = true,
            "kill" => {
                let attributes = event.actor.as_ref().and_then(|actor| actor.attributes.as_ref());
                let signal = attributes.and_then(|attributes| attributes.get("signal"));
                watch.signal = signal.filter(|signal| ending::ends(signal)).cloned().or(watch.signal.take());
            }
            action if action.starts_with("health_status") => {
                if let Some(found) = self.look(&container.id).await? {
                    watch.health(&found, observer);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Watch {
    /// `known` is what was seen before this connection: the daemon begins with the whole second.
    fn say(&mut self, piece: &Piece<'_>, known: Option<SystemTime>, observer: &mut dyn Observer) {
        if piece.time.is_some_and(|time| known.is_some_and(|known| time <= known)) {
            return;
        }
        self.seen = piece.time.max(self.seen);
        observer.output(piece.output, piece.time, piece.bytes);
    }

    fn pause(&mut self, paused: bool, observer: &mut dyn Observer) {
        if paused != self.paused {
            self.paused = paused;
            observer.report(if paused { Report::Paused } else { Report::Resumed });
        }
    }

    /// Tells changes only. A container that is still starting is neither.
    fn health(&mut self, found: &ContainerInspectResponse, observer: &mut dyn Observer) {
        let Some(health) = found.state.as_ref().and_then(|state| state.health.as_ref()) else { return };
        let now = match health.status {
            Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
            Some(HealthStatusEnum::UNHEALTHY) => {
                let last = health.log.as_ref().and_then(|log| log.last()).and_then(|look| look.output.as_deref());
                Health::Unhealthy { output: last.unwrap_or_default().trim().to_owned() }
            }
            Some(_) | None => return,
        };
        let same =
            self.health.as_ref().is_some_and(|before| std::mem::discriminant(before) == std::mem::discriminant(&now));
        if !same {
            self.health = Some(now.clone());
            observer.report(Report::Health(now));
        }
    }
}
