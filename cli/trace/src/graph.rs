//! Who speaks with whom: as declared, as observed, and where the two differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::Serialize;

use crate::{
    facts::Missing,
    moment::{Stamp, Took},
};

/// What `shopctl graph --format json` prints. Fields may be added; those that are there keep their meaning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Graph {
    /// Of this form: 1.
    pub version: u32,
    pub nodes: Vec<Node>,
    /// By hop, then by name.
    pub edges: Vec<Edge>,
    /// Whether spans tell what is used: without them no edge is said to be unused.
    pub observed: bool,
    /// What could not be observed.
    pub missing: Vec<Missing>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    pub name: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Service,
    /// A database, or another piece of infrastructure.
    Store,
    Topic,
    /// It was seen, and nobody in the manifest has this name.
    Unknown,
}

/// What goes from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Hop {
    /// From a service to a service.
    Call,
    /// From a service to a database.
    Query,
    /// From a service to a topic.
    Publish,
    /// From a topic to a service.
    Consume,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub hop: Hop,
    pub declared: bool,
    /// How it was used, if it was.
    pub used: Option<Used>,
    pub verdict: Verdict,
}

/// How often, how fast and how well. What is null nobody has measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Used {
    pub count: Option<u64>,
    pub errors: Option<u64>,
    pub p50: Option<Took>,
    pub p99: Option<Took>,
    pub last: Option<Stamp>,
    /// Records that a group has not dealt with.
    pub lag: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Declared, and used if anybody has looked.
    Fine,
    /// Used, and nobody has declared it.
    Undeclared,
    /// Declared, and never seen in use.
    Unused,
}

/// An edge as somebody declares or has seen it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub from: String,
    pub to: String,
    pub hop: Hop,
    /// Of what was seen.
    pub used: Used,
}

impl Graph {
    /// `observed`: whether all that was used is among `found`.
    #[must_use]
    pub fn new(
        nodes: &[(String, Kind)],
        declared: &[(String, String, Hop)],
        (found, observed): (Vec<Found>, bool),
        missing: Vec<Missing>,
    ) -> Self {
        let mut edges: BTreeMap<(Hop, String, String), (bool, Option<Used>)> = BTreeMap::new();
        for (from, to, hop) in declared {
            edges.insert((*hop, from.clone(), to.clone()), (true, None));
        }
        for Found { from, to, hop, used } in found {
            let (_, known) = edges.entry((hop, from, to)).or_insert((false, None));
            *known = Some(known.take().map_or(used.clone(), |known| known.and(used)));
        }
        let read: BTreeSet<(&str, &str)> = declared
            .iter()
            .filter(|(_, _, hop)| *hop == Hop::Consume)
            .map(|(topic, service, _)| (topic.as_str(), service.as_str()))
            .collect();
        let edges: Vec<Edge> = edges
            .into_iter()
            .map(|((hop, from, to), (declared, used))| {
                let declared = declared || needs_no_word(hop, &from, &to, &read);
                let verdict = match (declared, &used) {
                    (false, _) => Verdict::Undeclared,
                    (true, None) if observed => Verdict::Unused,
                    (true, _) => Verdict::Fine,
                };
                Edge { from, to, hop, declared, used, verdict }
            })
            .collect();
        let mut kinds: BTreeMap<&str, Kind> = edges
            .iter()
            .flat_map(|edge| match edge.hop {
                Hop::Call => [(edge.from.as_str(), Kind::Unknown), (edge.to.as_str(), Kind::Unknown)],
                Hop::Query => [(edge.from.as_str(), Kind::Unknown), (edge.to.as_str(), Kind::Store)],
                Hop::Publish => [(edge.from.as_str(), Kind::Unknown), (edge.to.as_str(), Kind::Topic)],
                Hop::Consume => [(edge.from.as_str(), Kind::Topic), (edge.to.as_str(), Kind::Unknown)],
            })
            .collect();
        kinds.extend(nodes.iter().map(|(name, kind)| (name.as_str(), *kind)));
        let nodes = kinds.into_iter().map(|(name, kind)| Node { name: name.to_owned(), kind }).collect();
        Self { version: 1, nodes, edges, observed, missing }
    }

    /// A diagram in Mermaid's words.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (at, node) in self.nodes.iter().enumerate() {
            let name = quoted(&node.name, "#quot;");
            let _ = match node.kind {
                Kind::Service | Kind::Unknown => writeln!(text, "  n{at}[\"{name}\"]"),
                Kind::Store => writeln!(text, "  n{at}[(\"{name}\")]"),
                Kind::Topic => writeln!(text, "  n{at}[/\"{name}\"/]"),
            };
        }
        for edge in &self.edges {
            let (arrow, label) = match edge.verdict {
                Verdict::Fine => ("-->", label(edge)),
                Verdict::Undeclared => ("==>", format!("undeclared {}", label(edge)).trim_end().to_owned()),
                Verdict::Unused => ("-.->", "unused".to_owned()),
            };
            let label = if label.is_empty() { String::new() } else { format!("|\"{label}\"|") };
            let _ = writeln!(text, "  n{} {arrow}{label} n{}", self.place(&edge.from), self.place(&edge.to));
        }
        text
    }

    /// A diagram for Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        let mut text = "digraph shop {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n".to_owned();
        for node in &self.nodes {
            let shape = match node.kind {
                Kind::Service => "box",
                Kind::Store => "cylinder",
                Kind::Topic => "cds",
                Kind::Unknown => "ellipse",
            };
            let _ = writeln!(text, "  \"{}\" [shape={shape}];", quoted(&node.name, "\\\""));
        }
        for edge in &self.edges {
            let style = match edge.verdict {
                Verdict::Fine => "solid",
                Verdict::Undeclared => "bold, color=red",
                Verdict::Unused => "dashed, color=gray",
            };
            let (from, to) = (quoted(&edge.from, "\\\""), quoted(&edge.to, "\\\""));
            let _ = writeln!(text, "  \"{from}\" -> \"{to}\" [style={style}, label=\"{}\"];", label(edge));
        }
        text.push_str("}\n");
        text
    }

    fn place(&self, name: &str) -> usize {
        self.nodes.iter().position(|node| node.name == name).unwrap_or_default()
    }
}

impl Used {
    /// Two that have looked at the same edge: what one does not know the other may.
    fn and(self, other: Self) -> Self {
        Self {
            count: self.count.or(other.count),
            errors: self.errors.or(other.errors),
            p50: self.p50.or(other.p50),
            p99: self.p99.or(other.p99),
            last: self.last.max(other.last),
            lag: self.lag.or(other.lag),
        }
    }
}

/// Whoever calls itself need not say so, nor who refuses what it reads; `read`: topics with those who read them.
fn needs_no_word(hop: Hop, from: &str, to: &str, read: &BTreeSet<(&str, &str)>) -> bool {
    from == to || (hop == Hop::Publish && to.strip_suffix(".dlt").is_some_and(|topic| read.contains(&(topic, from))))
}

fn label(edge: &Edge) -> String {
    edge.used.as_ref().and_then(|used| used.count).map(|count| format!("{count}x")).unwrap_or_default()
}

/// Names may be anybody's words: neither ends the text that it stands in.
fn quoted(name: &str, quote: &str) -> String {
    name.chars()
        .map(|c| match c {
            '"' => quote.to_owned(),
            '\\' | '<' | '>' | '#' => String::from("_"),
            c if c.is_control() => String::from("_"),
            c => c.to_string(),
        })
        .collect()
}
