//! `shopctl ui`: the dashboard of a running instance. Also what a dashboard of `up` shares with it: the terminal, the
//! loop, and what serves both.

mod history;
mod kafka;
mod orders;
mod play;
mod reader;
mod session;
mod traces;

use anyhow::Context as _;
use shopctl_tui::{Colours, Command, Model, Msg, Options, Owner, is_utf8, run, terminal, view};
use tokio::{runtime::Handle, sync::mpsc};

pub(crate) use self::session::Session;
use crate::{
    args::{Global, Ui},
    exit::{Exit, Failure},
    printer, running,
};

/// The side of a dashboard that its servant has.
pub(crate) struct Link {
    pub(crate) messages: mpsc::Sender<Msg>,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
}

pub(crate) async fn run(global: &Global, args: &Ui) -> anyhow::Result<Exit> {
    let instance = running::instance(global)?;
    // Told before the terminal is taken over.
    let client = running::connect(global).await?;
    if !terminal::is_possible(lookup) {
        let failure = Failure::new(Exit::Usage, "the dashboard needs a terminal");
        return Err(failure.hint("`shopctl status --watch` and `shopctl logs -f` need none").into());
    }
    show(global, Owner::Attached, args.ascii, |mut link| async move {
        let mut session = Session::new(instance, link.messages.clone());
        let mut watch = client.watch_figures().await?;
        loop {
            tokio::select! {
                update = watch.next() => match update? {
                    Some(update) => session.tell(update).await,
                    None => break,
                },
                command = link.commands.recv() => match command {
                    Some(Command::Quit) | None => return Ok(Exit::Success),
                    Some(command) => session.obey(command),
                },
            }
        }
        let _ = link.messages.send(Msg::Lost).await;
        // What was written can still be read.
        while let Some(command) = link.commands.recv().await {
            match command {
                Command::Quit => break,
                command => session.obey(command),
            }
        }
        Ok(Exit::Success)
    })
    .await
}

/// Opens a dashboard, has it served, and gives the terminal back. What is noted meanwhile is shown there, and said again
/// afterwards.
pub(crate) async fn show<S>(
    global: &Global,
    owner: Owner,
    ascii: bool,
    serve: impl FnOnce(Link) -> S + Send + 'static,
) -> anyhow::Result<Exit>
where
    S: Future<Output = anyhow::Result<Exit>>,
{
    let options = Options {
        instance: global.instance.clone(),
        owner,
        colours: Colours::from_lookup(lookup),
        ascii: ascii || !is_utf8(lookup),
    };
    let (columns, rows) = terminal::Screen::size().context("the terminal does not tell its size")?;
    let mut screen = terminal::Screen::open().context("the terminal cannot be taken over")?;
    let mut model = Model::new(options, columns, rows);
    // Before anything else has work to do.
    screen.draw(|frame| view(&model, frame)).context("the terminal is gone")?;
    let (messages, mut received) = mpsc::channel(run::WAITING);
    let (commands, commanded) = mpsc::unbounded_channel();
    let (noted, mut notes) = mpsc::unbounded_channel();
    let notes_to = messages.clone();
    printer::divert(Some(Box::new(move |note| {
        // Nobody waits here: a note that finds no room is still said at the end.
        let _ = notes_to.try_send(Msg::Note(note.clone()));
        let _ = noted.send(note);
    })));
    // On a thread of its own: not all that serves may wander between threads.
    let runtime = Handle::current();
    let served = tokio::task::spawn_blocking(move || {
        let end = runtime.block_on(serve(Link { messages: messages.clone(), commands: commanded }));
        // Nobody may be there any more.
        let _ = messages.blocking_send(Msg::Ended);
        end
    });
    let shown = run::run(&mut model, &mut screen, &mut received, &commands).await;
    drop(screen);
    printer::divert(None);
    // Whoever serves must not wait for a dashboard that is gone.
    drop((commands, received));
    while let Ok(note) = notes.try_recv() {
        printer::note(note);
    }
    let end = served.await.context("the dashboard's servant broke off")?;
    shown.context("the terminal is gone")?;
    end
}

pub(crate) fn lookup(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
