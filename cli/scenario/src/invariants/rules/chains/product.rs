//! The events of products beside the catalog, which tells no versions: what its events tell last is what it has.

use std::collections::{BTreeMap, BTreeSet};

use super::{Link, places};
use crate::invariants::{
    Claim,
    history::{History, Product},
    rules::Known,
    told::Told,
    violation::{Findings, Object},
};

pub(super) fn judge(
    chains: &BTreeMap<&str, Vec<Link<'_, &Told>>>,
    history: &History,
    known: &Known<'_>,
    findings: &mut Findings,
) {
    let catalog: BTreeMap<&str, &Product> =
        history.catalog.iter().map(|product| (product.id.as_str(), product)).collect();
    let ids: BTreeSet<&str> = chains.keys().chain(catalog.keys()).copied().collect();
    for id in ids {
        if known.is_foreign(id) {
            continue;
        }
        let links = chains.get(id).map(Vec::as_slice).unwrap_or_default();
        let product = catalog.get(id).copied();
        let is_dead = |link: &Link<'_, _>| product.is_none() && known.dead.contains(&link.record.place);
        if !links.is_empty() && links.iter().all(is_dead) {
            continue;
        }
        // A product that has gone leaves nothing but its events.
        let last = links.iter().map(|link| link.version).max().unwrap_or(1);
        let object = Object::Product(id.to_owned());
        places(&object, links, last, 0, findings);
        kinds(&object, links, findings);
        ends(&object, links, product, findings);
    }
}

/// Created first, and nothing after the end.
fn kinds(object: &Object, links: &[Link<'_, &Told>], findings: &mut Findings) {
    let mut links: Vec<_> = links.iter().collect();
    links.sort_by_key(|link| link.version);
    for (at, link) in links.iter().enumerate() {
        let event = Object::Event(link.record.id.clone().unwrap_or_default());
        let mut wrong = |expected: &str, found: &str| {
            findings.add(Claim::Status, [object.clone(), event.clone()], expected, found);
        };
        match link.told {
            Told::Standing { created: true, .. } if link.version != 1 => wrong("product_updated", "product_created"),
            Told::Standing { created: false, .. } if link.version == 1 => wrong("product_created", "product_updated"),
            Told::Gone { .. } if at + 1 < links.len() => wrong("nothing after product_deleted", "more events"),
            Told::Standing { .. } | Told::Gone { .. } | Told::Order(_) => {}
        }
    }
}

/// What the newest event tells is what the catalog has.
fn ends(object: &Object, links: &[Link<'_, &Told>], product: Option<&Product>, findings: &mut Findings) {
    let Some(newest) = links.iter().max_by_key(|link| link.version) else { return };
    let objects = || [object.clone(), Object::Event(newest.record.id.clone().unwrap_or_default())];
    match (newest.told, product) {
        (Told::Gone { .. }, Some(_)) => {
            findings.add(Claim::Founded, objects(), "a product that is gone, as its newest event tells", "it stands");
        }
        (Told::Standing { .. }, None) => {
            findings.add(
                Claim::Told,
                objects(),
                "product_deleted, since the catalog has no such product",
                "no such event",
            );
        }
        (Told::Standing { product: told, .. }, Some(product)) if told != product => {
            let (expected, found) = differing(product, told);
            findings.add(Claim::Contents, objects(), expected, found);
        }
        (Told::Standing { .. } | Told::Gone { .. } | Told::Order(_), _) => {}
    }
}

/// The first thing in which two products differ.
fn differing(stored: &Product, told: &Product) -> (String, String) {
    let part = |product: &Product| {
        let Product { id: _, account, name, description, price, sku } = product;
        [
            format!("name {name:?}"),
            format!("{price} cents"),
            format!("account {account}"),
            format!("sku {}", sku.as_deref().unwrap_or("none")),
            format!("description {description:?}"),
        ]
    };
    part(stored).into_iter().zip(part(told)).find(|(one, other)| one != other).unwrap_or_default()
}
