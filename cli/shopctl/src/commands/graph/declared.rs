//! What the manifest says: whose address a service is given it may call, and it names its topics.

use std::collections::BTreeSet;

use shopctl_core::{
    Manifest,
    manifest::{Kind, Reference, Resource, Template},
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
    let topics = manifest.resources.values().flat_map(|resource| resource.publishes.iter().chain(&resource.reads));
    nodes.extend(topics.collect::<BTreeSet<_>>().into_iter().map(|topic| (topic.clone(), graph::Kind::Topic)));
    nodes
}

pub(super) fn edges(manifest: &Manifest) -> Vec<(String, String, Hop)> {
    let mut edges = Vec::new();
    for (name, resource) in manifest.resources.iter().filter(|(_, resource)| resource.kind == Kind::Service) {
        // What all of them are given says nothing of one.
        let given: BTreeSet<&str> = resource.env.values().flat_map(|template| named(manifest, template)).collect();
        for other in given.into_iter().filter(|other| *other != name && *other != KAFKA) {
            match manifest.resources.get(other).map(|other| other.kind) {
                Some(Kind::Service) => edges.push((name.clone(), other.to_owned(), Hop::Call)),
                Some(Kind::Embedded | Kind::Container) => edges.push((name.clone(), other.to_owned(), Hop::Query)),
                Some(Kind::Task) | None => {}
            }
        }
        edges.extend(resource.publishes.iter().map(|topic| (name.clone(), topic.clone(), Hop::Publish)));
        edges.extend(resource.reads.iter().map(|topic| (topic.clone(), name.clone(), Hop::Consume)));
    }
    edges
}

/// The resources whose ports a template names, also by way of addresses.
fn named<'a>(manifest: &'a Manifest, template: &'a Template) -> Vec<&'a str> {
    let of = |reference: &'a Reference| match reference {
        Reference::Port { resource, .. } => vec![resource.as_str()],
        // Addresses name no others: one level is all there is.
        Reference::Address(name) => manifest.addresses.get(name).into_iter().flat_map(ports).collect(),
        Reference::Secret(_)
        | Reference::Key(_)
        | Reference::Jwks
        | Reference::Dir(_)
        | Reference::Instance
        | Reference::Profile => Vec::new(),
    };
    template.references().flat_map(of).collect()
}

fn ports(template: &Template) -> impl Iterator<Item = &str> {
    template.references().filter_map(|reference| match reference {
        Reference::Port { resource, .. } => Some(resource.as_str()),
        Reference::Secret(_)
        | Reference::Key(_)
        | Reference::Jwks
        | Reference::Address(_)
        | Reference::Dir(_)
        | Reference::Instance
        | Reference::Profile => None,
    })
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
