//! How the shop hangs together, as data: who calls whom, as declared by the addresses that each service is given and as seen
//! by whoever reads traces; who publishes to which topic and who reads it, as seen in Kafka.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    kafka::{Group, Topic, header, is_dead},
    model::Model,
};

/// The resource that stands for all topics.
pub(crate) const KAFKA: &str = "kafka";
/// Resources that shopctl runs for itself: no part of the shop.
pub(crate) const OWN: [&str; 3] = ["proxy", "telemetry", "watch"];
/// Messages that are looked at for who published them, and who refused them.
const RECENT: usize = 2000;

/// Calls of one service to another that were seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub from: String,
    pub to: String,
    /// A second, where that is known.
    pub rate: Option<f64>,
    /// How many of them failed.
    pub errors: u64,
}

/// Declared and seen, or only one of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Declared; nobody tells yet whether it is seen.
    Declared,
    Both,
    Unseen,
    Undeclared,
    /// Seen, where nothing declares such a thing.
    Seen,
}

/// An edge of the graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    pub(crate) from: String,
    pub(crate) to: String,
    /// A second.
    pub(crate) rate: Option<f64>,
    pub(crate) errors: u64,
    /// Records that are not dealt with yet.
    pub(crate) behind: u64,
    pub(crate) standing: Standing,
}

#[derive(Debug, Default)]
pub(crate) struct Flow<'a> {
    /// Services that call others and that nobody calls.
    pub(crate) entries: Vec<&'a str>,
    /// All other services.
    pub(crate) services: Vec<&'a str>,
    pub(crate) topics: Vec<&'a Topic>,
    pub(crate) calls: Vec<Link>,
    /// From services to topics.
    pub(crate) publishes: Vec<Link>,
    /// From topics to services.
    pub(crate) reads: Vec<Link>,
    /// Groups that are no service's, by topic.
    pub(crate) others: Vec<Link>,
}

impl<'a> Flow<'a> {
    pub(crate) fn of(model: &'a Model) -> Self {
        let services: Vec<&str> = model.of_kinds(&["service"]).filter(|name| !OWN.contains(name)).collect();
        let calls = calls(model, &services);
        let called: BTreeSet<&str> = calls.iter().map(|link| link.to.as_str()).collect();
        let calls_any: BTreeSet<&str> = calls.iter().map(|link| link.from.as_str()).collect();
        let (entries, services): (Vec<&str>, Vec<&str>) =
            services.into_iter().partition(|service| calls_any.contains(service) && !called.contains(service));
        let topics: Vec<&Topic> = model.kafka.topics.iter().filter(|topic| !is_dead(&topic.name)).collect();
        let all: Vec<&str> = entries.iter().chain(&services).copied().collect();
        let publishes = publishes(model, &all, &topics);
        let (reads, others) = reads(model, &all, &topics);
        Self { entries, services, topics, calls, publishes, reads, others }
    }

    /// Services that wait for the topics although nothing was seen of them there, and the other way round: name and
    /// whether it is declared.
    pub(crate) fn differences(&self, model: &Model) -> Vec<(&'a str, bool)> {
        let declares = |service: &str| {
            let edges = model.shop.edges.iter();
            edges.filter(|edge| edge.resource == service).any(|edge| matches!(edge.needs.as_str(), "topics" | KAFKA))
        };
        let is_seen = |service: &str| {
            self.publishes.iter().any(|link| link.from == service) || self.reads.iter().any(|link| link.to == service)
        };
        let all = self.entries.iter().chain(&self.services);
        all.filter(|service| declares(service) != is_seen(service))
            .map(|service| (*service, declares(service)))
            .collect()
    }
}

fn calls(model: &Model, services: &[&str]) -> Vec<Link> {
    let mut links: BTreeMap<(String, String), Link> = BTreeMap::new();
    let is_service = |name: &str| services.contains(&name);
    for (from, to) in model.calls.iter().filter(|(from, to)| is_service(from) && is_service(to)) {
        let standing = if model.traffic.is_some() { Standing::Unseen } else { Standing::Declared };
        let link = Link { from: from.clone(), to: to.clone(), rate: None, errors: 0, behind: 0, standing };
        links.insert((from.clone(), to.clone()), link);
    }
    let seen = model.traffic.iter().flatten();
    for call in seen.filter(|call| is_service(&call.from) && is_service(&call.to) && call.from != call.to) {
        let key = (call.from.clone(), call.to.clone());
        let standing = if links.contains_key(&key) { Standing::Both } else { Standing::Undeclared };
        let (from, to) = key.clone();
        links.insert(key, Link { from, to, rate: call.rate, errors: call.errors, behind: 0, standing });
    }
    links.into_values().collect()
}

/// Who published to each topic, by what the messages say.
fn publishes(model: &Model, services: &[&str], topics: &[&Topic]) -> Vec<Link> {
    let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
    for message in model.kafka.recent(RECENT).filter(|message| !is_dead(&message.topic)) {
        if let Some(source) = header(message, "ce_source") {
            *found.entry((message.topic.clone(), source)).or_default() += 1;
        }
    }
    let all: BTreeMap<&str, u64> = found.iter().fold(BTreeMap::new(), |mut all, ((topic, _), count)| {
        *all.entry(topic.as_str()).or_default() += count;
        all
    });
    let link = |((topic, source), count): (&(String, String), &u64)| {
        let of = topics.iter().find(|known| known.name == *topic)?;
        let from = services.iter().find(|service| service == &source)?;
        // The topic's, by the share of the messages that are known.
        let share = *count as f64 / all.get(topic.as_str()).copied().unwrap_or(1).max(1) as f64;
        Some(Link {
            from: (*from).to_owned(),
            to: topic.clone(),
            rate: Some(of.rate * share),
            errors: 0,
            behind: 0,
            standing: Standing::Seen,
        })
    };
    found.iter().filter_map(link).collect()
}

/// Who reads each topic, by the groups; those of services first.
fn reads(model: &Model, services: &[&str], topics: &[&Topic]) -> (Vec<Link>, Vec<Link>) {
    let (mut reads, mut others): (Vec<Link>, Vec<Link>) = (Vec::new(), Vec::new());
    for topic in topics {
        for group in &model.kafka.groups {
            let lags = group.partitions.iter().filter(|partition| partition.topic == topic.name);
            let lags: Vec<i64> = lags.map(|partition| partition.lag).collect();
            if lags.is_empty() {
                continue;
            }
            let service = services.iter().find(|service| is_of(group, service));
            let link = Link {
                from: topic.name.clone(),
                to: service.map_or_else(|| group.name.clone(), |service| (*service).to_owned()),
                rate: model.kafka.rate(&group.name, &topic.name),
                errors: refused(model, &topic.name, &group.name),
                behind: lags.iter().sum::<i64>().unsigned_abs(),
                standing: Standing::Seen,
            };
            let links = if service.is_some() { &mut reads } else { &mut others };
            match links.iter_mut().find(|known| known.from == link.from && known.to == link.to) {
                // Several groups of one service.
                Some(known) => {
                    known.rate = known.rate.zip(link.rate).map(|(a, b)| a + b).or(known.rate).or(link.rate);
                    known.errors += link.errors;
                    known.behind += link.behind;
                }
                None => links.push(link),
            }
        }
    }
    (reads, others)
}

fn is_of(group: &Group, service: &str) -> bool {
    group.name.strip_prefix(service).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
}

/// Records of a topic that a group refused, of those that are known.
fn refused(model: &Model, topic: &str, group: &str) -> u64 {
    let is_it = |name: &str| name.strip_prefix(topic).is_some_and(is_dead);
    let dead = model.kafka.recent(RECENT).filter(|message| is_it(&message.topic));
    dead.filter(|message| header(message, "dlt_group").is_some_and(|found| found == group)).count() as u64
}
