//! The copies of the catalog, and whether everything that was told was taken in.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Known;
use crate::invariants::{
    Claim,
    history::{History, Product, Replica},
    violation::{Findings, Object},
};

pub(super) fn judge(history: &History, known: &Known<'_>, findings: &mut Findings) {
    let copies = [
        ("recommender", &history.recommender.products, &history.recommender.inbox),
        ("payment", &history.payment.products, &history.payment.inbox),
    ];
    for (owner, products, inbox) in copies {
        equals_the_catalog(owner, products, history, known, findings);
        took_all_in(owner, inbox, history, known, findings);
    }
}

fn equals_the_catalog(
    owner: &str,
    replicas: &[Replica],
    history: &History,
    known: &Known<'_>,
    findings: &mut Findings,
) {
    let replicas: BTreeMap<&str, &Replica> = replicas.iter().map(|replica| (replica.id.as_str(), replica)).collect();
    let catalog: BTreeMap<&str, &Product> =
        history.catalog.iter().map(|product| (product.id.as_str(), product)).collect();
    let gone = known.chains.gone();
    let ids: BTreeSet<&str> = catalog.keys().chain(replicas.keys()).copied().chain(gone).collect();
    for id in ids.into_iter().filter(|id| !known.is_foreign(id)) {
        let version = known.chains.product_version(id);
        let found = replicas.get(id).map(|replica| words(replica.deleted, Some(replica)));
        let expected = match (catalog.get(id), replicas.get(id)) {
            (Some(product), replica) => Some(standing(product, replica.copied(), version)),
            // Without a tombstone an older event that comes again would bring it back.
            (None, replica) if known.chains.is_gone(id) => {
                let version = version.or(replica.map(|replica| replica.version));
                Some(format!("a tombstone, version {}", version.unwrap_or_default()))
            }
            (None, _) => None,
        };
        if expected != found {
            let words = |replica: Option<String>| replica.unwrap_or_else(|| "no such product".to_owned());
            let (expected, found) = (words(expected), words(found));
            let object = [Object::Product(id.to_owned())];
            let (expected, found) = (format_args!("{owner} has {expected}"), format_args!("it has {found}"));
            findings.add(Claim::Replicas, object, expected, found);
        }
    }
}

/// A product of the catalog as its replica should be. What the catalog does not tell is taken from the event.
fn standing(product: &Product, replica: Option<&Replica>, version: Option<i64>) -> String {
    let description = replica.is_none_or(|replica| replica.description.is_some());
    let copy = Replica {
        id: product.id.clone(),
        name: product.name.clone(),
        description: description.then(|| product.description.clone()),
        price: product.price,
        version: version.or(replica.map(|replica| replica.version)).unwrap_or_default(),
        deleted: false,
    };
    words(false, Some(&copy))
}

fn words(deleted: bool, replica: Option<&Replica>) -> String {
    let Some(Replica { name, description, price, version, .. }) = replica else { return String::new() };
    if deleted {
        return format!("a tombstone, version {version}");
    }
    let description = description.as_ref().map(|text| format!(", described as {text:?}")).unwrap_or_default();
    format!("{name:?} for {price} cents, version {version}{description}")
}

fn took_all_in(owner: &str, inbox: &BTreeSet<Uuid>, history: &History, known: &Known<'_>, findings: &mut Findings) {
    let refused: BTreeSet<&str> = history
        .letters
        .iter()
        .filter(|letter| letter.group.as_deref() == Some(owner))
        .filter_map(|letter| letter.id.as_deref())
        .collect();
    let told: BTreeSet<Uuid> = known.chains.ids().iter().filter_map(|id| Uuid::parse_str(id).ok()).collect();
    for id in told.difference(inbox) {
        let id = id.to_string();
        if !refused.contains(id.as_str()) {
            findings.add(Claim::Applied, [Object::Event(id)], format_args!("{owner} took it in"), "it did not");
        }
    }
    // The id of a record that has none is derived from it, by version 8.
    for id in inbox.difference(&told).filter(|id| id.get_version_num() != 8) {
        let (expected, found) = (format_args!("a record of the event that {owner} took in"), "none in the topics");
        findings.add(Claim::Told, [Object::Event(id.to_string())], expected, found);
    }
}
