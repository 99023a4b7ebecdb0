//! What keys do while something is in front of the view and asks.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use regex::Regex;

use super::{
    jumps,
    keys::{next_match_from, play, want},
    stop,
};
use crate::{
    action::{self, Intent},
    checkout::Wish,
    dialogue::{Dialogue, Input, Prompt},
    log::{Direction, Request, Search},
    model::Model,
    msg::Command,
    palette,
    subject::{Subject, TraceId},
    theme::Tone,
};

pub(super) fn paste(model: &mut Model, text: &str) {
    if let Some(Dialogue::Prompt(_, input) | Dialogue::Palette { input, .. }) = &mut model.dialogue {
        input.insert(text);
    }
}

pub(super) fn answer(model: &mut Model, dialogue: Dialogue, key: KeyEvent, commands: &mut Vec<Command>) {
    match dialogue {
        Dialogue::Quit => match key.code {
            KeyCode::Char('s' | 'y') | KeyCode::Enter => stop(model, commands),
            KeyCode::Char('l') => commands.extend([Command::Release, Command::Quit]),
            KeyCode::Esc | KeyCode::Char('n' | 'q') => {}
            _ => model.dialogue = Some(Dialogue::Quit),
        },
        Dialogue::Help { scroll } => {
            let page = usize::from(model.size.height).saturating_sub(4).max(1);
            let scroll = match action::of(key) {
                Some(Intent::Down) => scroll + 1,
                Some(Intent::Up) => scroll.saturating_sub(1),
                Some(Intent::PageDown) => scroll + page,
                Some(Intent::PageUp) => scroll.saturating_sub(page),
                _ => return,
            };
            let most = crate::view::help_rows(model).saturating_sub(page);
            model.dialogue = Some(Dialogue::Help { scroll: scroll.min(most) });
        }
        Dialogue::Prompt(prompt, mut input) => match key.code {
            KeyCode::Enter => entered(model, prompt, input.text, commands),
            KeyCode::Esc => {}
            _ => {
                input.edit(key);
                model.dialogue = Some(Dialogue::Prompt(prompt, input));
            }
        },
        Dialogue::Palette { mut input, chosen } => {
            let fitting = palette::fitting(model, &input.text);
            let last = fitting.len().saturating_sub(1);
            let chosen = match key.code {
                KeyCode::Enter => {
                    if let Some(entry) = fitting.into_iter().nth(chosen) {
                        want(model, entry.intent, commands);
                    }
                    return;
                }
                KeyCode::Esc => return,
                KeyCode::Up => chosen.saturating_sub(1),
                KeyCode::Down => (chosen + 1).min(last),
                KeyCode::Tab => {
                    let whole = fitting.get(chosen).map(|entry| entry.name.clone());
                    if let Some(text) = palette::completed(model, &input.text).or(whole) {
                        input = Input::new(text);
                    }
                    0
                }
                _ if input.edit(key) => 0,
                _ => chosen,
            };
            model.dialogue = Some(Dialogue::Palette { input, chosen });
        }
    }
}

fn entered(model: &mut Model, prompt: Prompt, text: String, commands: &mut Vec<Command>) {
    match prompt {
        Prompt::Search if text.is_empty() => model.log.search = None,
        Prompt::Search => {
            let Some(regex) = regex(model, &text) else { return };
            model.log.search = Some(Search { pattern: text, regex, count: None });
            model.log.pause();
            next_match_from(model, Direction::Older, true, commands);
        }
        Prompt::Only => {
            let only = if text.is_empty() { None } else { regex(model, &text).map(|regex| regex.as_str().to_owned()) };
            if only.is_some() || text.is_empty() {
                commands.push(Command::Log(model.log.set_only(only)));
            }
        }
        Prompt::Messages => model.kafka.set_filter(text),
        Prompt::Seed if text.trim().is_empty() => model.checkout.seed = None,
        Prompt::Seed => match text.trim().parse() {
            Ok(seed) => model.checkout.seed = Some(seed),
            Err(_) => model.say("a seed is a whole number", Tone::Bad),
        },
        Prompt::Story if text.trim().is_empty() => {}
        Prompt::Story => {
            play(model, Wish { story: Some(text.trim().to_owned()), seed: model.checkout.seed }, commands);
        }
        Prompt::Order if text.trim().is_empty() => {}
        Prompt::Order => {
            let order = text.trim().parse().map(Subject::Order).ok();
            match order.or_else(|| TraceId::parse(text.trim()).map(Subject::Trace)) {
                Some(subject) => jumps::open(model, subject),
                None => model.say("an order has a number, a trace 32 hexadecimal digits", Tone::Bad),
            }
        }
        Prompt::Save if text.is_empty() => {}
        Prompt::Save => {
            let (source, filter) = (model.log.source.clone(), model.log.filter.clone());
            commands.push(Command::Log(Request::Save { source, filter, path: text }));
        }
    }
}

/// Small letters also find capital ones.
fn regex(model: &mut Model, pattern: &str) -> Option<Regex> {
    let whole = if pattern.chars().any(char::is_uppercase) { pattern.to_owned() } else { format!("(?i){pattern}") };
    match Regex::new(&whole) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let why = error.to_string();
            model.say(why.lines().last().unwrap_or_default(), Tone::Bad);
            None
        }
    }
}
