//! What the logs say about what is opened. They are asked again whenever they may say more.

use std::time::Duration;

use crate::{
    log::{Line, Request},
    subject::Subject,
};

/// Between two questions about something that still goes on.
const PERIOD: Duration = Duration::from_secs(2);

/// What is to be asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) about: Subject,
    pub(crate) pattern: String,
    /// Nothing can be older: nanoseconds since 1970.
    pub(crate) since: u64,
    /// Counts up as more is heard from others.
    pub(crate) heard: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Mentions {
    asked: Option<Wish>,
    /// By the clock of messages.
    at: Duration,
    lines: Vec<Line>,
}

impl Mentions {
    /// The question that is due. `goes_on`: more lines are written all the time.
    pub(crate) fn ask(&mut self, wish: Wish, goes_on: bool, now: Duration) -> Option<Request> {
        let is_due = goes_on && now.saturating_sub(self.at) >= PERIOD;
        if self.asked.as_ref() == Some(&wish) && !is_due {
            return None;
        }
        if !self.is_about(wish.about) {
            self.lines.clear();
        }
        let request = Request::Mentions { about: wish.about, pattern: wish.pattern.clone(), since: wish.since };
        (self.asked, self.at) = (Some(wish), now);
        Some(request)
    }

    pub(crate) fn take(&mut self, about: Subject, lines: Vec<Line>) {
        if self.is_about(about) {
            self.lines = lines;
        }
    }

    pub(crate) fn of(&self, about: Subject) -> &[Line] {
        if self.is_about(about) { &self.lines } else { &[] }
    }

    fn is_about(&self, about: Subject) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.about == about)
    }
}
