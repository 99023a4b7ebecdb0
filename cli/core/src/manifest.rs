//! `compose/services.toml`: every resource, the edges between them, and the names under which their addresses are known.

mod check;
mod edge;
mod infra;
mod probe;
mod template;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use serde::Deserialize;

pub use check::Error;
pub use edge::{Edge, Flow, PROXY};
pub use infra::{Infra, Variant};
pub use probe::{Check, Probe, Rhythm};
pub use template::{Dir, Reference, Template, Unknown, Values};

/// A manifest whose names, edges, ports and templates all hold together, as it is in one of its variants.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Random secrets that each instance makes for itself.
    pub secrets: BTreeMap<String, Secret>,
    /// Owners of an Ed25519 key pair.
    pub keys: Vec<String>,
    /// What `shopctl env` prints.
    pub addresses: BTreeMap<String, Template>,
    /// The environment that all services (not tasks, not infrastructure) start from.
    pub environment: BTreeMap<String, Template>,
    pub resources: BTreeMap<String, Resource>,
    /// Who calls whom.
    pub edges: Vec<Edge>,
    /// By topic: who publishes to it, and who reads it.
    pub topics: BTreeMap<String, Flow>,
}

impl Manifest {
    /// Reads and checks a manifest, and answers with what it says for `variant`.
    ///
    /// # Errors
    /// The first thing wrong with it, with its line, also where only another variant would meet it.
    pub fn parse(text: &str, variant: impl Into<Variant>) -> Result<Self, Error> {
        let file: infra::File = toml::from_str(text).map_err(|error| Error::Syntax(error.to_string()))?;
        if file.version != 1 {
            return Err(Error::Version(file.version));
        }
        for variant in Variant::ALL {
            check::check(&file.clone().with(variant), text)?;
        }
        Ok(file.with(variant.into()))
    }

    /// The environment of a resource as templates: the services' common one, that of `env_from`, its own.
    #[must_use]
    pub fn environment_of(&self, name: &str) -> BTreeMap<&str, &Template> {
        let Some(resource) = self.resources.get(name) else { return BTreeMap::new() };
        let mut variables = match (&resource.env_from, resource.kind) {
            (Some(other), _) => self.environment_of(other),
            (None, Kind::Service) => self.environment.iter().map(|(key, value)| (key.as_str(), value)).collect(),
            (None, Kind::Task | Kind::Embedded | Kind::Container) => BTreeMap::new(),
        };
        variables.extend(resource.env.iter().map(|(key, value)| (key.as_str(), value)));
        variables
    }

    /// The binaries of the workspace that resources run, each once.
    #[must_use]
    pub fn binaries(&self) -> Vec<String> {
        let programs = self.resources.values().filter_map(|resource| resource.command.first()?.literal());
        let names: BTreeSet<&str> = programs.filter_map(|program| program.strip_prefix("@bin/")).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Every port with its resource, its name there and its number in the manifest, in the order of the numbers.
    #[must_use]
    pub fn ports(&self) -> Vec<(&str, &str, u16)> {
        let mut ports: Vec<_> = self
            .resources
            .iter()
            .flat_map(|(name, resource)| resource.ports.iter().map(move |(port, &n)| (name.as_str(), port.as_str(), n)))
            .collect();
        ports.sort_unstable_by_key(|&(_, _, number)| number);
        ports
    }
}

/// The shape of a random secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secret {
    Password,
    /// As Standard Webhooks wants it: `whsec_…`.
    Webhook,
}

/// One node of the graph.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    pub kind: Kind,
    /// Program and arguments. `@shopctl` is the running shopctl, `@bin/NAME` a binary of the workspace.
    pub command: Vec<Template>,
    /// Working directory, relative to the workspace (its root by default).
    #[serde(default)]
    pub dir: PathBuf,
    /// What must have happened to others before this one starts.
    #[serde(default)]
    pub needs: BTreeMap<String, Condition>,
    #[serde(default)]
    pub ports: BTreeMap<String, u16>,
    /// Whether it can serve. Without one, a service counts as ready once it is started.
    pub probe: Option<Probe>,
    /// Whether it is of any use to wait: once it has failed often enough, the process is started again.
    pub liveness: Option<Probe>,
    #[serde(default)]
    pub stop: Stop,
    #[serde(default)]
    pub restart: Restart,
    #[serde(default)]
    pub env: BTreeMap<String, Template>,
    /// Start from the environment of this resource.
    pub env_from: Option<String>,
    /// Only part of an `up` that asks for it, or of one kind of infrastructure.
    #[serde(default)]
    pub only: Only,
    /// Files and folders of the workspace whose change starts it again in an `up --watch`; for a binary of the
    /// workspace cargo knows them.
    #[serde(default)]
    pub watch: Vec<PathBuf>,
    /// Part of the build: left out by `--no-build`, and its time does not count against `--timeout`.
    #[serde(default)]
    pub build: bool,
    /// A task that may take long the first time (a download): its time does not count against `--timeout` either.
    #[serde(default)]
    pub untimed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Runs once, to its end.
    Task,
    Service,
    /// Infrastructure as a process of this machine.
    Embedded,
    /// Infrastructure in a container; its process here is the one that attends to it.
    Container,
}

impl Kind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Service => "service",
            Self::Embedded => "embedded",
            Self::Container => "container",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    Started,
    Ready,
    /// For tasks: it ended well.
    Completed,
}

impl Condition {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Completed => "completed",
        }
    }
}

/// How a resource is asked to end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// The first at once, others at 80 % of the grace, then SIGKILL.
    #[serde(default = "default_signals")]
    pub signals: Vec<Signal>,
    /// Time until SIGKILL.
    #[serde(default = "default_grace", deserialize_with = "template::duration")]
    pub grace: Duration,
    /// Who gets the signals.
    #[serde(default)]
    pub to: Target,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signals: default_signals(), grace: default_grace(), to: Target::default() }
    }
}

fn default_signals() -> Vec<Signal> {
    vec![Signal::Term]
}

fn default_grace() -> Duration {
    Duration::from_secs(5)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    #[default]
    Group,
    /// The first process only: PostgreSQL's children have sessions of their own and listen to the postmaster.
    Process,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    Term,
    Int,
    Quit,
    Hup,
    Kill,
}

impl Signal {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Term => "SIGTERM",
            Self::Int => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::Hup => "SIGHUP",
            Self::Kill => "SIGKILL",
        }
    }
}

/// When a resource is part of an `up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Only {
    #[default]
    Always,
    /// With `--watch`.
    Watch,
    /// Where infrastructure is embedded; elsewhere nobody needs it.
    Embedded,
    /// With `--faults`, where somebody needs it.
    Faults,
}

/// What follows when a service or a piece of infrastructure exits unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    #[default]
    Never,
    /// Again, unless it exited with 0.
    OnFailure,
    Always,
}
