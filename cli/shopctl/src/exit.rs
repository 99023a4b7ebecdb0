//! From how a command ended to the process's exit code.

use std::{fmt, process::ExitCode};

use shopctl_core::graph;
use shopctl_runtime::{client, instance, launch, ports, secrets, workspace};
use shopctl_scenario::{crash, invariants, load};

use crate::running;

/// How a command ended. Where several hold, the first of invariant, scenario, resource, timeout is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All well; also Ctrl-C once everything was ready.
    Success,
    /// Anything that has no code of its own.
    Failure,
    /// What was typed makes no sense.
    Usage,
    /// A resource failed or is unhealthy.
    Resource,
    TimedOut,
    /// A port is taken, or the instance runs already.
    Conflict,
    /// A scenario failed, or missed its threshold.
    Scenario,
    /// An invariant of the shop is violated.
    Invariant,
    /// There is no such running instance.
    NotRunning,
    /// Ctrl-C before everything was ready.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Resource => 3,
            Self::TimedOut => 4,
            Self::Conflict => 5,
            Self::Scenario => 6,
            Self::Invariant => 7,
            Self::NotRunning => 8,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// An error with an exit code of its own and a hint for the next step.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The exit code and the hint of an error, from the first of its causes that has them.
pub(crate) fn classify(error: &anyhow::Error) -> (Exit, Option<String>) {
    let found = error.chain().find_map(|cause| {
        let failure = cause.downcast_ref().map(|failure: &Failure| (failure.exit, failure.hint.clone()));
        failure
            .or_else(|| cause.downcast_ref().map(of_client))
            .or_else(|| cause.downcast_ref().map(of_launch))
            .or_else(|| cause.downcast_ref().map(of_workspace))
            .or_else(|| cause.downcast_ref().map(of_graph))
            .or_else(|| cause.downcast_ref().map(of_instance))
            .or_else(|| cause.downcast_ref().map(of_invariants))
            .or_else(|| cause.downcast_ref().map(of_load))
            .or_else(|| cause.downcast_ref().map(of_crash))
    });
    found.unwrap_or((Exit::Failure, None))
}

type Classified = (Exit, Option<String>);

fn of_client(error: &client::Error) -> Classified {
    match error {
        client::Error::Silent => {
            let hint = "`shopctl ps` tells its pid; once it is killed, its reaper ends the rest";
            (Exit::Failure, Some(hint.to_owned()))
        }
        client::Error::NotRunning(_) => (Exit::NotRunning, Some(running::NOT_RUNNING.to_owned())),
        client::Error::OtherVersion { name, pid, .. } => {
            let hint =
                format!("use that version, or stop it: `shopctl down --instance {name}` (supervisor: pid {pid})");
            (Exit::Failure, Some(hint))
        }
        client::Error::Refused(_) | client::Error::Confused | client::Error::Protocol(_) => (Exit::Failure, None),
        client::Error::Instance(error) => of_instance(error),
    }
}

fn of_launch(error: &launch::Error) -> Classified {
    match error {
        launch::Error::AlreadyRunning { name, .. } => {
            let hint = format!(
                "`shopctl logs -f --instance {name}` follows it, `shopctl status --instance {name}` shows it, \
                 `shopctl down --instance {name}` stops it"
            );
            (Exit::Conflict, Some(hint))
        }
        launch::Error::Ports { source: ports::Error::Taken { .. }, remembered: false } => {
            let hint = "stop that program, or give this instance other ports by `--port-offset 1000` or `--isolated`";
            (Exit::Conflict, Some(hint.to_owned()))
        }
        launch::Error::Ports { source: ports::Error::Taken { .. }, remembered: true } => {
            let hint = "stop that program; or run another instance, `shopctl up --instance NAME --isolated`; or give \
                        this one other ports by `shopctl down --volumes` (its data go) and `shopctl up --port-offset 1000`";
            (Exit::Conflict, Some(hint.to_owned()))
        }
        launch::Error::Graph(error) => of_graph(error),
        launch::Error::Instance(error) => of_instance(error),
        launch::Error::Client(error) => of_client(error),
        launch::Error::Ports { .. }
        | launch::Error::NoPorts(_)
        | launch::Error::Manifest(_)
        | launch::Error::Spawn(_)
        | launch::Error::Died(_) => (Exit::Failure, None),
    }
}

fn of_workspace(error: &workspace::Error) -> Classified {
    match error {
        workspace::Error::NotFound(_) => (Exit::Failure, Some("run shopctl inside a checkout of the shop".to_owned())),
        workspace::Error::Read { .. } | workspace::Error::Manifest { .. } => (Exit::Failure, None),
    }
}

fn of_graph(error: &graph::Error) -> Classified {
    match error {
        graph::Error::Unknown { .. } | graph::Error::NotExternal(_) => (Exit::Usage, None),
    }
}

fn of_invariants(error: &invariants::Error) -> Classified {
    (Exit::Failure, Some(error.hint().to_owned()))
}

fn of_load(error: &load::Error) -> Classified {
    (Exit::Failure, error.hint().map(str::to_owned))
}

fn of_crash(error: &crash::Error) -> Classified {
    (Exit::Failure, error.hint().map(str::to_owned))
}

fn of_instance(error: &instance::Error) -> Classified {
    match error {
        instance::Error::Version { name, .. } => {
            let hint = format!("use that version, or start afresh: `shopctl down --volumes --instance {name}`");
            (Exit::Failure, Some(hint))
        }
        instance::Error::Io { .. } | instance::Error::Secrets(secrets::Error::Write { .. }) => {
            let hint =
                "shopctl keeps its state in XDG_STATE_HOME (~/.local/state), which has to be writable and have room";
            (Exit::Failure, Some(hint.to_owned()))
        }
        instance::Error::Malformed { path, .. } => {
            (Exit::Failure, Some(format!("remove {} and try again", path.display())))
        }
        instance::Error::Secrets(
            secrets::Error::Read { path, .. } | secrets::Error::Malformed { path } | secrets::Error::Empty { path },
        ) => {
            let hint = format!(
                "with {} removed, the next `up` makes a new one, but the password of a database is known to that \
                 database, too: then `shopctl down --volumes` starts afresh",
                path.display()
            );
            (Exit::Failure, Some(hint))
        }
        instance::Error::NoHome | instance::Error::Foreign { .. } => (Exit::Failure, None),
    }
}
