//! What was used: calls, databases and topics by spans, readers by their groups, publishers by what events say of
//! themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;
use shopctl_core::{Manifest, manifest::Kind};
use shopctl_kafka::{Error, Event, Feed, Observer, Stored, feed::Topics, lag::Group, tail::Start};
use shopctl_runtime::{Client, Instance, client};
use shopctl_telemetry::{Hop as Seen, Reader, reader};
use shopctl_trace::{
    Missing, Stamp, Took,
    graph::{Found, Hop, Used},
};
use tokio::time::timeout;

use crate::commands::{events, telemetry::folder};

/// Events that are looked at for who published them, the first ones.
const EVENTS: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) found: Vec<Found>,
    /// Spans are stored: what was used is among what was found.
    pub(super) is_all: bool,
    pub(super) missing: Vec<Missing>,
}

/// All that is known of what was used, and what could not be asked.
///
/// # Errors
/// When the supervisor does not answer.
pub(super) async fn read(
    instance: &Instance,
    manifest: &Manifest,
    declared: &[(String, String, Hop)],
) -> anyhow::Result<Observed> {
    let missing = |what: &str, why: String| Missing { what: what.to_owned(), why };
    let (mut found, mut gone, mut is_all) = (Vec::new(), Vec::new(), false);
    let ports = instance.record().ok().flatten().map(|record| record.ports);
    let owners: BTreeMap<u16, &str> = manifest
        .ports()
        .into_iter()
        .map(|(resource, name, number)| {
            (ports.as_ref().and_then(|ports| ports.get(resource, name)).unwrap_or(number), resource)
        })
        .collect();
    let dir = folder(instance);
    match tokio::task::spawn_blocking(move || Reader::open(&dir)?.edges(None)).await? {
        Ok(edges) => {
            is_all = !edges.is_empty();
            found.extend(edges.into_iter().map(|edge| named(stored(edge, &owners), manifest, declared)));
        }
        Err(reader::Error::Absent(_)) => {
            gone.push(missing("calls and databases", "telemetry is off, or nothing was sent yet".to_owned()));
        }
        Err(error) => gone.push(missing("calls and databases", error.to_string())),
    }
    let edges = match Client::connect(instance).await {
        Ok(mut client) => match client.environment(None).await?.get("kafka").and_then(Value::as_str) {
            Some(brokers) => match timeout(PATIENCE, of_topics(brokers, manifest)).await {
                Ok(edges) => edges.map_err(|error| error.to_string()),
                Err(_) => Err("Kafka does not answer".to_owned()),
            },
            None => Ok(Vec::new()),
        },
        Err(client::Error::NotRunning(_)) => match events::stored(instance) {
            Ok(Some(stored)) => left(&stored, manifest).map_err(|error| error.to_string()),
            Ok(None) => Err("the broker has left nothing".to_owned()),
            Err(failure) => Err(failure.to_string()),
        },
        Err(error) => return Err(error.into()),
    };
    match edges {
        Ok(edges) => found.extend(edges),
        Err(why) => gone.push(missing("readers and publishers of topics", why)),
    }
    Ok(Observed { found, is_all, missing: gone })
}

fn stored(edge: shopctl_telemetry::Edge, owners: &BTreeMap<u16, &str>) -> Found {
    let hop = match edge.hop {
        Seen::Call => Hop::Call,
        Seen::Query => Hop::Query,
        Seen::Publish => Hop::Publish,
        Seen::Consume => Hop::Consume,
    };
    // Who does not report is known by where it listens.
    let port = edge.to.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let to = port.and_then(|port: u16| owners.get(&port)).map_or(edge.to, |owner| (*owner).to_owned());
    let used = Used {
        count: Some(edge.count),
        errors: Some(edge.errors),
        p50: Some(Took(edge.durations.p50)),
        p99: Some(Took(edge.durations.p99)),
        last: Some(Stamp(edge.last)),
        lag: None,
    };
    Found { from: edge.from, to, hop, used }
}

/// A database that spans call by its kind only is the one that its service has, if it has one.
fn named(mut found: Found, manifest: &Manifest, declared: &[(String, String, Hop)]) -> Found {
    let own = declared.iter().filter(|(from, _, hop)| *hop == Hop::Query && *from == found.from);
    let own: Vec<&String> = own.map(|(_, to, _)| to).collect();
    if let (Hop::Query, [one], None) = (found.hop, &own[..], manifest.resources.get(&found.to)) {
        found.to.clone_from(one);
    }
    found
}

async fn of_topics(brokers: &str, manifest: &Manifest) -> Result<Vec<Found>, Error> {
    let mut found = readers(Observer::new(brokers)?.lag().await?, manifest);
    let mut feed = Feed::open(brokers, Topics::All, Start::Earliest).await?;
    let mut publishers = BTreeSet::new();
    for _ in 0..EVENTS {
        let Some(event) = feed.replayed().await? else { break };
        publishers.extend(publisher(event));
    }
    found.extend(publishers.into_iter().map(published));
    Ok(found)
}

/// The same of a broker that does not run.
fn left(stored: &Stored, manifest: &Manifest) -> Result<Vec<Found>, Error> {
    let mut found = readers(stored.groups()?, manifest);
    let events = stored.events(&Topics::All, Start::Earliest)?.take(EVENTS);
    let publishers: BTreeSet<_> =
        events.filter_map(|event| event.map(publisher).transpose()).collect::<Result<_, Error>>()?;
    found.extend(publishers.into_iter().map(published));
    Ok(found)
}

fn readers(groups: Vec<Group>, manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for group in groups {
        let mut lags: BTreeMap<&str, i64> = BTreeMap::new();
        for part in &group.partitions {
            *lags.entry(&part.topic).or_default() += part.lag;
        }
        let is_service = manifest.resources.get(&group.name).is_some_and(|resource| resource.kind == Kind::Service);
        // A group that nobody is in, and that nobody in the manifest is named like, is history.
        if group.members > 0 || is_service {
            found.extend(lags.into_iter().map(|(topic, lag)| Found {
                from: topic.to_owned(),
                to: group.name.clone(),
                hop: Hop::Consume,
                used: Used { lag: Some(lag), ..Used::default() },
            }));
        }
    }
    found
}

/// Who published an event, and its topic.
fn publisher(event: Event) -> Option<(String, String)> {
    // A dead letter is published by whoever refused the record, and still says where it came from.
    let publisher = event.header_text("dlt_group").map(str::to_owned).or(event.source)?;
    Some((publisher, event.topic))
}

fn published((from, to): (String, String)) -> Found {
    Found { from, to, hop: Hop::Publish, used: Used::default() }
}
