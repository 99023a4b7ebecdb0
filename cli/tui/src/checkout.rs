//! Scripted checkouts: which there are, and the one that is played with its steps, as data. Somebody else plays it.

/// One that can be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    pub name: String,
    /// What it shows, in a line.
    pub about: String,
}

/// What is to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The name of a scenario or the path of its file; without one, the happy path with a real basket.
    pub story: Option<String>,
    /// What its data are drawn by.
    pub seed: Option<u64>,
}

/// What is told of it.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Those that the workspace has, or why they cannot be listed.
    Stories(Result<Vec<Story>, String>),
    Began {
        story: String,
        seed: u64,
    },
    Step(Step),
    /// `Err`: it could not even begin.
    Ended(Result<Report, String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub name: String,
    pub seconds: f64,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Held {
        detail: String,
    },
    Failed {
        expected: String,
        observed: String,
        /// Where one of both has several lines, their lines: `-` expected only, `+` observed only, else both.
        difference: Vec<(char, String)>,
        /// What was seen before, with the seconds since it was looked for.
        seen: Vec<(f64, String)>,
        /// The line of the file that says so.
        place: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub held: bool,
    pub seconds: f64,
    pub order: Option<i64>,
    /// What happened to its orders, where something failed.
    pub moments: Vec<Moment>,
    /// The command that plays the same again.
    pub again: String,
}

/// Something that happened to an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    pub order: i64,
    /// Since the story began.
    pub seconds: f64,
    /// Who knows of it.
    pub source: String,
    pub what: String,
}

#[derive(Debug, Default)]
pub(crate) struct Checkout {
    pub(crate) stories: Vec<Story>,
    /// Why there are none.
    pub(crate) unlisted: Option<String>,
    /// Somebody was asked for them.
    pub(crate) asked: bool,
    /// Of the list, in which the happy path comes first.
    pub(crate) selected: usize,
    pub(crate) seed: Option<u64>,
    /// What is played, or was, with its seed.
    pub(crate) story: Option<(String, u64)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) runs: bool,
    pub(crate) end: Option<Result<Report, String>>,
    /// Where there is no room for both, the list is shown and not what is played.
    pub(crate) shows_list: bool,
}

impl Checkout {
    pub(crate) fn take(&mut self, news: News) {
        match news {
            News::Stories(Ok(stories)) => (self.stories, self.unlisted) = (stories, None),
            News::Stories(Err(why)) => self.unlisted = Some(why),
            News::Began { story, seed } => {
                (self.story, self.runs, self.end) = (Some((story, seed)), true, None);
                self.steps.clear();
            }
            News::Step(step) => self.steps.push(step),
            News::Ended(end) => (self.runs, self.end) = (false, Some(end)),
        }
    }

    /// The one with the cursor.
    pub(crate) fn wish(&self) -> Wish {
        let story = self.selected.checked_sub(1).and_then(|index| self.stories.get(index));
        Wish { story: story.map(|story| story.name.clone()), seed: self.seed }
    }

    pub(crate) fn is_idle(&self) -> bool {
        !self.runs && self.end.is_none()
    }

    pub(crate) fn step(&mut self, by: isize) {
        self.selected = self.selected.saturating_add_signed(by).min(self.stories.len());
        self.shows_list = true;
    }

    /// The order that was made.
    pub(crate) fn order(&self) -> Option<i64> {
        self.end.as_ref()?.as_ref().ok()?.order
    }
}
