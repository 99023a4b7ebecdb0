//! What a dashboard is told by signals.

use std::io;

use nix::sys::signal::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Caught from before the terminal is taken: none may end the process while the terminal is another's.
pub(crate) struct Signals {
    pub(crate) interrupted: Signal,
    pub(crate) terminated: Signal,
    pub(crate) hung_up: Signal,
    /// Ctrl-Z of another terminal.
    pub(crate) suspended: Signal,
}

impl Signals {
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
            hung_up: signal(SignalKind::hangup())?,
            suspended: signal(SignalKind::from_raw(Number::SIGTSTP as i32))?,
        })
    }
}
