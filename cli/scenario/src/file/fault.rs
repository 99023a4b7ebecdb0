use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is done to a resource of the shop. When a scenario is over, whoever it has paused goes on and whoever it has
/// stopped is started, and all are ready again before the next one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// SIGKILL; the supervisor starts it again. Over once it is dead.
    Kill(String),
    /// Over once it is stopped; it stays so.
    Stop(String),
    /// Over once it is ready.
    Start(String),
    /// Over once it is ready again.
    Restart(String),
    /// SIGSTOP: it is there and does nothing.
    Pause(String),
    /// It goes on after a pause.
    Resume(String),
}

impl Fault {
    /// Whom it is done to.
    #[must_use]
    pub fn resource(&self) -> &str {
        match self {
            Self::Kill(name)
            | Self::Stop(name)
            | Self::Start(name)
            | Self::Restart(name)
            | Self::Pause(name)
            | Self::Resume(name) => name,
        }
    }

    /// What is done, in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Stop(_) => "stop",
            Self::Start(_) => "start",
            Self::Restart(_) => "restart",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
        }
    }
}
