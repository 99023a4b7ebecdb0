//! The dashboard of an `up`: serves it, and ends the instance when it is told to.

use std::{io::IsTerminal as _, time::Duration};

use nix::sys::signal::Signal;
use shopctl_protocol::{BootOutcome, StopMode, Update};
use shopctl_tui::{Command, Msg, Owner, terminal};
use tokio::time::timeout;

use super::{Booting, Place, Watching, failure, infra, screen::Screen};
use crate::{
    args::{Global, Up},
    commands::ui::{self, Link, Session},
    exit::{Exit, Failure},
};

/// A supervisor that takes longer to answer is stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether this `up` opens a dashboard rather than writing lines.
pub(super) fn is_wanted(global: &Global, args: &Up) -> bool {
    let refused = args.no_tui || args.detach || global.json || global.quiet;
    let in_ci = ui::lookup("CI").is_some_and(|value| value == "true");
    !refused && !in_ci && std::io::stderr().is_terminal() && terminal::is_possible(ui::lookup)
}

pub(super) async fn run(global: &Global, args: &Up) -> anyhow::Result<Exit> {
    // Told before the terminal is taken over.
    let place = Place::find(global)?;
    let (own_global, own_args) = (global.clone(), args.clone());
    let (tell, told) = std::sync::mpsc::channel();
    let end = ui::show(global, Owner::Up, args.ascii, move |link| async move {
        Servant::serve(own_global, own_args, place, link, tell).await
    })
    .await;
    if let Ok(outcome) = told.try_recv() {
        // What was seen in the dashboard is gone with it.
        Screen::new(true).causes(failure::causes(&outcome));
    }
    end
}

/// How far this `up` has come.
enum Progress {
    Booting,
    Ready,
    Failed(Failure),
    Interrupted,
}

struct Servant {
    global: Global,
    args: Up,
    booting: Booting,
    link: Link,
    session: Session,
    progress: Progress,
    tell: std::sync::mpsc::Sender<BootOutcome>,
}

impl Servant {
    async fn serve(
        global: Global,
        args: Up,
        place: Place,
        mut link: Link,
        tell: std::sync::mpsc::Sender<BootOutcome>,
    ) -> anyhow::Result<Exit> {
        let chosen = tokio::select! {
            chosen = infra::choose(&place.workspace, &place.instance, &args) => chosen?,
            () = asked_to_end(&mut link) => return Ok(Exit::Interrupted),
        };
        let booting = place.boot(&global, &args, chosen, Watching::Figures).await?;
        let session = Session::new(place.instance.clone(), link.messages.clone());
        Self { global, args, booting, link, session, progress: Progress::Booting, tell }.follow().await
    }

    async fn follow(mut self) -> anyhow::Result<Exit> {
        loop {
            tokio::select! {
                update = self.booting.watch.next() => match update? {
                    Some(Update::Down) => break,
                    Some(update) => self.note(update).await,
                    None => {
                        self.booting.reaper.gone().await;
                        let _ = self.link.messages.send(Msg::Lost).await;
                        return Err(failure::killed().into());
                    }
                },
                command = self.link.commands.recv() => match command {
                    Some(Command::Stop(mode)) => self.stop(mode).await,
                    Some(Command::Release) => {
                        self.booting.lease.release().await?;
                        return Ok(Exit::Success);
                    }
                    Some(Command::Quit) => {}
                    Some(command) => self.session.obey(command),
                    // The terminal is gone: so is the lease.
                    None => {
                        drop(self.booting.lease);
                        self.booting.reaper.gone().await;
                        return Ok(Exit::Interrupted);
                    }
                },
            }
        }
        // Until here processes that got away may have lived.
        self.booting.reaper.gone().await;
        let _ = self.link.messages.send(Msg::Update(Box::new(Update::Down))).await;
        // Of a boot that failed the cause is looked at until somebody has seen enough.
        while let Some(command) = self.link.commands.recv().await {
            match command {
                Command::Quit => break,
                command => self.session.obey(command),
            }
        }
        match self.progress {
            Progress::Ready => Ok(Exit::Success),
            Progress::Booting | Progress::Interrupted => Ok(Exit::Interrupted),
            Progress::Failed(failure) => Err(failure.into()),
        }
    }

    async fn note(&mut self, update: Update) {
        match &update {
            Update::Booted { outcome: BootOutcome::Ready } => self.progress = Progress::Ready,
            Update::Booted { outcome } => {
                self.progress = match failure::of(outcome, &self.global, &self.args) {
                    Some(failure) => Progress::Failed(failure),
                    None => Progress::Interrupted,
                };
                let _ = self.tell.send(outcome.clone());
            }
            Update::Stopping { why, asked: false } if matches!(self.progress, Progress::Ready) => {
                self.progress = Progress::Failed(failure::stopped(why));
            }
            _ => {}
        }
        self.session.tell(update).await;
    }

    async fn stop(&mut self, mode: StopMode) {
        match timeout(PATIENCE, self.booting.lease.stop(mode)).await {
            // If the supervisor is gone, the end of the updates says so.
            Ok(_) => {}
            Err(_) if mode == StopMode::Orderly => {
                let why = "the supervisor does not answer; Ctrl-C again kills it".to_owned();
                let _ = self.link.messages.send(Msg::Failed(why)).await;
            }
            Err(_) => self.booting.reaper.supervisor.signal(Signal::SIGKILL),
        }
    }
}

/// Waits until somebody wants the end of what has not begun yet.
async fn asked_to_end(link: &mut Link) {
    while let Some(command) = link.commands.recv().await {
        if matches!(command, Command::Stop(_) | Command::Quit) {
            return;
        }
    }
}
