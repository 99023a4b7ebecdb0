//! What goes to the terminal, written by a thread of its own: nobody who draws waits for a terminal, however slow it is.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::{fd::AsFd as _, unix::fs::OpenOptionsExt as _},
    sync::{Condvar, Mutex, MutexGuard, Once, PoisonError},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::termios::{FlushArg, tcflush},
};
use tokio::sync::Notify;

/// That of this process: it has one terminal.
pub(super) static OUTPUT: Output = Output {
    state: Mutex::new(State { waiting: Vec::new(), writing: false, closed: false, error: None }),
    changed: Condvar::new(),
    freed: Notify::const_new(),
    thread: Once::new(),
};
/// Between two looks whether somebody has closed the output of a terminal that takes nothing.
const LOOK: u16 = 20;
/// Written at once: about what a terminal takes without being read.
const CHUNK: usize = 4096;

pub(super) struct Output {
    state: Mutex<State>,
    changed: Condvar,
    /// Told when nothing is left to be written.
    freed: Notify,
    thread: Once,
}

struct State {
    waiting: Vec<u8>,
    writing: bool,
    /// What still waits is thrown away.
    closed: bool,
    error: Option<io::ErrorKind>,
}

impl Output {
    /// A panic elsewhere leaves the state whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on bytes are taken.
    pub(super) fn open(&'static self) {
        self.state().closed = false;
        self.thread.call_once(|| {
            thread::spawn(|| self.work());
        });
    }

    /// Has bytes written after those that wait.
    ///
    /// # Errors
    /// When the terminal did not take those before: it is gone.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if let Some(error) = state.error {
            return Err(error.into());
        }
        if !state.closed {
            state.waiting.extend_from_slice(bytes);
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Whether the terminal has not taken all yet.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.state();
        state.writing || !state.waiting.is_empty()
    }

    /// Waits until the terminal has taken all.
    pub(super) async fn freed(&self) {
        while self.is_busy() {
            self.freed.notified().await;
        }
    }

    /// Lets the terminal take what waits, as long as `patience` lasts; what is left then it never sees.
    pub(super) fn close(&self, patience: Duration) {
        let wait = |limit| {
            let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
            let waited = self.changed.wait_timeout_while(self.state(), limit, busy);
            !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
        };
        let is_written = wait(patience);
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        if !is_written {
            // It would still show the frame, and what comes after it only then.
            let _ = tcflush(io::stdout(), FlushArg::TCOFLUSH);
            wait(patience);
        }
    }

    fn work(&self) {
        // Of its own, so that nobody who shares the terminal is told that it would block.
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let own = OpenOptions::new().write(true).custom_flags(flags.bits()).open("/proc/self/fd/1");
        let mut state = self.state();
        loop {
            if state.waiting.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let bytes = std::mem::take(&mut state.waiting);
            state.writing = true;
            drop(state);
            let written = match &own {
                Ok(own) => self.write(own, &bytes),
                // A terminal that may not be opened again is waited for.
                Err(_) => io::stdout().write_all(&bytes).and_then(|()| io::stdout().flush()),
            };
            state = self.state();
            state.writing = false;
            state.error = written.err().map(|error| error.kind()).or(state.error);
            self.changed.notify_all();
            self.freed.notify_one();
        }
    }

    fn write(&self, mut terminal: &File, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() && !self.state().closed {
            match terminal.write(&bytes[..bytes.len().min(CHUNK)]) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut takes = [PollFd::new(terminal.as_fd(), PollFlags::POLLOUT)];
                    match poll(&mut takes, PollTimeout::from(LOOK)) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
