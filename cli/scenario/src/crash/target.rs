use std::{collections::BTreeSet, fmt};

use serde::{Serialize, Serializer};

use crate::points;

/// Who is struck, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// A service.
    pub resource: &'static str,
    pub blow: Blow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// `kill -9` at any moment.
    Kill,
    /// It dies when it comes to this point of its code.
    Point(&'static str),
}

/// No target has this in its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing can be struck at {word:?}{}", .similar.as_ref().map(|name| format!(": is it {name}?")).unwrap_or_default())]
pub struct Unknown {
    word: String,
    similar: Option<String>,
}

/// All that checkouts come to. What only a repair, an import or poison comes to is left to the services' own tests.
fn all() -> impl Iterator<Item = Target> {
    points::of_checkouts().flat_map(|(resource, points)| {
        let blows = std::iter::once(Blow::Kill).chain(points.iter().copied().map(Blow::Point));
        blows.map(move |blow| Target { resource, blow })
    })
}

/// Those that any of the words is about (`order`, `kill`, `create-before-commit`, `order.create-before-commit`); without
/// words all.
///
/// # Errors
/// When a word is about none.
pub fn select(words: &[String]) -> Result<Vec<Target>, Unknown> {
    if words.is_empty() {
        return Ok(all().collect());
    }
    let mut chosen = BTreeSet::new();
    for word in words {
        let found: Vec<Target> = all().filter(|target| target.is_meant_by(word)).collect();
        if found.is_empty() {
            let names = all().flat_map(|target| [target.to_string(), target.blow.word().to_owned()]);
            let near = names.map(|name| (strsim::jaro_winkler(&name, word), name)).filter(|(near, _)| *near > 0.8);
            let similar = near.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name);
            return Err(Unknown { word: word.clone(), similar });
        }
        chosen.extend(found);
    }
    Ok(chosen.into_iter().collect())
}

impl Target {
    fn is_meant_by(self, word: &str) -> bool {
        [self.resource, self.blow.word(), &self.to_string()].contains(&word)
    }

    /// Only who registers comes to account.
    pub(super) fn wants_newcomers(self) -> bool {
        self.resource == "account"
    }

    /// Only who changes a product comes to what publishes it, and to what else than orders payment hears of.
    pub(super) fn wants_news(self) -> bool {
        self.resource == "product" || self.resource == "payment" && self.blow.word().starts_with("consumer-")
    }
}

impl Blow {
    pub fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Point(name) => name,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.resource, self.blow.word())
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        select(&words).unwrap_or_else(|error| panic!("{error}")).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_means_a_service_a_kind_of_blow_or_one_of_both() {
        assert_eq!(names(&["account"]).len(), 3);
        assert_eq!(names(&["kill"]).len(), 6);
        assert_eq!(names(&["relay-before-mark"]), ["order.relay-before-mark", "product.relay-before-mark"]);
        assert_eq!(names(&["order.kill", "order.kill", "gateway"]), ["gateway.kill", "order.kill"]);
        assert_eq!(names(&[]).len(), all().count());
    }

    #[test]
    fn a_word_that_means_nothing_is_told_with_what_may_have_been_meant() {
        let error = select(&["order.create-befor-commit".to_owned()]).expect_err("there is none");
        assert!(error.to_string().contains("is it order.create-before-commit?"), "{error}");
        assert!(select(&["zebra".to_owned()]).is_err());
    }
}
