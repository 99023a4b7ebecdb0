//! YAML as a tree that knows its lines, with anchors and merge keys resolved.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// Nested deeper than any Compose file; what walks the tree may recurse.
const DEEPEST: usize = 64;
/// Aliases of aliases grow without bound in little text.
const MOST_NODES: usize = 100_000;

#[derive(Debug, Clone)]
pub(super) struct Node {
    /// From 1 on.
    pub(super) line: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// `plain` is text without quotes, which YAML may take for something other than text.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) line: usize,
    pub(super) name: String,
}

/// What is wrong, and in which line.
type Problem = (usize, String);

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Map(pairs) => pairs.iter().map(|(_, value)| 1 + value.size()).sum(),
        }
    }
}

/// A list or map that is not complete yet.
struct Open {
    line: usize,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { pairs: Vec<(Key, Node)>, merged: Vec<Node>, key: Option<Key> },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

/// The one document of a text; an empty text has none.
pub(super) fn load(text: &str) -> Result<Option<Node>, Problem> {
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| (line_of(error.marker()), error.info().to_owned()))?;
        builder.take(event, line_of(&span.start))?;
    }
    Ok(builder.root)
}

fn line_of(marker: &Marker) -> usize {
    marker.line().max(1)
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Problem> {
        match event {
            Event::Scalar(_, _, _, Some(tag))
            | Event::SequenceStart(_, Some(tag))
            | Event::MappingStart(_, Some(tag)) => Err((line, format!("the tag {tag} is not supported here"))),
            Event::Scalar(text, style, anchor, None) => {
                let kind = Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                self.add(Node { line, kind }, anchor)
            }
            Event::Alias(anchor) => {
                let mut node = self.anchors.get(&anchor).cloned().ok_or((line, "an alias of itself".to_owned()))?;
                // Scalars and lists are told by where they are used; what a map's keys say stands at the anchor.
                node.line = line;
                self.nodes += node.size();
                if self.nodes > MOST_NODES {
                    return Err((line, "its aliases grow beyond all bounds".into()));
                }
                self.add(node, 0)
            }
            Event::SequenceStart(anchor, None) => self.push(line, anchor, OpenKind::List(Vec::new())),
            Event::MappingStart(anchor, None) => {
                self.push(line, anchor, OpenKind::Map { pairs: Vec::new(), merged: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::DocumentStart(_) if self.root.is_some() => Err((line, "there is a second document".into())),
            Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => {
                Ok(())
            }
        }
    }

    fn push(&mut self, line: usize, anchor: usize, kind: OpenKind) -> Result<(), Problem> {
        if self.open.len() == DEEPEST {
            return Err((line, format!("it is nested deeper than {DEEPEST} levels")));
        }
        self.open.push(Open { line, anchor, kind });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(Open { line, anchor, kind }) = self.open.pop() else { return Ok(()) };
        let kind = match kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map { mut pairs, merged, key: _ } => {
                for map in merged {
                    merge(&mut pairs, map)?;
                }
                Kind::Map(pairs)
            }
        };
        self.add(Node { line, kind }, anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { pairs, merged, key } => match key.take() {
                Some(key) if key.name == "<<" => merged.push(node),
                Some(key) => pairs.push((key, node)),
                None => {
                    let Kind::Scalar { text, .. } = node.kind else {
                        return Err((node.line, "a key must be text".into()));
                    };
                    if let Some((first, _)) = pairs.iter().find(|(key, _)| key.name == text) {
                        return Err((node.line, format!("{text:?} stands twice, first in line {}", first.line)));
                    }
                    *key = Some(Key { line: node.line, name: text });
                }
            },
        }
        Ok(())
    }
}

/// Own keys count before merged ones, and earlier merged ones before later ones.
fn merge(pairs: &mut Vec<(Key, Node)>, map: Node) -> Result<(), Problem> {
    match map.kind {
        Kind::Map(merged) => {
            for (key, value) in merged {
                if pairs.iter().all(|(own, _)| own.name != key.name) {
                    pairs.push((key, value));
                }
            }
            Ok(())
        }
        Kind::List(maps) => maps.into_iter().try_for_each(|map| merge(pairs, map)),
        Kind::Scalar { .. } => Err((map.line, "\"<<\" merges maps only".into())),
    }
}
