//! The loop between terminal and model. Everything that has come is taken in before a frame is drawn, frames keep a
//! distance, and where nothing happens nothing is done.

use std::{
    io, thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::{
    sys::signal::{Signal, killpg, raise},
    unistd::Pid,
};
use ratatui::crossterm::event;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{sleep_until, timeout},
};

use crate::{
    event::on_event,
    model::Model,
    msg::{Command, Msg, Now},
    terminal::Screen,
    update, view,
};

/// Between two frames, unless a key is answered.
const FRAME: Duration = Duration::from_millis(33);
/// The same where a frame would only show that something is being opened.
const UNSETTLED: Duration = Duration::from_millis(25);
/// Messages taken in before a frame is due anyway: a flood of them must not hold it up.
const BATCH: usize = 256;
/// Messages that wait for the terminal; whoever sends more waits, too.
pub const WAITING: usize = 1024;

/// Shows the model until it quits. `Screen` has the terminal; `messages` come from whoever serves the dashboard, and
/// `commands` go there.
///
/// # Errors
/// When the terminal is gone.
pub async fn run(
    model: &mut Model,
    screen: &mut Screen,
    messages: &mut mpsc::Receiver<Msg>,
    commands: &mpsc::UnboundedSender<Command>,
) -> io::Result<()> {
    let mut events = events();
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut suspended = signal(SignalKind::from_raw(Signal::SIGTSTP as i32))?;
    let begin = Instant::now();
    let mut shell = Shell { begin, screen, commands };
    shell.draw(model)?;
    let mut drawn = Instant::now();
    // When the next frame is due, if something has changed.
    let mut due: Option<Instant> = None;
    while !model.quits() {
        let far = Instant::now() + Duration::from_secs(3600);
        let wake = model.wakes_at().map_or(far, |at| begin + at);
        let next = due.map_or(wake, |due| due.min(wake));
        let mut urgent = false;
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(event) => {
                    urgent = true;
                    if let Some(msg) = on_event(event) {
                        shell.take(model, msg)?;
                    }
                }
                // The terminal is gone.
                None => shell.take(model, Msg::Interrupted)?,
            },
            Some(msg) = messages.recv() => shell.take(model, msg)?,
            _ = interrupted.recv() => shell.take(model, Msg::Interrupted)?,
            _ = terminated.recv() => shell.take(model, Msg::Interrupted)?,
            _ = hung_up.recv() => shell.take(model, Msg::Interrupted)?,
            _ = suspended.recv() => {
                shell.freeze()?;
                urgent = true;
            }
            () = sleep_until(next.into()) => {
                if due.is_none_or(|due| due > Instant::now()) {
                    shell.take(model, Msg::Tick)?;
                    urgent = true;
                }
            }
        }
        for _ in 0..BATCH {
            if let Ok(event) = events.try_recv() {
                urgent = true;
                if let Some(msg) = on_event(event) {
                    shell.take(model, msg)?;
                }
            } else if let Ok(msg) = messages.try_recv() {
                shell.take(model, msg)?;
            } else {
                break;
            }
        }
        let now = Instant::now();
        if urgent && model.is_unsettled() {
            // The answer that is waited for mostly comes at once; then this is one frame instead of two.
            due = Some(now + UNSETTLED);
            if let Ok(Some(msg)) = timeout(UNSETTLED, messages.recv()).await {
                shell.take(model, msg)?;
            }
            urgent = !model.is_unsettled();
        }
        if urgent || due.is_some_and(|due| due <= now) || drawn + FRAME <= now {
            shell.draw(model)?;
            drawn = Instant::now();
            due = None;
        } else {
            due = due.or(Some(drawn + FRAME));
        }
    }
    Ok(())
}

struct Shell<'a> {
    begin: Instant,
    screen: &'a mut Screen,
    commands: &'a mpsc::UnboundedSender<Command>,
}

impl Shell<'_> {
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { since: self.begin.elapsed(), wall: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX) }
    }

    fn take(&mut self, model: &mut Model, msg: Msg) -> io::Result<()> {
        let now = self.now();
        for command in update(model, now, msg) {
            match command {
                Command::Copy(text) => self.screen.copy(&text)?,
                Command::Redraw => self.screen.forget()?,
                // To all that the shell takes for this job: `cargo run`, too.
                Command::Suspend => drop(killpg(Pid::from_raw(0), Signal::SIGTSTP)),
                command @ (Command::Quit
                | Command::Act { .. }
                | Command::Stop(_)
                | Command::Release
                | Command::Log(_)
                | Command::Kafka(_)
                | Command::Checkout) => drop(self.commands.send(command)),
            }
        }
        Ok(())
    }

    /// Gives the terminal back, stops until somebody lets us go on, and takes it again.
    fn freeze(&mut self) -> io::Result<()> {
        self.screen.suspend();
        raise(Signal::SIGSTOP)?;
        self.screen.resume()
    }

    fn draw(&mut self, model: &Model) -> io::Result<()> {
        self.screen.draw(|frame| view(model, frame))
    }
}

/// What the terminal reports, read by a thread of its own: it can only be waited for by blocking.
fn events() -> mpsc::UnboundedReceiver<event::Event> {
    let (sender, events) = mpsc::unbounded_channel();
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.send(event).is_err() {
                break;
            }
        }
    });
    events
}
