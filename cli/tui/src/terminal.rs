//! The terminal while a dashboard has it: taken over, given back however it ends, written to in whole frames.

mod output;
mod signals;

use std::{
    cell::RefCell,
    io::{self, IsTerminal as _, Write as _},
    process::{Command, Stdio},
    rc::Rc,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ratatui::{
    Frame, Terminal,
    crossterm::{
        cursor::Show,
        event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
        execute, queue,
        terminal::{
            BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
            disable_raw_mode, enable_raw_mode, size,
        },
    },
    prelude::CrosstermBackend,
};
use tokio::sync::Notify;

use self::output::OUTPUT;
pub(crate) use self::signals::Signals;

/// Whether the terminal is taken over at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();
/// Told of a panic in any thread.
static PANICKED: Notify = Notify::const_new();
/// What a slow terminal gets at the end for the last frame.
const PATIENCE: Duration = Duration::from_millis(250);
/// Of what is copied: terminals refuse more.
const COPY_BYTES: usize = 72 << 10;

/// A terminal that is taken over. Dropping it gives it back.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Collector>>,
    frame: Collector,
    signals: Option<Signals>,
}

/// One frame, until it is whole.
#[derive(Clone, Default)]
struct Collector(Rc<RefCell<Vec<u8>>>);

impl io::Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a dashboard can be shown at all: both ends are a terminal that can do something.
pub fn is_possible(lookup: impl Fn(&str) -> Option<String>) -> bool {
    let term = lookup("TERM").unwrap_or_default();
    let is_dumb = matches!(term.as_str(), "dumb" | "");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb
}

impl Screen {
    /// Takes the terminal over, and all signals that would end the process; to be called within a runtime.
    ///
    /// # Errors
    /// When it is none.
    pub fn open() -> io::Result<Self> {
        // Also a panic in another thread must leave a terminal that can be read.
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore();
                before(info);
                PANICKED.notify_one();
            }));
        });
        let signals = Some(Signals::catch()?);
        take()?;
        let frame = Collector::default();
        match Terminal::new(CrosstermBackend::new(frame.clone())) {
            Ok(terminal) => Ok(Self { terminal, frame, signals }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Those that came since the terminal was taken, and those to come.
    ///
    /// # Errors
    /// When somebody has them already, and the system does not let us catch more.
    pub(crate) fn signals(&mut self) -> io::Result<Signals> {
        self.signals.take().map_or_else(Signals::catch, Ok)
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// When the terminal does not tell.
    pub fn size() -> io::Result<(u16, u16)> {
        size()
    }

    /// Draws a frame; what has not changed is not written. The terminal takes it in its own time.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(view)?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        self.send()
    }

    /// Whether the terminal still has a frame to take: another one would only be queued.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        OUTPUT.is_busy()
    }

    /// Waits until the terminal has taken all.
    pub async fn freed(&self) {
        OUTPUT.freed().await;
    }

    /// Waits for a panic in any thread. The terminal is given back then.
    pub async fn broken(&self) {
        PANICKED.notified().await;
    }

    /// The next frame is drawn as if nothing were on the screen.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn forget(&mut self) -> io::Result<()> {
        // `clear` would ask the terminal where its cursor is, and wait for an answer that somebody else reads.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Puts a text into the clipboard of whoever sits at the terminal, also through ssh and tmux.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut end = text.len().min(COPY_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        write!(self.terminal.backend_mut(), "\x1b]52;c;{}\x07", BASE64_STANDARD.encode(&text[..end]))?;
        if std::env::var_os("TMUX").is_some_and(|tmux| !tmux.is_empty()) {
            copy_to_tmux(text[..end].to_owned());
        }
        self.send()
    }

    /// Gives the terminal back for a while; [`Screen::resume`] takes it again.
    pub fn suspend(&mut self) {
        restore();
    }

    /// # Errors
    /// When the terminal is gone.
    pub fn resume(&mut self) -> io::Result<()> {
        take()?;
        self.forget()
    }

    fn send(&mut self) -> io::Result<()> {
        OUTPUT.send(&std::mem::take(&mut *self.frame.0.borrow_mut()))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// tmux takes no clipboard from a program unless it is configured to, but it does from its own command, and passes it on
/// to its terminal. Nothing depends on it: the terminal was told, too.
fn copy_to_tmux(text: String) {
    let mut command = Command::new("tmux");
    command.args(["load-buffer", "-w", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    thread::spawn(move || {
        let Ok(mut tmux) = command.spawn() else { return };
        if let Some(mut stdin) = tmux.stdin.take() {
            let _ = stdin.write_all(text.as_bytes());
        }
        let _ = tmux.wait();
    });
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste)?;
    OUTPUT.open();
    Ok(())
}

/// Gives the terminal back as it was, once.
fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        OUTPUT.close(PATIENCE);
        // Whatever cannot be undone, the rest can.
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            DisableMouseCapture,
            LeaveAlternateScreen,
            Show
        );
        let _ = disable_raw_mode();
    }
}
