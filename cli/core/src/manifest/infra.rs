//! Where databases and Kafka run, and what a manifest says otherwise for it.

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
    #[serde(default)]
    docker: Overlay,
}

/// What takes the place of what has the same name, where infrastructure runs in containers, and what there is only there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overlay {
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    addresses: BTreeMap<String, Template>,
    #[serde(rename = "resource", default)]
    resources: BTreeMap<String, Resource>,
    #[serde(default)]
    edges: Vec<Edge>,
}

impl File {
    /// What it says for `infra`. Nobody needs what there is only with another one.
    pub(super) fn with(mut self, infra: Infra) -> Manifest {
        let named: BTreeSet<String> = self.resources.keys().chain(self.docker.resources.keys()).cloned().collect();
        match infra {
            // Here it is like any other.
            Infra::Embedded => {
                for resource in self.resources.values_mut().filter(|resource| resource.only == Only::Embedded) {
                    resource.only = Only::Always;
                }
            }
            Infra::Docker => {
                self.resources.retain(|_, resource| resource.only != Only::Embedded);
                self.secrets.extend(self.docker.secrets);
                self.addresses.extend(self.docker.addresses);
                self.resources.extend(self.docker.resources);
                self.edges.extend(self.docker.edges);
            }
        }
        let here: BTreeSet<String> = self.resources.keys().cloned().collect();
        for resource in self.resources.values_mut() {
            resource.needs.retain(|need, _| here.contains(need) || !named.contains(need));
        }
        let Self { version: _, secrets, keys, addresses, environment, resources, edges, topics, docker: _ } = self;
        Manifest { secrets, keys, addresses, environment, resources, edges, topics }
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
    fn what_is_wrong_for_one_kind_is_wrong_for_all() {
        let text = TEXT.replace("${port.search.http}", "${port.search.grpc}");
        let error = Manifest::parse(&text, Infra::Embedded).map(|_| ()).expect_err("it is wrong").to_string();
        assert!(error.contains("port grpc of search"), "{error}");
        let text = TEXT.replace("\"container\", \"search\"", "");
        let error = Manifest::parse(&text, Infra::Embedded).map(|_| ()).expect_err("it is wrong").to_string();
        assert!(error.contains("line 22: resource search: its command is empty"), "{error}");
    }
}
