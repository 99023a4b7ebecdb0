//! The part of a manifest that one `up` runs, with its edges in both directions.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{Condition, Kind, Manifest, Only, Probe, Restart, Rhythm, Stop};

/// A resource of one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(usize);

/// Which part of a manifest is wanted, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// These and what they need; all if empty.
    pub resources: Vec<String>,
    /// Leave out what belongs to the build.
    pub skip_build: bool,
    /// Services that somebody else runs.
    pub external: Vec<String>,
    /// With what is only part of an `up --watch`.
    pub watch: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("there is no resource {name}; there are {}", .known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    #[error("{0} cannot be external: only a service with a probe can")]
    NotExternal(String),
}

/// Who brings a resource to life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A process of shopctl's.
    Launched,
    /// Counted as completed without running.
    Skipped,
    /// Runs elsewhere; only probed.
    External,
}

/// What the machine has to know of a readiness probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probing {
    pub rhythm: Rhythm,
    /// Whether it goes on once the resource is ready.
    pub repeats: bool,
}

impl Probing {
    fn of(probe: &Probe) -> Self {
        Self { rhythm: probe.rhythm, repeats: probe.check.repeats() }
    }
}

#[derive(Debug, Clone)]
pub struct Node {
    pub name: String,
    pub kind: Kind,
    pub role: Role,
    /// Its time does not count against that of the boot.
    pub untimed: bool,
    /// How its readiness is observed, if it is.
    pub probe: Option<Probing>,
    /// The same for its liveness.
    pub liveness: Option<Rhythm>,
    pub restart: Restart,
    pub stop: Stop,
    pub needs: Vec<(Id, Condition)>,
    pub needed_by: Vec<Id>,
}

/// Resources in an order in which each stands after all that it needs.
#[derive(Debug, Clone)]
pub struct Graph {
    nodes: Vec<Node>,
}

impl Graph {
    /// Takes from a manifest what `options` want and what that needs.
    ///
    /// # Errors
    /// When a name in `options` means nothing, or what it names cannot be external.
    pub fn new(manifest: &Manifest, options: &Options) -> Result<Self, Error> {
        for name in options.resources.iter().chain(&options.external) {
            if !manifest.resources.contains_key(name) {
                return Err(Error::Unknown { name: name.clone(), known: manifest.resources.keys().cloned().collect() });
            }
        }
        for name in &options.external {
            let resource = &manifest.resources[name];
            if resource.kind != Kind::Service || resource.probe.is_none() {
                return Err(Error::NotExternal(name.clone()));
            }
        }
        let of_this_up = |only: Only| match only {
            Only::Always | Only::Embedded => options.resources.is_empty(),
            Only::Watch => options.watch,
            // Whoever wants it needs it.
            Only::Faults => false,
        };
        let offered = manifest.resources.iter().filter(|(_, resource)| of_this_up(resource.only));
        let wanted: Vec<&String> = options.resources.iter().chain(offered.map(|(name, _)| name)).collect();
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for name in wanted {
            visit(manifest, name, &mut seen, &mut order);
        }
        Ok(Self::link(manifest, options, &order))
    }

    fn link(manifest: &Manifest, options: &Options, order: &[&str]) -> Self {
        let ids: BTreeMap<&str, Id> = order.iter().enumerate().map(|(index, &name)| (name, Id(index))).collect();
        let mut nodes: Vec<Node> = order
            .iter()
            .map(|&name| {
                let resource = &manifest.resources[name];
                let role = if options.external.iter().any(|external| external == name) {
                    Role::External
                } else if resource.build && options.skip_build {
                    Role::Skipped
                } else {
                    Role::Launched
                };
                Node {
                    name: name.to_owned(),
                    kind: resource.kind,
                    role,
                    untimed: resource.build || resource.untimed,
                    probe: resource.probe.as_ref().map(Probing::of),
                    liveness: resource.liveness.as_ref().map(|probe| probe.rhythm),
                    restart: resource.restart,
                    stop: resource.stop.clone(),
                    needs: resource.needs.iter().map(|(need, &condition)| (ids[need.as_str()], condition)).collect(),
                    needed_by: Vec::new(),
                }
            })
            .collect();
        for index in 0..nodes.len() {
            for (need, _) in nodes[index].needs.clone() {
                nodes[need.0].needed_by.push(Id(index));
            }
        }
        Self { nodes }
    }

    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.nodes.len()).map(Id)
    }

    #[must_use]
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0]
    }

    #[must_use]
    pub fn find(&self, name: &str) -> Option<Id> {
        self.nodes.iter().position(|node| node.name == name).map(Id)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl Id {
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// Depth first, so that what a resource needs comes before it. The manifest has no circles.
fn visit<'a>(manifest: &'a Manifest, name: &'a str, seen: &mut BTreeSet<&'a str>, order: &mut Vec<&'a str>) {
    if seen.insert(name) {
        for need in manifest.resources[name].needs.keys() {
            visit(manifest, need, seen, order);
        }
        order.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Infra;

    fn manifest() -> Manifest {
        Manifest::parse(
            r#"
            version = 1
            [resource.a-build]
            kind = "task"
            command = ["x"]
            build = true
            [resource.db]
            kind = "embedded"
            command = ["x"]
            [resource.api]
            kind = "service"
            command = ["x"]
            ports = { http = 80 }
            probe = { kind = "tcp", port = "http" }
            needs = { db = "ready", a-build = "completed" }
            [resource.other]
            kind = "service"
            command = ["x"]
            "#,
            Infra::Embedded,
        )
        .expect("the manifest is right")
    }

    fn names(graph: &Graph) -> Vec<&str> {
        graph.ids().map(|id| graph.node(id).name.as_str()).collect()
    }

    #[test]
    fn a_part_brings_what_it_needs_and_nothing_else() {
        let options = Options { resources: vec!["api".to_owned()], ..Options::default() };
        let graph = Graph::new(&manifest(), &options).expect("the graph is made");
        assert_eq!(names(&graph), ["a-build", "db", "api"]);
        let db = graph.find("db").expect("db is in it");
        assert_eq!(graph.node(db).needed_by, [graph.find("api").expect("api is in it")]);
    }

    #[test]
    fn the_build_can_be_left_out_and_a_service_be_elsewhere() {
        let options = Options { skip_build: true, external: vec!["api".to_owned()], ..Options::default() };
        let graph = Graph::new(&manifest(), &options).expect("the graph is made");
        let role = |name| graph.node(graph.find(name).expect("it is in the graph")).role;
        assert_eq!((role("a-build"), role("api"), role("other")), (Role::Skipped, Role::External, Role::Launched));
    }

    #[test]
    fn what_nobody_knows_is_refused_by_name() {
        let options = Options { resources: vec!["apo".to_owned()], ..Options::default() };
        let error = Graph::new(&manifest(), &options).map(|_| ()).expect_err("there is no apo");
        assert!(error.to_string().contains("apo") && error.to_string().contains("api"));
        let options = Options { external: vec!["db".to_owned()], ..Options::default() };
        assert_eq!(Graph::new(&manifest(), &options).map(|_| ()), Err(Error::NotExternal("db".to_owned())));
    }
}
