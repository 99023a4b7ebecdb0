use std::time::SystemTime;

use super::{Container, Project};
use crate::Error;

/// Gets to hear what an attended container does.
pub trait Observer: Send {
    /// A piece of output, as it was written; lines may come in pieces.
    fn output(&mut self, output: Output, bytes: &[u8]);
    fn report(&mut self, report: Report);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Stdout,
    Stderr,
}

/// What happens to a container short of its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Health(Health),
    Paused,
    Resumed,
    /// The daemon does not answer; it is tried again for a while.
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
    Time(SystemTime),
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Exited {
        code: i64,
    },
    /// Out of memory: the kernel killed it.
    OomKilled,
    /// Somebody had the daemon send it a signal (`docker stop`, `docker kill`), or it died of one: `SIGKILL`.
    Killed {
        signal: String,
    },
    /// Somebody removed it.
    RemovedByHand,
    /// The daemon did not come back; whether the container still runs is not known.
    DaemonGone {
        error: String,
    },
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
        let _ = (container, since, observer);
        todo!()
    }
}
