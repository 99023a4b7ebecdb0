//! The loop between terminal and model: frames keep a distance, and where nothing happens nothing is done.

use std::{
    io, thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::{
    sys::signal::{Signal, killpg, raise},
    unistd::Pid,
};
use ratatui::crossterm::event;
use tokio::{sync::mpsc, time::sleep_until};

use crate::{
    event::on_event,
    model::Model,
    msg::{Command, Msg, Now},
    terminal::{Screen, Signals},
    update, view,
};

/// Between two frames, unless a key is answered.
const FRAME: Duration = Duration::from_millis(33);
/// As good as never.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// What a key that opens something waits for that, so that there is one frame instead of two.
const UNSETTLED: Duration = Duration::from_millis(25);
/// Events of the terminal that are answered by one frame: a wheel must not have one drawn for each notch.
const TOGETHER: usize = 256;
/// Messages that wait for the loop; whoever sends more waits, too.
pub const WAITING: usize = 64;

/// Shows the model until it quits. `screen` has the terminal; `messages` come from whoever serves the dashboard, and
/// `commands` go there.
///
/// What the user does comes first, a frame that is due second; messages are taken in one by one between them. While the
/// terminal has not taken a frame, no other is drawn, and all else goes on.
///
/// # Errors
/// When the terminal is gone, or some thread has panicked.
pub async fn run(
    model: &mut Model,
    screen: &mut Screen,
    messages: &mut mpsc::Receiver<Msg>,
    commands: &mpsc::UnboundedSender<Command>,
) -> io::Result<()> {
    let mut events = events();
    let Signals { mut interrupted, mut terminated, mut hung_up, mut suspended } = screen.signals()?;
    let begin = Instant::now();
    let mut shell = Shell { begin, screen, commands };
    let mut drawn = begin;
    // When the next frame is due, if something has changed; it answers what the user did.
    let (mut due, mut is_answer) = (Some(begin), false);
    while !model.quits() {
        let is_busy = shell.screen.is_busy();
        let wake = model.wakes_at().map_or(begin + FAR, |at| begin + at);
        let next = due.filter(|_| !is_busy).map_or(wake, |due| due.min(wake));
        let mut urgent = false;
        tokio::select! {
            biased;
            event = events.recv() => {
                let Some(event) = event else { return Err(io::ErrorKind::UnexpectedEof.into()) };
                urgent = true;
                shell.react(model, event)?;
                for _ in 1..TOGETHER {
                    let Ok(event) = events.try_recv() else { break };
                    shell.react(model, event)?;
                }
            }
            _ = interrupted.recv() => shell.take(model, Msg::Interrupted)?,
            _ = terminated.recv() => shell.take(model, Msg::Interrupted)?,
            _ = hung_up.recv() => shell.take(model, Msg::Interrupted)?,
            _ = suspended.recv() => {
                shell.freeze()?;
                urgent = true;
            }
            () = shell.screen.broken() => return Err(io::Error::other("a part of the dashboard broke off")),
            () = shell.screen.freed(), if is_busy && due.is_some() => {}
            () = sleep_until(next.into()) => {
                if wake <= Instant::now() {
                    shell.take(model, Msg::Tick)?;
                    urgent = true;
                }
            }
            Some(msg) = messages.recv() => shell.take(model, msg)?,
        }
        let now = Instant::now();
        if urgent {
            is_answer = true;
            due = Some(if model.is_unsettled() { now + UNSETTLED } else { now });
        }
        let due_at = *due.get_or_insert(drawn + FRAME);
        let is_due = due_at <= now || is_answer && !model.is_unsettled();
        if is_due && !shell.screen.is_busy() {
            shell.draw(model)?;
            drawn = Instant::now();
            (due, is_answer) = (None, false);
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

    fn react(&mut self, model: &mut Model, event: event::Event) -> io::Result<()> {
        on_event(event).map_or(Ok(()), |msg| self.take(model, msg))
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
                | Command::Orders(_)
                | Command::Traces(_)
                | Command::Stories
                | Command::Play(_)) => drop(self.commands.send(command)),
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
