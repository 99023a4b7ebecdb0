//! Where in a file is being read: errors say it, values are filled in on the way.

use std::time::Duration;

use super::{
    Error,
    document::{Key, Kind, Node},
    interpolate, quantity,
};

/// A file, and a place in it: `service kafka: ` or nothing.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) file: &'a str,
    pub(super) lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(super) place: String,
}

impl Scope<'_> {
    pub(super) fn at(&self, place: impl Into<String>) -> Self {
        Self { place: place.into(), ..self.clone() }
    }

    pub(super) fn error(&self, line: usize, problem: impl AsRef<str>) -> Error {
        let problem = format!("{}{}", self.place, problem.as_ref());
        Error { file: self.file.to_owned(), line, problem, hint: None }
    }

    /// A key that is not among `known`: what came close is suggested.
    pub(super) fn unknown(&self, key: &Key, known: &[&str]) -> Error {
        let likeness = |other: &str| strsim::jaro_winkler(&key.name, other);
        let near = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = match near.filter(|near| likeness(near) > 0.85) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("supported are {}", known.join(", ")),
        };
        Error { hint: Some(hint), ..self.error(key.line, format!("{:?} is not supported here", key.name)) }
    }

    pub(super) fn map<'n>(&self, key: &str, node: &'n Node) -> Result<&'n [(Key, Node)], Error> {
        match &node.kind {
            Kind::Map(pairs) => Ok(pairs),
            Kind::Scalar { .. } | Kind::List(_) => Err(self.error(node.line, format!("{key:?} must be a map"))),
        }
    }

    /// Text, filled in. Null is none.
    pub(super) fn text(&self, key: &str, node: &Node) -> Result<String, Error> {
        match &node.kind {
            Kind::Scalar { text, .. } if !node.is_null() => interpolate::fill(text, self.lookup)
                .map_err(|problem| self.error(node.line, format!("{key:?}: {problem}"))),
            Kind::Scalar { .. } | Kind::List(_) | Kind::Map(_) => {
                Err(self.error(node.line, format!("{key:?} must be text")))
            }
        }
    }

    pub(super) fn parsed<T>(
        &self,
        key: &str,
        node: &Node,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Error> {
        let text = self.text(key, node)?;
        parse(&text).ok_or_else(|| self.error(node.line, format!("{key:?}: {text:?} is not {wanted}")))
    }

    pub(super) fn bytes(&self, key: &str, node: &Node) -> Result<u64, Error> {
        // The daemon counts with a sign.
        let fits = |text: &str| quantity::bytes(text).filter(|bytes| i64::try_from(*bytes).is_ok());
        self.parsed(key, node, "a size such as 64mb", fits)
    }

    pub(super) fn duration(&self, key: &str, node: &Node) -> Result<Duration, Error> {
        self.parsed(key, node, "a duration such as 1m30s", quantity::duration)
    }

    pub(super) fn flag(&self, key: &str, node: &Node) -> Result<bool, Error> {
        self.parsed(key, node, "true or false", |text| text.parse().ok())
    }

    /// One text or a list of them.
    pub(super) fn texts(&self, key: &str, node: &Node) -> Result<Vec<String>, Error> {
        match &node.kind {
            Kind::List(items) => items.iter().map(|item| self.text(key, item)).collect(),
            Kind::Scalar { .. } | Kind::Map(_) => Ok(vec![self.text(key, node)?]),
        }
    }

    /// A command line: a list, or text that is split as a shell would.
    pub(super) fn words(&self, key: &str, node: &Node) -> Result<Vec<String>, Error> {
        let words = match &node.kind {
            Kind::List(_) => self.texts(key, node)?,
            Kind::Scalar { .. } | Kind::Map(_) => self.parsed(key, node, "a command line", shlex::split)?,
        };
        if words.is_empty() {
            return Err(self.error(node.line, format!("{key:?} is empty; leave it out to keep the image's own")));
        }
        Ok(words)
    }
}
