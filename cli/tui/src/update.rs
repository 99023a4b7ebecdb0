//! What a message does to the model, and what is to be done about it.

mod answers;
mod jumps;
mod keys;
mod mouse;
mod moves;

use shopctl_protocol::{BootOutcome, Phase, StopMode, Update};

use crate::{
    kafka::{Ask, News},
    log::Answer,
    model::{Model, Tab},
    msg::{Command, Msg, Now},
    options::Owner,
    orders::{self, Database},
    subject::Subject,
    text::grouped,
    theme::Tone,
    traces::Look,
};

/// Takes a message in.
pub fn update(model: &mut Model, now: Now, msg: Msg) -> Vec<Command> {
    model.now = now;
    if model.toast.as_ref().is_some_and(|toast| toast.until <= now.since) {
        model.toast = None;
    }
    let mut commands = Vec::new();
    match msg {
        Msg::Key(key) => keys::press(model, key, &mut commands),
        Msg::Mouse(mouse) => mouse::point(model, mouse, &mut commands),
        Msg::Paste(text) => answers::paste(model, &text),
        Msg::Resized { columns, rows } => (model.size.width, model.size.height) = (columns, rows),
        Msg::Update(update) => happened(model, *update, &mut commands),
        Msg::Lost => lost(model, &mut commands),
        Msg::Edges(edges) => model.shop.edges = edges,
        Msg::Calls(calls) => model.calls = calls,
        Msg::Traffic(calls) => model.traffic = Some(calls),
        Msg::Orders(news) => model.orders.learn(news),
        Msg::Rates(rates) => model.rates = Some(rates),
        Msg::Spans(told) => model.spans = Some(told),
        Msg::Kafka(news) => heard(model, news),
        Msg::Checkout(news) => model.checkout.take(news),
        Msg::Log(answer) => told(model, answer, &mut commands),
        Msg::Note(text) => {
            model.say(&text, Tone::Plain);
            model.notes.push(crate::text::plain(&text));
        }
        Msg::Failed(why) => model.say(why, Tone::Bad),
        Msg::Interrupted => keys::interrupt(model, &mut commands),
        Msg::Ended => model.quits = true,
        Msg::Tick => {}
    }
    jumps::resolve(model);
    model.settle();
    if model.tab == Tab::Home {
        commands.extend(model.log.missing().map(Command::Log));
    }
    commands.extend(look(model).map(Command::Kafka));
    commands.extend(look_at_orders(model).map(Command::Orders));
    commands.extend(look_at_traces(model).map(Command::Traces));
    commands.extend(jumps::look_for_events(model).map(Command::Kafka));
    commands.extend(jumps::look_at_lines(model).map(Command::Log));
    if model.tab == Tab::Checkout && !model.checkout.asked && model.shop.snapshot.is_some() {
        model.checkout.asked = true;
        commands.push(Command::Stories);
    }
    model.quits |= commands.contains(&Command::Quit);
    commands
}

fn happened(model: &mut Model, update: Update, commands: &mut Vec<Command>) {
    let now = model.now.since;
    let is_first = model.shop.snapshot.is_none();
    let is_down = update == Update::Down;
    let outcome = match &update {
        Update::Booted { outcome } => Some(outcome.clone()),
        Update::Snapshot { snapshot } => snapshot.outcome.clone().filter(|outcome| *outcome != BootOutcome::Ready),
        _ => None,
    };
    let kept = is_failed(model) && matches!(update, Update::Changed { .. });
    if !kept {
        model.shop.take(update, now);
    }
    if is_first && model.shop.snapshot.is_some() {
        let request = model.log.reopen();
        commands.push(Command::Log(request));
        if model.shop.phase() == Some(Phase::Booting) {
            show_unasked(model, Tab::Boot);
        }
    }
    match outcome {
        Some(BootOutcome::Ready) => {
            show_unasked(model, Tab::Home);
            model.say("everything is ready", Tone::Good);
        }
        Some(BootOutcome::Failed { .. } | BootOutcome::PortTaken { .. } | BootOutcome::TimedOut { .. }) => {
            // The cause comes first, whatever somebody was looking at.
            (model.tab, model.scroll) = (Tab::Why, 0);
        }
        Some(BootOutcome::Interrupted { .. }) | None => {}
    }
    if is_down {
        down(model, commands);
    }
}

/// Whether what is shown is how the boot failed: what is stopped after that hides nothing of it.
fn is_failed(model: &Model) -> bool {
    model.shop.failure().is_some() && model.shop.phase() == Some(Phase::Stopping)
}

fn show_unasked(model: &mut Model, tab: Tab) {
    if !model.chosen {
        (model.tab, model.scroll) = (tab, 0);
    }
}

fn down(model: &mut Model, commands: &mut Vec<Command>) {
    let stays = match model.options.owner {
        Owner::Up => model.shop.failure().is_some(),
        Owner::Attached => true,
    };
    if model.leaving || !stays {
        commands.push(Command::Quit);
    }
}

fn lost(model: &mut Model, commands: &mut Vec<Command>) {
    model.lost = true;
    match model.options.owner {
        Owner::Up => commands.push(Command::Quit),
        Owner::Attached if model.shop.phase() == Some(Phase::Down) => {}
        Owner::Attached => model.say("the supervisor is gone", Tone::Bad),
    }
}

/// Kafka is only read while somebody looks at what it says, and once it is there.
fn look(model: &mut Model) -> Option<Ask> {
    let is_there = model.shop.resource("kafka").is_some_and(|kafka| kafka.ready);
    let wanted = is_there && matches!(model.tab, Tab::Kafka | Tab::Flow | Tab::Orders);
    (model.kafka.looking != wanted).then(|| {
        model.kafka.looking = wanted;
        Ask::Look(wanted)
    })
}

/// The same with the databases of orders.
fn look_at_orders(model: &mut Model) -> Option<orders::Look> {
    let is_there = Database::ALL.iter().all(|database| model.shop.resource(database.name()).is_some());
    let wanted = if is_there && model.shop.phase() == Some(Phase::Up) && model.tab == Tab::Orders {
        let and = match model.orders.opened {
            Some(Subject::Order(id)) => Some(id),
            Some(Subject::Trace(_)) | None => None,
        };
        orders::Look::Latest { and }
    } else {
        orders::Look::Nothing
    };
    (model.orders.look != wanted).then(|| {
        model.orders.look = wanted;
        wanted
    })
}

/// The same with what the services' spans tell.
fn look_at_traces(model: &mut Model) -> Option<Look> {
    let wanted = Look::of(model);
    (model.look != wanted).then(|| {
        model.look = wanted;
        wanted
    })
}

fn heard(model: &mut Model, news: News) {
    let news = match news {
        News::Earlier(messages) => News::Earlier(model.kafka.unknown(messages)),
        news => news,
    };
    if let News::Messages(messages) | News::Earlier(messages) = &news {
        messages.iter().for_each(|message| model.orders.take(message));
    }
    model.kafka.take(news, model.now.since);
}

fn told(model: &mut Model, answer: Answer, commands: &mut Vec<Command>) {
    match answer {
        Answer::Errors(counts) => {
            let seen = model.selected.clone().filter(|_| model.tab == Tab::Home);
            model.shop.note_errors(counts, seen.as_deref());
        }
        Answer::Mentioned { about, lines } => model.mentions.take(about, lines),
        Answer::Saved { path, lines: Ok(lines) } => {
            model.say(format!("{} lines are in {path}", grouped(lines)), Tone::Good);
        }
        Answer::Saved { path, lines: Err(why) } => model.say(format!("{path}: {why}"), Tone::Bad),
        answer => {
            if matches!(answer, Answer::Found { stamp: None, .. }) {
                model.say("nothing found in this direction", Tone::Warning);
            }
            commands.extend(model.log.take(answer).map(Command::Log));
        }
    }
}

/// Ends everything in order; a second time, at once.
pub(crate) fn stop(model: &mut Model, commands: &mut Vec<Command>) {
    model.interrupts += 1;
    model.leaving = true;
    commands.push(Command::Stop(if model.interrupts == 1 { StopMode::Orderly } else { StopMode::Kill }));
}
