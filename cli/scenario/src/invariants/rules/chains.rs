//! The events of each entity as a chain: one for each version, in the order of their versions.

mod order;
mod product;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Known;
use crate::invariants::{
    Claim,
    history::{History, Product, Record, Topic},
    told::{Change, Fault, Told},
    violation::{Findings, Object},
};

/// Each event once, where it stands first: what has the same `ce_id` later is a redelivery.
pub(super) struct Chains<'a> {
    /// By order, as they stand in the topic.
    orders: BTreeMap<i64, Vec<Link<'a, &'a Change>>>,
    /// By product.
    products: BTreeMap<&'a str, Vec<Link<'a, &'a Told>>>,
    /// Records that are no event of the shop, and redeliveries that are not the same as the first.
    odd: Vec<Odd<'a>>,
    /// The `ce_id` of every record that has one.
    ids: BTreeSet<&'a str>,
}

/// One event of an entity.
struct Link<'a, T> {
    record: &'a Record,
    told: T,
    version: i64,
}

enum Odd<'a> {
    Unreadable(&'a Record),
    Nameless(&'a Record),
    /// The key is not that of the entity.
    Strange {
        record: &'a Record,
        entity: Object,
        key: String,
    },
    Changed {
        first: &'a Record,
        again: &'a Record,
    },
}

impl<'a> Chains<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut chains =
            Self { orders: BTreeMap::new(), products: BTreeMap::new(), odd: Vec::new(), ids: BTreeSet::new() };
        let mut firsts: HashMap<(Topic, &str), &Record> = HashMap::new();
        for record in &history.records {
            chains.ids.extend(record.id.as_deref());
            let Ok(told) = &record.told else {
                chains.odd.push(Odd::Unreadable(record));
                continue;
            };
            let Some(id) = record.id.as_deref() else {
                chains.odd.push(Odd::Nameless(record));
                continue;
            };
            match firsts.get(&(record.place.topic, id)) {
                Some(first) if first.key == record.key && first.told == record.told => continue,
                Some(first) => {
                    chains.odd.push(Odd::Changed { first, again: record });
                    continue;
                }
                None => firsts.insert((record.place.topic, id), record),
            };
            chains.link(record, told);
        }
        chains
    }

    fn link(&mut self, record: &'a Record, told: &'a Told) {
        let (entity, key) = match told {
            Told::Order(change) => (Object::Order(change.order), change.order.to_string()),
            Told::Standing { product: Product { id, .. }, .. } | Told::Gone { id, .. } => {
                (Object::Product(id.clone()), id.clone())
            }
        };
        if record.key.as_ref() != Some(&key) {
            self.odd.push(Odd::Strange { record, entity, key });
        }
        match told {
            Told::Order(change) => {
                let link = Link { record, told: change, version: change.version };
                self.orders.entry(change.order).or_default().push(link);
            }
            Told::Standing { version, product, .. } => {
                self.products.entry(&product.id).or_default().push(Link { record, told, version: *version });
            }
            Told::Gone { id, version } => {
                self.products.entry(id).or_default().push(Link { record, told, version: *version });
            }
        }
    }

    /// The version of a product that its newest event tells.
    pub(super) fn product_version(&self, id: &str) -> Option<i64> {
        self.products.get(id)?.iter().map(|link| link.version).max()
    }

    /// Whether the product's newest event tells of its end.
    pub(super) fn is_gone(&self, id: &str) -> bool {
        let newest = self.products.get(id).and_then(|links| links.iter().max_by_key(|link| link.version));
        newest.is_some_and(|link| matches!(link.told, Told::Gone { .. }))
    }

    /// The products whose newest event tells of their end.
    pub(super) fn gone(&self) -> impl Iterator<Item = &'a str> {
        self.products.keys().copied().filter(|id| self.is_gone(id))
    }

    /// The `ce_id` of every record that has one.
    pub(super) fn ids(&self) -> &BTreeSet<&'a str> {
        &self.ids
    }

    pub(super) fn judge(&self, history: &History, known: &Known<'_>, findings: &mut Findings) {
        for odd in &self.odd {
            odd.judge(known, findings);
        }
        order::judge(&self.orders, history, known, findings);
        product::judge(&self.products, history, known, findings);
    }
}

impl Odd<'_> {
    fn judge(&self, known: &Known<'_>, findings: &mut Findings) {
        let (Self::Unreadable(record)
        | Self::Nameless(record)
        | Self::Strange { record, .. }
        | Self::Changed { again: record, .. }) = self;
        // A dead letter tells of it, unless that is expected, too.
        if known.dead.contains(&record.place) || known.is_foreign(record.key.as_deref().unwrap_or_default()) {
            return;
        }
        let mut objects = vec![Object::Record(record.place)];
        objects.extend(record.id.clone().map(Object::Event));
        match self {
            Self::Unreadable(record) => {
                let Err(fault) = &record.told else { return };
                let claim = match fault {
                    Fault::Money(_) => Claim::Money,
                    Fault::Malformed | Fault::Kind(_) | Fault::Data(_) => Claim::Founded,
                };
                findings.add(claim, objects, "an event that the shop writes", fault);
            }
            Self::Nameless(_) => findings.add(Claim::Founded, objects, "an event with a ce_id", "none"),
            Self::Strange { record, entity, key } => {
                objects.insert(0, entity.clone());
                let found = record.key.as_deref().unwrap_or("none");
                findings.add(Claim::Ordered, objects, format_args!("key {key}"), format_args!("key {found}"));
            }
            Self::Changed { first, .. } => {
                let expected = format_args!("what the record {} told with the same ce_id", first.place);
                findings.add(Claim::Contents, objects, expected, "something else");
            }
        }
    }
}

/// What goes wrong with the places of a chain, whatever it is about. `last` is the version that it should end with, `waiting`
/// how many events are still in the outbox.
fn places<T>(entity: &Object, links: &[Link<'_, T>], last: i64, waiting: usize, findings: &mut Findings) {
    let event = |link: &Link<'_, T>| Object::Event(link.record.id.clone().unwrap_or_default());
    let mut told: BTreeMap<i64, Vec<&Link<'_, T>>> = BTreeMap::new();
    for link in links {
        told.entry(link.version).or_default().push(link);
    }
    let missing: Vec<i64> = (1..=last).filter(|version| !told.contains_key(version)).collect();
    if missing.len() > waiting {
        let (expected, found) = (versions(&(1..=last).collect::<Vec<_>>()), versions(&missing));
        let (expected, found) = (format_args!("an event of {expected}"), format_args!("none of {found}"));
        findings.add(Claim::Told, [entity.clone()], expected, found);
    }
    for (version, links) in &told {
        let objects = || [entity.clone()].into_iter().chain(links.iter().map(|link| event(link)));
        if links.len() > 1 {
            let expected = format_args!("one event of version {version}");
            findings.add(Claim::Told, objects(), expected, format_args!("{} with different ce_id", links.len()));
        }
        if !(1..=last).contains(version) {
            let expected = match last {
                0 => "no event: it does not exist".to_owned(),
                last => format!("versions from 1 to {last}"),
            };
            findings.add(Claim::Founded, objects(), expected, format_args!("version {version}"));
        }
    }
    // They are in the order of their offsets, if they have one partition.
    for pair in links.windows(2) {
        let [earlier, later] = pair else { continue };
        let objects = [entity.clone(), event(earlier), event(later)];
        let (first, second) = (earlier.record.place, later.record.place);
        if first.partition != second.partition {
            let found = format_args!("partitions {} and {}", first.partition, second.partition);
            findings.add(Claim::Ordered, objects, "one partition", found);
        } else if earlier.version > later.version {
            let found = format_args!("version {} before version {}", earlier.version, later.version);
            findings.add(Claim::Ordered, objects, "rising versions", found);
        }
    }
}

fn versions(versions: &[i64]) -> String {
    match versions {
        [one] => format!("version {one}"),
        some => format!("versions {}", some.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")),
    }
}
