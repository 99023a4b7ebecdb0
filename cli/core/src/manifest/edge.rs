//! Who calls whom, who tells whom by events, and the proxy that can stand between them.

use std::fmt;

use serde::Deserialize;

use super::{Condition, Error, Manifest};

/// The resource whose ports stand on edges in an `up --faults`.
pub const PROXY: &str = "proxy";

/// A call that one resource makes to another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    pub from: String,
    pub to: String,
    /// Which port of `to`; its name is what is spoken there: `grpc`, `http`, `sql`, `kafka`.
    pub port: String,
}

impl Edge {
    /// As people type it: `order/product`. Only one edge leads from a resource to another.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.from, self.to)
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} -> {}", self.from, self.to)
    }
}

/// Who publishes to a topic, and who reads it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    pub from: Vec<String>,
    pub to: Vec<String>,
}

impl Manifest {
    /// The same with the proxy on its edges: who calls over one of them waits for it.
    #[must_use]
    pub fn proxied(mut self) -> Self {
        let near: Vec<String> = self.proxied_edges().map(|edge| edge.from.clone()).collect();
        for name in near {
            if let Some(resource) = self.resources.get_mut(&name) {
                resource.needs.insert(PROXY.to_owned(), Condition::Ready);
            }
        }
        self
    }

    /// The edges on which the proxy can stand: those that a port of it is named after.
    pub fn proxied_edges(&self) -> impl Iterator<Item = &Edge> {
        let proxy = self.resources.get(PROXY);
        self.edges.iter().filter(move |edge| proxy.is_some_and(|proxy| proxy.ports.contains_key(&edge.name())))
    }
}

pub(super) fn check(manifest: &Manifest) -> Result<(), Error> {
    for (at, edge) in manifest.edges.iter().enumerate() {
        let wrong = |problem| Err(Error::Edge { edge: edge.name(), problem });
        if !manifest.resources.contains_key(&edge.from) {
            return wrong(format!("there is no resource {}", edge.from));
        }
        match manifest.resources.get(&edge.to) {
            None => return wrong(format!("there is no resource {}", edge.to)),
            Some(to) if !to.ports.contains_key(&edge.port) => {
                return wrong(format!("there is no port {} of {}", edge.port, edge.to));
            }
            Some(_) => {}
        }
        if manifest.edges[..at].iter().any(|other| other.name() == edge.name()) {
            return wrong("it is there twice".to_owned());
        }
    }
    for (topic, flow) in &manifest.topics {
        if let Some(name) = flow.from.iter().chain(&flow.to).find(|name| !manifest.resources.contains_key(*name)) {
            return Err(Error::Topic { topic: topic.clone(), problem: format!("there is no resource {name}") });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{
        Graph, Options,
        manifest::{Infra, Variant},
    };

    use super::*;

    fn shop() -> Manifest {
        let text = include_str!("../../../../compose/services.toml");
        Manifest::parse(text, Variant { infra: Infra::Embedded, telemetry: true })
            .expect("the shop's manifest is right")
    }

    #[test]
    fn an_ordinary_boot_knows_no_proxy_and_one_with_faults_waits_for_it() {
        let graph = |manifest: &Manifest| Graph::new(manifest, &Options::default()).expect("the graph is made");
        assert_eq!(graph(&shop()).find(PROXY), None);
        let proxied = graph(&shop().proxied());
        let proxy = proxied.find(PROXY).expect("somebody needs it");
        let needs = |name: &str| {
            let id = proxied.find(name).expect("it is in the graph");
            proxied.node(id).needs.contains(&(proxy, Condition::Ready))
        };
        assert!(needs("order") && needs("gateway") && needs("account"));
        assert!(!needs("order-migrate") && !needs("seed"));
    }

    #[test]
    fn every_edge_of_the_shop_has_a_proxy_and_every_port_of_the_proxy_an_edge() {
        for infra in Infra::ALL {
            let text = include_str!("../../../../compose/services.toml");
            let manifest =
                Manifest::parse(text, Variant { infra, telemetry: true }).expect("the shop's manifest is right");
            assert_eq!(manifest.proxied_edges().count(), manifest.edges.len());
            let idle = manifest.resources[PROXY].ports.len() - manifest.edges.len();
            assert_eq!(idle, usize::from(infra == Infra::Embedded), "only Docker has an edge to product's store");
        }
    }
}
