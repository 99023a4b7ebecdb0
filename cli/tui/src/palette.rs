//! The palette: every command by its name, those about single resources with each of their names.

use shopctl_protocol::Action;

use crate::{
    action::{BINDINGS, Intent},
    log::Level,
    model::{Model, Tab},
};

/// A command with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) key: String,
    pub(crate) intent: Intent,
}

/// All commands, the general ones first.
fn all(model: &Model) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |name: String, help: String, key: String, intent| entries.push(Entry { name, help, key, intent });
    for tab in Tab::ALL {
        add(format!("view {}", tab.name()), String::new(), tab.digit().to_string(), Intent::Show(tab));
    }
    for binding in BINDINGS {
        add(binding.name.to_owned(), binding.help.to_owned(), binding.label.to_owned(), binding.intent.clone());
    }
    for story in &model.checkout.stories {
        let intent = Intent::Story(story.name.clone());
        add(format!("play {}", story.name), story.about.clone(), String::new(), intent);
    }
    for level in Level::ALL {
        add(format!("level {}", level.name()), String::new(), String::new(), Intent::Level(Some(level)));
    }
    add("level all".to_owned(), String::new(), String::new(), Intent::Level(None));
    add("log all".to_owned(), "everything, by time".to_owned(), String::new(), Intent::Select(None));
    for name in model.listed() {
        add(format!("log {name}"), String::new(), String::new(), Intent::Select(Some(name.to_owned())));
    }
    let actions = [
        ("restart", Action::Restart),
        ("start", Action::Start),
        ("stop", Action::Stop),
        ("kill", Action::Kill),
        ("pause", Action::Pause),
        ("resume", Action::Resume),
    ];
    for (word, action) in actions {
        for name in model.listed() {
            let intent = Intent::Act(action, Some(name.to_owned()));
            add(format!("{word} {name}"), String::new(), String::new(), intent);
        }
    }
    entries
}

/// Those that fit what was typed, the best ones first.
pub(crate) fn fitting(model: &Model, typed: &str) -> Vec<Entry> {
    let typed = typed.trim().to_lowercase();
    let rank = |entry: &Entry| {
        let name = entry.name.to_lowercase();
        if name.starts_with(&typed) {
            Some(0)
        } else if name.split(' ').any(|word| word.starts_with(&typed)) {
            Some(1)
        } else if name.contains(&typed) {
            Some(2)
        } else {
            is_within(&typed, &name).then_some(3)
        }
    };
    let mut fitting: Vec<(u8, Entry)> =
        all(model).into_iter().filter_map(|entry| Some((rank(&entry)?, entry))).collect();
    fitting.sort_by_key(|(rank, _)| *rank);
    fitting.into_iter().map(|(_, entry)| entry).collect()
}

/// Whether the letters of `short` stand in `long` in this order.
fn is_within(short: &str, long: &str) -> bool {
    let mut rest = long.chars();
    short.chars().filter(|c| *c != ' ').all(|wanted| rest.any(|c| c == wanted))
}

/// What Tab makes of what was typed: as much as all that begin with it have in common.
pub(crate) fn completed(model: &Model, typed: &str) -> Option<String> {
    let fitting = fitting(model, typed);
    let beginning: Vec<&str> =
        fitting.iter().map(|entry| entry.name.as_str()).filter(|name| name.starts_with(typed)).collect();
    let (first, rest) = beginning.split_first()?;
    let mut common = (*first).to_owned();
    while !rest.iter().all(|name| name.starts_with(&common)) {
        common.pop();
    }
    (common.len() > typed.len()).then_some(common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Colours, Options, Owner};

    #[test]
    fn everything_that_keys_have_is_in_the_palette_and_found_by_its_name() {
        let options = Options { instance: String::new(), owner: Owner::Up, colours: Colours::None, ascii: true };
        let model = Model::new(options, 80, 24);
        for binding in BINDINGS {
            let found = fitting(&model, binding.name);
            assert!(found.iter().any(|entry| entry.intent == binding.intent), "{}", binding.name);
            assert_eq!(found[0].intent, binding.intent, "{} is not the first that its name finds", binding.name);
        }
        for tab in Tab::ALL {
            assert_eq!(fitting(&model, &format!("view {}", tab.name()))[0].intent, Intent::Show(tab));
        }
    }
}
