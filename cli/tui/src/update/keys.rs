//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use shopctl_protocol::{Action, Phase};

use super::{answers, jumps, moves, stop};
use crate::{
    action::{self, Intent},
    checkout::Wish,
    dialogue::{Dialogue, Input, Prompt},
    kafka::{self, Ask},
    line,
    log::{Direction, Level, Source, Wanted},
    model::{Focus, Model, Tab},
    msg::Command,
    options::Owner,
    subject::Subject,
    theme::Tone,
    trail, view,
};

pub(super) fn press(model: &mut Model, key: KeyEvent, commands: &mut Vec<Command>) {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if control && matches!(key.code, KeyCode::Char('c' | 'z' | 'l')) {
        // These mean the same everywhere.
    } else if let Some(dialogue) = model.dialogue.take() {
        return answers::answer(model, dialogue, key, commands);
    }
    if let Some(intent) = action::of(key) {
        want(model, intent, commands);
    }
}

/// Does what the user wants.
pub(super) fn want(model: &mut Model, intent: Intent, commands: &mut Vec<Command>) {
    match intent {
        Intent::Show(tab) => {
            model.trail.forget();
            show(model, tab);
        }
        Intent::Down => moves::step(model, 1, commands),
        Intent::Up => moves::step(model, -1, commands),
        Intent::PageDown => moves::page(model, 1),
        Intent::PageUp => moves::page(model, -1),
        Intent::Top => moves::top(model, commands),
        Intent::End => moves::end(model, commands),
        Intent::Focus => focus(model),
        Intent::Enter => enter(model, commands),
        Intent::Back => back(model, commands),
        Intent::Search | Intent::Only if model.tab == Tab::Kafka => {
            model.dialogue = Some(Dialogue::Prompt(Prompt::Messages, Input::new(model.kafka.filter.clone())));
        }
        Intent::Search => prompt(model, Prompt::Search, String::new()),
        Intent::Only => {
            // What stands for an order or a trace is no text of the user's.
            let now = model.log.filter.only.clone().filter(|_| model.log.about.is_none()).unwrap_or_default();
            prompt(model, Prompt::Only, now.trim_start_matches("(?i)").to_owned());
        }
        Intent::Save => {
            let whose = match &model.log.source {
                Source::All => "all",
                Source::One(name) => name,
            };
            let name = format!("shopctl-{whose}-{}.log", model.now.wall / 1_000_000_000);
            prompt(model, Prompt::Save, name);
        }
        Intent::Match(direction) => next_match(model, direction, commands),
        Intent::Error(direction) => {
            let from_end = model.log.follow && direction == Direction::Older;
            commands.push(Command::Log(model.log.find(Wanted::Error, direction, from_end)));
        }
        Intent::NextLevel => {
            let level = match model.log.filter.level {
                None => Some(Level::Error),
                Some(Level::Error) => Some(Level::Warn),
                Some(Level::Warn) => Some(Level::Info),
                Some(Level::Info) => Some(Level::Debug),
                Some(Level::Debug | Level::Trace) => None,
            };
            set_level(model, level, commands);
        }
        Intent::Level(level) => set_level(model, level, commands),
        Intent::Follow => {
            if model.log.follow {
                model.log.pause();
            } else {
                commands.extend(model.log.go_to_end().map(Command::Log));
            }
        }
        Intent::Wrap => model.log.wrap = !model.log.wrap,
        Intent::Stamps => {
            model.log.stamps = model.log.stamps.next();
            model.say(format!("timestamps: {}", model.log.stamps.name()), Tone::Plain);
        }
        Intent::Mark => {
            model.log.pause();
            model.log.mark = if model.log.mark.is_some() { None } else { Some(model.log.cursor) };
            model.focus = Focus::Log;
        }
        Intent::Copy => copy(model, commands),
        Intent::Zoom => model.zoom = !model.zoom,
        Intent::Act(action, resource) => act(model, action, resource, commands),
        Intent::Select(resource) => {
            model.trail.forget();
            show(model, Tab::Home);
            moves::select(model, resource, commands);
        }
        Intent::Redrive { all } => redrive(model, all, commands),
        Intent::Checkout => {
            let wish =
                if model.tab == Tab::Checkout { model.checkout.wish() } else { Wish { story: None, seed: None } };
            play(model, wish, commands);
        }
        Intent::Story(story) => play(model, Wish { story: Some(story), seed: model.checkout.seed }, commands),
        Intent::Seed => ask(model, Prompt::Seed, model.checkout.seed.map(|seed| seed.to_string()).unwrap_or_default()),
        Intent::Play => ask(model, Prompt::Story, String::new()),
        // In the list of orders Enter opens the selected one.
        Intent::Order if model.tab != Tab::Orders && jumps::open_named(model) => {}
        Intent::Order => ask(model, Prompt::Order, String::new()),
        Intent::Lines => jumps::lines(model, commands),
        Intent::Messages => jumps::messages(model),
        Intent::Palette => model.dialogue = Some(Dialogue::Palette { input: Input::default(), chosen: 0 }),
        Intent::Help => model.dialogue = Some(Dialogue::Help { scroll: 0 }),
        Intent::Quit => quit(model, commands),
        Intent::Interrupt => interrupt(model, commands),
        Intent::Suspend => commands.push(Command::Suspend),
        Intent::Redraw => commands.push(Command::Redraw),
    }
}

pub(super) fn show(model: &mut Model, tab: Tab) {
    (model.tab, model.chosen, model.scroll) = (tab, true, 0);
}

/// Asks for something about the log.
fn prompt(model: &mut Model, prompt: Prompt, text: String) {
    if model.tab != Tab::Home {
        show(model, Tab::Home);
    }
    ask(model, prompt, text);
}

fn ask(model: &mut Model, prompt: Prompt, text: String) {
    model.dialogue = Some(Dialogue::Prompt(prompt, Input::new(text)));
}

/// One checkout at a time.
pub(super) fn play(model: &mut Model, wish: Wish, commands: &mut Vec<Command>) {
    model.trail.forget();
    show(model, Tab::Checkout);
    model.checkout.shows_list = false;
    if model.checkout.runs {
        return model.say("a checkout is under way", Tone::Plain);
    }
    // Said here already: who asks twice gets one.
    model.checkout.runs = true;
    commands.push(Command::Play(wish));
}

fn redrive(model: &mut Model, all: bool, commands: &mut Vec<Command>) {
    let selected = model.kafka.selected().filter(|message| kafka::is_dead(&message.topic));
    let waiting = model.kafka.letters.iter().find(|(_, count)| *count > 0);
    let ask = match (selected, waiting) {
        (Some(message), _) => {
            let at = (!all).then_some((message.partition, message.offset));
            Ask::Redrive { topic: message.topic.clone(), at }
        }
        (None, Some((topic, _))) if all => Ask::Redrive { topic: topic.clone(), at: None },
        (None, _) => return model.say("select a dead letter first", Tone::Warning),
    };
    commands.push(Command::Kafka(ask));
}

fn focus(model: &mut Model) {
    model.focus = match model.focus {
        Focus::List => Focus::Log,
        Focus::Log => Focus::List,
    };
}

fn enter(model: &mut Model, commands: &mut Vec<Command>) {
    match model.tab {
        Tab::Home if moves::is_in_log(model) => {
            let Some(line) = model.log.get(model.log.cursor).filter(|line| line::can_be_opened(&line.text)) else {
                return;
            };
            let stamp = line.stamp;
            if !model.log.opened.remove(&stamp) {
                model.log.pause();
                model.log.opened.insert(stamp);
            }
        }
        Tab::Home => model.focus = Focus::Log,
        Tab::Kafka => {
            if model.kafka.len() > 0 && !jumps::open_named(model) {
                model.say("this message belongs to no order and no trace", Tone::Plain);
            }
        }
        Tab::Orders if model.orders.opened.is_some() => {}
        Tab::Orders => jumps::selected(model).into_iter().for_each(|id| jumps::open(model, Subject::Order(id))),
        Tab::Checkout => want(model, Intent::Checkout, commands),
        Tab::Flow | Tab::Why | Tab::Boot => show(model, Tab::Home),
    }
}

/// Out of the innermost thing that one is in.
fn back(model: &mut Model, commands: &mut Vec<Command>) {
    if model.tab == Tab::Home && (model.log.mark.take().is_some() || model.log.search.take().is_some()) {
        return;
    }
    if trail::go_back(model, commands) {
        return;
    }
    if model.tab == Tab::Orders && model.orders.opened.take().is_some() {
        model.scroll = 0;
        return;
    }
    if model.tab == Tab::Checkout && view::checkout_areas(model).0.is_none() {
        model.checkout.shows_list = true;
        return;
    }
    if model.tab == Tab::Kafka && !model.kafka.filter.is_empty() {
        return model.kafka.set_filter(String::new());
    }
    if model.tab != Tab::Home {
        return show(model, Tab::Home);
    }
    if model.log.filter.only.is_some() {
        commands.push(Command::Log(model.log.set_only(None)));
    } else if model.log.filter.level.take().is_some() {
        commands.push(Command::Log(model.log.reopen()));
    } else if model.zoom {
        model.zoom = false;
    } else {
        model.focus = Focus::List;
    }
}

fn next_match(model: &mut Model, direction: Direction, commands: &mut Vec<Command>) {
    next_match_from(model, direction, false, commands);
}

pub(super) fn next_match_from(model: &mut Model, direction: Direction, from_end: bool, commands: &mut Vec<Command>) {
    let Some(search) = &model.log.search else { return model.say("`/` searches first", Tone::Plain) };
    let wanted = Wanted::Pattern(search.regex.as_str().to_owned());
    commands.push(Command::Log(model.log.find(wanted, direction, from_end)));
}

fn set_level(model: &mut Model, level: Option<Level>, commands: &mut Vec<Command>) {
    model.log.filter.level = level;
    commands.push(Command::Log(model.log.reopen()));
    model.say(format!("level: {}", level.map_or("all", Level::name)), Tone::Plain);
}

fn copy(model: &mut Model, commands: &mut Vec<Command>) {
    let lines: Vec<&str> = model.log.selected().map(|line| line.text.as_str()).collect();
    if lines.is_empty() {
        return;
    }
    let count = lines.len();
    commands.push(Command::Copy(lines.join("\n")));
    model.log.mark = None;
    model.say(format!("copied {count} line{}", if count == 1 { "" } else { "s" }), Tone::Good);
}

fn act(model: &mut Model, action: Action, resource: Option<String>, commands: &mut Vec<Command>) {
    let Some(resource) = resource.or_else(|| model.selected.clone()) else {
        return model.say("select a resource first", Tone::Warning);
    };
    let word = match action {
        Action::Start => "starting",
        Action::Stop => "stopping",
        Action::Restart => "restarting",
        Action::Kill => "killing",
        Action::Pause => "pausing",
        Action::Resume => "resuming",
    };
    model.say(format!("{word} {resource}"), Tone::Busy);
    commands.push(Command::Act { action, resource });
}

fn quit(model: &mut Model, commands: &mut Vec<Command>) {
    let phase = model.shop.phase();
    match model.options.owner {
        Owner::Attached => commands.push(Command::Quit),
        Owner::Up if model.lost || phase == Some(Phase::Down) => commands.push(Command::Quit),
        // Nothing is there yet that could be left running.
        Owner::Up if phase.is_none() => interrupt(model, commands),
        Owner::Up if phase == Some(Phase::Stopping) => {
            model.leaving = true;
            model.say("leaves once all is stopped; Ctrl-C kills", Tone::Busy);
        }
        Owner::Up => model.dialogue = Some(Dialogue::Quit),
    }
}

pub(super) fn interrupt(model: &mut Model, commands: &mut Vec<Command>) {
    model.dialogue = None;
    match model.options.owner {
        Owner::Attached => commands.push(Command::Quit),
        Owner::Up if model.lost || model.shop.phase() == Some(Phase::Down) => commands.push(Command::Quit),
        Owner::Up => stop(model, commands),
    }
}
