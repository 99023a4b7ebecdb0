//! What happens at a named point of a service's code, in the grammar of the crate `fail`: `[P%][N*]TASK`, and several of
//! them by `->`, of which the first that applies is done.

use std::{fmt, str::FromStr};

/// Ends the name of a binary that has such points in it.
pub const SUFFIX: &str = "-failpoints";

/// What happens at one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Action(Vec<Link>);

#[derive(Debug, Clone, PartialEq)]
struct Link {
    /// How often of a hundred times; always if nothing is said.
    percent: Option<f32>,
    /// How often at most; for ever if nothing is said.
    count: Option<u64>,
    task: Task,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Nothing: `9*off->abort` spares the first nine.
    Off,
    /// The process is gone, as by `kill -9`.
    Abort,
    /// The task that came here is.
    Panic,
    /// It waits so many milliseconds.
    Delay(u64),
    /// It waits until something else is set.
    Pause,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is nothing that a failpoint does: it knows abort, delay(MILLISECONDS), pause, panic and off")]
    Task(String),
    #[error("{0}% is no share from 0 to 100")]
    Percent(String),
    #[error("{0:?} is no count, as in 3*abort")]
    Count(String),
}

/// A point and its action, where what is told of a resource's faults is one (`create-before-commit=1*abort`).
#[must_use]
pub fn told(fault: &str) -> Option<(&str, &str)> {
    fault.split_once('=').filter(|(_, action)| action.parse::<Action>().is_ok())
}

impl Action {
    /// What is left to do after the process has died here; nothing if that was the last time.
    #[must_use]
    pub fn after_death(&self) -> Option<Self> {
        let died = self.0.iter().position(|link| link.task == Task::Abort)?;
        let mut left = Vec::new();
        for (place, link) in self.0.iter().enumerate() {
            match (place.cmp(&died), link.count) {
                // It was used up, or the process would not have died.
                (std::cmp::Ordering::Less, Some(_)) | (std::cmp::Ordering::Equal, Some(0 | 1)) => {}
                (std::cmp::Ordering::Equal, Some(count)) => left.push(Link { count: Some(count - 1), ..link.clone() }),
                (_, _) => left.push(link.clone()),
            }
        }
        left.iter().any(|link| link.task != Task::Off).then_some(Self(left))
    }

    /// As the crate `fail` reads it, which knows no `abort`, and whose `delay` keeps a core busy.
    #[must_use]
    pub fn for_service(&self) -> String {
        self.spelt(|task| match task {
            Task::Abort => "return".to_owned(),
            Task::Delay(time) => format!("sleep({time})"),
            Task::Off | Task::Panic | Task::Pause => task.to_string(),
        })
    }

    fn spelt(&self, word: impl Fn(Task) -> String) -> String {
        let spelt = |Link { percent, count, task }: &Link| {
            let percent = percent.map_or_else(String::new, |percent| format!("{percent}%"));
            let count = count.map_or_else(String::new, |count| format!("{count}*"));
            format!("{percent}{count}{}", word(*task))
        };
        self.0.iter().map(spelt).collect::<Vec<_>>().join("->")
    }
}

impl FromStr for Action {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.split("->").map(|link| link.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Link {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (percent, rest) = match text.split_once('%') {
            Some((percent, rest)) => {
                let share = percent.parse().ok().filter(|share| (0.0..=100.0).contains(share));
                (Some(share.ok_or_else(|| Error::Percent(percent.to_owned()))?), rest)
            }
            None => (None, text),
        };
        let (count, task) = match rest.split_once('*') {
            Some((count, rest)) => (Some(count.parse().map_err(|_| Error::Count(count.to_owned()))?), rest),
            None => (None, rest),
        };
        Ok(Self { percent, count, task: task.parse()? })
    }
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let time = text.strip_prefix("delay(").and_then(|rest| rest.strip_suffix(')'));
        match (text, time.map(str::parse)) {
            ("off", _) => Ok(Self::Off),
            ("abort", _) => Ok(Self::Abort),
            ("panic", _) => Ok(Self::Panic),
            ("pause", _) => Ok(Self::Pause),
            (_, Some(Ok(time))) => Ok(Self::Delay(time)),
            (_, Some(Err(_)) | None) => Err(Error::Task(text.to_owned())),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Abort => f.write_str("abort"),
            Self::Panic => f.write_str("panic"),
            Self::Pause => f.write_str("pause"),
            Self::Delay(time) => write!(f, "delay({time})"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelt(|task| task.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(text: &str) -> Action {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_action_is_told_as_it_was_given_and_handed_on_as_the_crate_reads_it() {
        for (given, handed_on) in [
            ("abort", "return"),
            ("12.5%3*abort", "12.5%3*return"),
            ("9*off->1*abort", "9*off->1*return"),
            ("delay(250)", "sleep(250)"),
            ("2*pause->panic", "2*pause->panic"),
        ] {
            assert_eq!((action(given).to_string(), action(given).for_service()), (given.into(), handed_on.into()));
        }
    }

    #[test]
    fn a_point_is_told_from_other_faults() {
        assert_eq!(told("relay-before-mark=9*off->1*abort"), Some(("relay-before-mark", "9*off->1*abort")));
        assert_eq!([told("paused"), told("order -> product: latency 200ms"), told("a=b")], [None; 3]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_there_is() {
        for wrong in
            ["", "kill", "delay", "delay(x)", "delay(1", "return", "101%abort", "x%abort", "x*abort", "abort->"]
        {
            assert!(wrong.parse::<Action>().is_err(), "{wrong}");
        }
        let why = "kill".parse::<Action>().expect_err("there is no such task").to_string();
        assert!(why.contains("abort"), "{why}");
    }

    #[test]
    fn a_death_counts_over_the_lives_of_a_process() {
        for (before, after) in [
            ("abort", Some("abort")),
            ("1*abort", None),
            ("3*abort", Some("2*abort")),
            ("9*off->2*abort", Some("1*abort")),
            ("9*off->1*abort->delay(5)", Some("delay(5)")),
            ("50%off->abort", Some("50%off->abort")),
            ("9*off->1*abort->off", None),
            ("delay(5)", None),
        ] {
            let left = action(before).after_death();
            assert_eq!(left.map(|left| left.to_string()).as_deref(), after, "{before}");
        }
    }
}
