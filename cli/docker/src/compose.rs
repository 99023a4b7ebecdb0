//! The part of the Compose Specification that describes the shop's containers. Pure: text in, services out.
//!
//! What is not supported is refused by name and line; nothing is ever ignored.

mod document;
mod error;
mod interpolate;
mod quantity;
mod read;
mod scope;
mod service;
mod short;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use error::Error;
use scope::Scope;
pub use service::{Healthcheck, Mount, Port, Protocol, Service, Source, Test, Ulimit};

/// A Compose file with every variable filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The project's, for docker compose; to shopctl, the instance is the project.
    pub name: Option<String>,
    pub services: BTreeMap<String, Service>,
    /// The named volumes that it declares.
    pub volumes: BTreeSet<String>,
}

/// Reads a Compose file. `name` is what errors call it, `lookup` gives the values of `${VARIABLE}`.
///
/// # Errors
/// On the first thing that is wrong or not supported, with its line.
pub fn parse(name: &str, text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<File, Error> {
    let scope = Scope { file: name, lookup: &lookup, place: String::new() };
    let root = document::load(text).map_err(|(line, problem)| scope.error(line, problem))?;
    let root = root.ok_or_else(|| scope.error(1, "it is empty"))?;
    read::file(&scope, &root)
}
