//! What the manifest says: its edges and its topics.

use shopctl_core::{
    Manifest,
    manifest::{Kind, Resource, Template},
};
use shopctl_trace::graph::{self, Hop};

/// Whoever speaks with it does so by topics.
const KAFKA: &str = "kafka";

/// Services, what they keep their data in, and topics.
pub(super) fn nodes(manifest: &Manifest) -> Vec<(String, graph::Kind)> {
    // What shopctl runs of its own is no part of the shop.
    let is_own = |resource: &Resource| resource.command.first().and_then(Template::literal) == Some("@shopctl");
    let resources = manifest.resources.iter().filter(|(name, _)| name.as_str() != KAFKA);
    let mut nodes: Vec<(String, graph::Kind)> = resources
        .filter_map(|(name, resource)| match resource.kind {
            Kind::Service if is_own(resource) => None,
            Kind::Service => Some((name.clone(), graph::Kind::Service)),
            Kind::Embedded | Kind::Container => Some((name.clone(), graph::Kind::Store)),
            Kind::Task => None,
        })
        .collect();
    nodes.extend(manifest.topics.keys().map(|topic| (topic.clone(), graph::Kind::Topic)));
    nodes
}

pub(super) fn edges(manifest: &Manifest) -> Vec<(String, String, Hop)> {
    let calls = manifest.edges.iter().filter(|edge| edge.to != KAFKA).map(|edge| {
        let hop = match manifest.resources.get(&edge.to).map(|to| to.kind) {
            Some(Kind::Embedded | Kind::Container) => Hop::Query,
            Some(Kind::Service | Kind::Task) | None => Hop::Call,
        };
        (edge.from.clone(), edge.to.clone(), hop)
    });
    let topics = manifest.topics.iter().flat_map(|(topic, flow)| {
        let told = flow.from.iter().map(|from| (from.clone(), topic.clone(), Hop::Publish));
        told.chain(flow.to.iter().map(|to| (topic.clone(), to.clone(), Hop::Consume)))
    });
    calls.chain(topics).collect()
}

#[cfg(test)]
mod tests {
    use shopctl_core::manifest::{Infra, Variant};

    use super::*;

    #[test]
    fn the_shop_declares_what_it_does() {
        let text = include_str!("../../../../../compose/services.toml");
        let manifest = Manifest::parse(text, Variant { infra: Infra::Embedded, telemetry: true }).expect("it is right");
        let shown: Vec<String> =
            edges(&manifest).into_iter().map(|(from, to, hop)| format!("{from} {hop:?} {to}")).collect();
        insta::assert_snapshot!(shown.join("\n"));
        let docker = Manifest::parse(text, Variant { infra: Infra::Docker, telemetry: true }).expect("it is right");
        let catalog = ("product".to_owned(), "product_db".to_owned(), Hop::Query);
        assert!(edges(&docker).contains(&catalog), "the catalog is a server of its own there");
    }
}
