//! How a container ended, from what is left of it.

use std::fmt;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};

/// The exit code of what died of it.
pub(super) const SIGKILL: i64 = 128 + 9;

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Exited {
        code: i64,
    },
    /// Out of memory: the kernel killed it.
    OomKilled,
    /// Somebody had the daemon send it a signal (`docker stop`, `docker kill`), or it died of SIGKILL.
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

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => write!(f, "it exited with {code}"),
            Self::OomKilled => write!(f, "it was killed, out of memory"),
            Self::Killed { signal } => write!(f, "it was ended from outside, by {signal}"),
            Self::RemovedByHand => write!(f, "it was removed from outside"),
            Self::DaemonGone { error } => write!(f, "the Docker daemon is gone: {error}"),
        }
    }
}

impl Ending {
    /// `left` is the container afterwards, `signal` the last that it was sent with the intention to end it.
    pub(super) fn of(left: Option<&ContainerInspectResponse>, signal: Option<&str>, code: Option<i64>) -> Self {
        let Some(state) = left.and_then(|left| left.state.as_ref()) else { return Self::RemovedByHand };
        if matches!(state.status, Some(ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD)) {
            return Self::RemovedByHand;
        }
        // Without a code, it was not seen to end: its state tells. With one, it may run again meanwhile.
        let code = code.or(state.exit_code).unwrap_or(-1);
        match signal {
            _ if state.oom_killed == Some(true) => Self::OomKilled,
            Some(signal) => Self::Killed { signal: name(signal) },
            None if code == SIGKILL => Self::Killed { signal: name("9") },
            None => Self::Exited { code },
        }
    }
}

/// Whether a signal is sent to end something, and not to have it read its settings again.
pub(super) fn ends(signal: &str) -> bool {
    matches!(name(signal).as_str(), "SIGINT" | "SIGQUIT" | "SIGABRT" | "SIGKILL" | "SIGTERM")
}

/// The daemon tells numbers, or what the user typed.
fn name(signal: &str) -> String {
    let upper = signal.to_ascii_uppercase();
    let name = match upper.trim_start_matches("SIG") {
        "2" => "INT",
        "3" => "QUIT",
        "6" => "ABRT",
        "9" => "KILL",
        "15" => "TERM",
        other => other,
    };
    format!("SIG{name}")
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerState;

    use super::*;

    #[test]
    fn what_is_left_of_a_container_tells_how_it_ended() {
        use ContainerStateStatusEnum::{EXITED, REMOVING, RUNNING};
        let left = |status, code, oom| ContainerInspectResponse {
            state: Some(ContainerState {
                status: Some(status),
                exit_code: Some(code),
                oom_killed: Some(oom),
                ..ContainerState::default()
            }),
            ..ContainerInspectResponse::default()
        };
        let killed = |signal: &str| Ending::Killed { signal: signal.into() };
        for (left, signal, code, expected) in [
            (Some(left(EXITED, 3, false)), None, Some(3), Ending::Exited { code: 3 }),
            (Some(left(EXITED, 3, false)), None, None, Ending::Exited { code: 3 }),
            (Some(left(EXITED, 137, true)), None, Some(137), Ending::OomKilled),
            (Some(left(EXITED, 137, false)), None, Some(137), killed("SIGKILL")),
            (Some(left(EXITED, 0, false)), Some("2"), Some(0), killed("SIGINT")),
            (Some(left(EXITED, 143, false)), Some("SIGTERM"), Some(143), killed("SIGTERM")),
            (Some(left(RUNNING, 0, false)), Some("15"), Some(143), killed("SIGTERM")),
            (Some(left(REMOVING, 137, false)), Some("9"), Some(137), Ending::RemovedByHand),
            (None, Some("9"), Some(137), Ending::RemovedByHand),
        ] {
            assert_eq!(Ending::of(left.as_ref(), signal, code), expected);
        }
        assert!(ends("15") && ends("kill") && ends("SIGINT") && !ends("SIGHUP") && !ends("10"));
    }
}
