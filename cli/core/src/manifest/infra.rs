//! Where databases and Kafka run, whether telemetry is received, and what a manifest says otherwise for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{Edge, Flow, Manifest, Only, Resource, Secret, Template};

/// Where databases and Kafka run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Infra {
    /// As processes of this machine.
    Embedded,
    /// In containers.
    Docker,
}

impl Infra {
    pub const ALL: [Self; 2] = [Self::Embedded, Self::Docker];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Docker => "docker",
        }
    }
}

impl fmt::Display for Infra {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Which of what a manifest says is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    pub infra: Infra,
    /// With what receives telemetry, and what tells others about it.
    pub telemetry: bool,
}

impl Variant {
    pub(super) const ALL: [Self; 4] = [
        Self { infra: Infra::Embedded, telemetry: true },
        Self { infra: Infra::Embedded, telemetry: false },
        Self { infra: Infra::Docker, telemetry: true },
        Self { infra: Infra::Docker, telemetry: false },
    ];
}

/// All that there is with it.
impl From<Infra> for Variant {
    fn from(infra: Infra) -> Self {
        Self { infra, telemetry: true }
    }
}

/// The file as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The form of this file.
    pub(super) version: u32,
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    addresses: BTreeMap<String, Template>,
    #[serde(default)]
    environment: BTreeMap<String, Template>,
    #[serde(rename = "resource", default)]
    resources: BTreeMap<String, Resource>,
    #[serde(default)]
    edges: Vec<Edge>,
    #[serde(default)]
    topics: BTreeMap<String, Flow>,
    /// Where infrastructure runs in containers.
    #[serde(default)]
    docker: Overlay,
    /// Where telemetry is received.
    #[serde(default)]
    telemetry: Overlay,
}

/// What takes the place of what has the same name, and what there is only there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overlay {
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    addresses: BTreeMap<String, Template>,
    #[serde(default)]
    environment: BTreeMap<String, Template>,
    #[serde(rename = "resource", default)]
    resources: BTreeMap<String, Resource>,
    #[serde(default)]
    edges: Vec<Edge>,
}

impl File {
    /// What it says for `variant`. Nobody needs what there is only with another one.
    pub(super) fn with(mut self, variant: Variant) -> Manifest {
        let all = [&self.resources, &self.docker.resources, &self.telemetry.resources];
        let named: BTreeSet<String> = all.into_iter().flat_map(BTreeMap::keys).cloned().collect();
        if variant.telemetry {
            let telemetry = std::mem::take(&mut self.telemetry);
            self.take(telemetry);
        }
        match variant.infra {
            // Here it is like any other.
            Infra::Embedded => {
                for resource in self.resources.values_mut().filter(|resource| resource.only == Only::Embedded) {
                    resource.only = Only::Always;
                }
            }
            Infra::Docker => {
                self.resources.retain(|_, resource| resource.only != Only::Embedded);
                let docker = std::mem::take(&mut self.docker);
                self.take(docker);
            }
        }
        let here: BTreeSet<String> = self.resources.keys().cloned().collect();
        for resource in self.resources.values_mut() {
            resource.needs.retain(|need, _| here.contains(need) || !named.contains(need));
        }
        let Self {
            version: _,
            secrets,
            keys,
            addresses,
            environment,
            resources,
            edges,
            topics,
            docker: _,
            telemetry: _,
        } = self;
        Manifest { secrets, keys, addresses, environment, resources, edges, topics }
    }

    fn take(&mut self, overlay: Overlay) {
        let Overlay { secrets, addresses, environment, resources, edges } = overlay;
        self.secrets.extend(secrets);
        self.addresses.extend(addresses);
        self.environment.extend(environment);
        self.resources.extend(resources);
        self.edges.extend(edges);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Kind;

    const TEXT: &str = r#"
        version = 1
        [addresses]
        db = "file:///db"
        [resource.prepare]
        kind = "task"
        command = ["prepare"]
        only = "embedded"
        [resource.sql]
        kind = "embedded"
        command = ["sql"]
        needs = { prepare = "completed" }
        [resource.app]
        kind = "service"
        command = ["app"]
        needs = { sql = "ready", search = "ready" }
        [docker.addresses]
        db = "http://localhost:${port.search.http}"
        [docker.resource.sql]
        kind = "container"
        command = ["container", "sql"]
        [docker.resource.search]
        kind = "container"
        command = ["container", "search"]
        ports = { http = 9200 }
    "#;

    #[test]
    fn each_kind_of_infrastructure_has_its_resources_and_nobody_needs_those_of_the_other() {
        let [embedded, docker] = Infra::ALL.map(|infra| Manifest::parse(TEXT, infra).expect("the manifest is right"));
        let names = |manifest: &Manifest| manifest.resources.keys().cloned().collect::<Vec<_>>().join(" ");
        let needs = |manifest: &Manifest, name: &str| {
            manifest.resources[name].needs.keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&embedded), "app prepare sql");
        assert_eq!(names(&docker), "app search sql");
        assert_eq!((needs(&embedded, "app").as_str(), needs(&embedded, "sql").as_str()), ("sql", "prepare"));
        assert_eq!((needs(&docker, "app").as_str(), needs(&docker, "sql").as_str()), ("search sql", ""));
        assert_eq!(docker.resources["sql"].kind, Kind::Container);
        assert_ne!(embedded.addresses["db"], docker.addresses["db"]);
    }

    #[test]
    fn without_telemetry_there_is_nothing_of_it_and_nobody_needs_it() {
        let text = r#"
            version = 1
            [environment]
            A = "1"
            [resource.app]
            kind = "service"
            command = ["app"]
            needs = { telemetry = "started" }
            [telemetry.addresses]
            otlp = "127.0.0.1:${port.telemetry.otlp}"
            [telemetry.environment]
            ENDPOINT = "http://${address.otlp}"
            [telemetry.resource.telemetry]
            kind = "service"
            command = ["receive"]
            ports = { otlp = 14317 }
        "#;
        let parse = |telemetry| Manifest::parse(text, Variant { infra: Infra::Docker, telemetry });
        let [with, without] = [true, false].map(|telemetry| parse(telemetry).expect("the manifest is right"));
        assert_eq!((with.addresses.len(), with.environment.len(), with.resources.len()), (1, 2, 2));
        assert_eq!((without.addresses.len(), without.environment.len(), without.resources.len()), (0, 1, 1));
        assert_eq!((with.resources["app"].needs.len(), without.resources["app"].needs.len()), (1, 0));
        let wrong =
            text.replace("kind = \"service\"\n            command = [\"receive\"]", "kind = \"service\"\ncommand = []");
        let error = Manifest::parse(&wrong, Infra::Embedded).map(|_| ()).expect_err("it is wrong").to_string();
        assert!(error.contains("line 13: resource telemetry: its command is empty"), "{error}");
    }

    #[test]
    fn what_is_wrong_for_one_kind_is_wrong_for_all() {
        let text = TEXT.replace("${port.search.http}", "${port.search.grpc}");
        let error = Manifest::parse(&text, Infra::Embedded).map(|_| ()).expect_err("it is wrong").to_string();
        assert!(error.contains("port grpc of search"), "{error}");
        let text = TEXT.replace("\"container\", \"search\"", "");
        let error = Manifest::parse(&text, Infra::Embedded).map(|_| ()).expect_err("it is wrong").to_string();
        assert!(error.contains("line 22: resource search: its command is empty"), "{error}");
    }
}
