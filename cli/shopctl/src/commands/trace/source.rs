//! Everyone who knows of an order is asked, again and again if need be; who is away is named.

use std::{collections::BTreeSet, time::SystemTime};

use serde_json::{Map, Value};
use shopctl_core::manifest::Kind;
use shopctl_protocol::Snapshot;
use shopctl_runtime::{Client, Instance, client};
use shopctl_scenario::order::{self, Databases};
use shopctl_telemetry::{Latest, Reader, Subject as Wanted, TraceId};
use shopctl_trace::{Facts, Missing, Parts, Resource, Span, Stamp, Story};

use super::{events, lines, spans};
use crate::{
    args::trace::Subject,
    commands::{events::stored, telemetry},
    exit::{Exit, Failure},
    running,
};

/// Clocks of one machine, and a request before it has made its order.
const BEFORE: u64 = 5_000_000_000;

/// An instance that is asked.
pub(super) struct Source {
    instance: Instance,
    /// Nothing if it does not run.
    live: Option<Live>,
}

struct Live {
    databases: Databases,
    kafka: Option<String>,
    resources: Vec<Resource>,
}

/// What is known of an order or a trace before logs are read.
#[derive(Default)]
struct Gathered {
    order: Option<i64>,
    facts: Facts,
    told: events::Told,
    spans: Vec<Span>,
    traces: BTreeSet<String>,
    missing: Vec<Missing>,
}

impl Source {
    /// # Errors
    /// When the instance has never been there, or its supervisor does not answer.
    pub(super) async fn open(instance: Instance) -> anyhow::Result<Self> {
        let live = Live::of(&instance).await?;
        if live.is_none() && !instance.log_dir().exists() {
            return Err(running::not_running(&instance.name).into());
        }
        Ok(Self { instance, live })
    }

    pub(super) fn is_running(&self) -> bool {
        self.live.is_some()
    }

    /// The latest order.
    ///
    /// # Errors
    /// When there is none, or nobody is there who could tell.
    pub(super) async fn latest(&self) -> anyhow::Result<Subject> {
        let hint = "`shopctl checkout` makes one";
        if let Some(live) = &self.live {
            let latest = order::latest(&live.databases).await;
            return match latest {
                Ok(Some(id)) => Ok(Subject::Order(id)),
                Ok(None) => Err(Failure::new(Exit::Failure, "there is no order yet").hint(hint).into()),
                Err(Missing { what, why }) => Err(Failure::new(Exit::Failure, format!("no {what}: {why}")).into()),
            };
        }
        let folder = telemetry::folder(&self.instance);
        let found = tokio::task::spawn_blocking(move || {
            let reader = Reader::open(&folder).ok()?;
            let trace = reader.last(Latest::Order).ok()??;
            let order = reader.trace(trace).ok()?.iter().find_map(|span| span.integer("shop.order.id"));
            Some(order.map_or_else(|| Subject::Trace(trace.to_string()), Subject::Order))
        });
        let not_stored = || {
            let message = format!("instance {} does not run, and it has kept no spans of an order", self.instance.name);
            Failure::new(Exit::NotRunning, message).hint(running::NOT_RUNNING)
        };
        Ok(found.await?.ok_or_else(not_stored)?)
    }

    /// All that is known now.
    ///
    /// # Errors
    /// When files that are there cannot be read.
    pub(super) async fn story(&mut self, subject: &Subject) -> anyhow::Result<Story> {
        let now = now();
        // It may have come or gone, and its resources, too.
        self.live = Live::of(&self.instance).await?;
        let mut gathered = match subject {
            Subject::Order(id) => self.of_order(*id).await?,
            Subject::Trace(id) => self.of_trace(id).await?,
        };
        let begin = gathered.begin().map(|begin| begin.0.saturating_sub(BEFORE));
        let (order, traces) = (gathered.order, gathered.traces.clone());
        let dir = self.instance.log_dir();
        let is_live = self.live.is_some();
        let found = tokio::task::spawn_blocking(move || lines::read(&dir, order, traces, begin, is_live)).await?;
        match found {
            Ok(found) => {
                // Where neither events nor spans are to be had, the logs tell which traces there were.
                let new: BTreeSet<String> = found.traces.difference(&gathered.traces).cloned().collect();
                if matches!(subject, Subject::Order(_)) && gathered.spans.is_empty() && !new.is_empty() {
                    gathered.traces.extend(new);
                    self.add_spans(&mut gathered).await?;
                }
                let resources = self.live.as_ref().map(|live| live.resources.clone()).unwrap_or_default();
                let Gathered { order, facts, told, spans, mut missing, .. } = gathered;
                if spans.is_empty() && missing.iter().all(|one| one.what != spans::WHAT) {
                    missing.push(spans::none(found.lines.is_empty()));
                }
                let events::Told { events, readings, .. } = told;
                let lines = found.lines;
                Ok(Story::new(Parts { now, order, facts, events, readings, resources, spans, lines, missing }))
            }
            Err(error) => Err(anyhow::Error::from(error).context("the logs cannot be read")),
        }
    }

    async fn of_order(&self, id: i64) -> anyhow::Result<Gathered> {
        let mut gathered = Gathered { order: Some(id), ..Gathered::default() };
        self.add_rows(&mut gathered, id).await;
        self.add_events(&mut gathered, events::Wanted::Order(id)).await;
        gathered.traces.extend(self.traces_of(id).await);
        self.add_spans(&mut gathered).await?;
        Ok(gathered)
    }

    async fn of_trace(&self, id: &str) -> anyhow::Result<Gathered> {
        let mut gathered = Gathered { traces: BTreeSet::from([id.to_owned()]), ..Gathered::default() };
        self.add_spans(&mut gathered).await?;
        let order = gathered.spans.iter().find_map(Span::order);
        if let Some(order) = order {
            gathered.order = Some(order);
            self.add_rows(&mut gathered, order).await;
            self.add_events(&mut gathered, events::Wanted::Order(order)).await;
        } else {
            self.add_events(&mut gathered, events::Wanted::Trace(id.to_owned())).await;
            let orders = gathered.told.orders();
            // Of a trace with several orders none is the one.
            if let [order] = orders[..] {
                gathered.order = Some(order);
                self.add_rows(&mut gathered, order).await;
                self.add_events(&mut gathered, events::Wanted::Order(order)).await;
            }
        }
        // Those of the order that belong to other traces are told, but only this one is drawn.
        gathered.traces = BTreeSet::from([id.to_owned()]);
        Ok(gathered)
    }

    async fn add_rows(&self, gathered: &mut Gathered, id: i64) {
        let Some(live) = &self.live else {
            let why = "the databases run only with the shop".to_owned();
            return gathered.missing.push(Missing { what: "rows".to_owned(), why });
        };
        let (facts, missing) = order::read(&live.databases, id).await;
        let tried = facts.tellings.iter().map(|telling| &telling.traceparent);
        let tried = tried.chain(facts.deliveries.iter().map(|delivery| &delivery.traceparent));
        gathered.traces.extend(tried.flatten().filter_map(|traceparent| events::trace_id(traceparent)));
        gathered.facts = facts;
        gathered.missing.extend(missing);
    }

    /// Also what came of them: whose databases have taken them in, and how far others are.
    async fn add_events(&self, gathered: &mut Gathered, wanted: events::Wanted) {
        let missing = |why: String| Missing { what: "events".to_owned(), why };
        let Some(live) = &self.live else {
            match self.left(wanted).await {
                Ok(told) => gathered.note(told),
                Err(why) => gathered.missing.push(missing(why)),
            }
            return;
        };
        let away = live.resources.iter().find(|resource| resource.name == "kafka" && !resource.ready);
        let brokers = match (&live.kafka, away) {
            (Some(brokers), None) => brokers,
            (Some(_), Some(kafka)) => return gathered.missing.push(missing(format!("kafka is {}", kafka.state))),
            (None, _) => return gathered.missing.push(missing("this instance has no Kafka".to_owned())),
        };
        let begin = gathered.begin().map(|begin| Stamp(begin.0.saturating_sub(BEFORE)));
        let version = gathered.facts.order.as_ref().map(|order| order.version);
        match events::read(brokers, wanted, begin, version).await {
            Ok(told) => {
                let ids = told.events.iter().filter_map(|event| event.id.as_deref()?.parse().ok()).collect::<Vec<_>>();
                gathered.facts.taken = order::taken(&live.databases, &ids).await;
                gathered.note(told);
            }
            Err(why) => gathered.missing.push(missing(why)),
        }
    }

    /// What the broker of an instance that does not run has left. The error is in words.
    async fn left(&self, wanted: events::Wanted) -> Result<events::Told, String> {
        match stored(&self.instance) {
            Ok(Some(stored)) => {
                let read = tokio::task::spawn_blocking(move || events::left(&stored, &wanted));
                read.await.unwrap_or_else(|error| Err(error.to_string()))
            }
            Ok(None) => Err("the broker has left none".to_owned()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    async fn traces_of(&self, order: i64) -> Vec<String> {
        let folder = telemetry::folder(&self.instance);
        let found = tokio::task::spawn_blocking(move || {
            let reader = Reader::open(&folder).ok()?;
            reader.traces_of(&Wanted::Order(order)).ok()
        });
        let traces = found.await.ok().flatten().unwrap_or_default();
        traces.iter().map(TraceId::to_string).collect()
    }

    async fn add_spans(&self, gathered: &mut Gathered) -> anyhow::Result<()> {
        let (folder, traces) = (telemetry::folder(&self.instance), gathered.traces.clone());
        match tokio::task::spawn_blocking(move || spans::read(&folder, &traces)).await? {
            Ok(spans) => gathered.spans = spans,
            Err(missing) if gathered.missing.contains(&missing) => {}
            Err(missing) => gathered.missing.push(missing),
        }
        Ok(())
    }
}

impl Gathered {
    fn note(&mut self, told: events::Told) {
        self.traces.extend(told.events.iter().filter_map(|event| event.trace.clone()));
        self.told = told;
    }

    /// When the first thing happened that is known of.
    fn begin(&self) -> Option<Stamp> {
        let created = self.facts.order.as_ref().map(|order| order.created);
        let events = self.told.events.iter().filter_map(|event| event.occurred.or(event.time));
        created.into_iter().chain(events).chain(self.spans.iter().map(|span| span.start)).min()
    }
}

impl Live {
    async fn of(instance: &Instance) -> anyhow::Result<Option<Self>> {
        let mut client = match Client::connect(instance).await {
            Ok(client) => client,
            Err(client::Error::NotRunning(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let addresses: Map<String, Value> = client.environment(None).await?.into_iter().collect();
        let kafka = addresses.get("kafka").and_then(Value::as_str).map(str::to_owned);
        let databases = serde_json::from_value(Value::Object(addresses))?;
        Ok(Some(Self { databases, kafka, resources: resources(&client.status().await?) }))
    }
}

/// Those that an order may wait for.
fn resources(snapshot: &Snapshot) -> Vec<Resource> {
    let lasting = snapshot.resources.iter().filter(|resource| resource.kind != Kind::Task.as_str());
    let resource = |resource: &shopctl_protocol::Resource| {
        let paused = resource.faults.first().map(|fault| format!("{fault} on purpose"));
        let root = resource.why.last().filter(|cause| cause.resource != resource.name);
        let root = root.map(|cause| format!("{} {}", cause.resource, cause.detail));
        Resource {
            name: resource.name.clone(),
            state: resource.state.clone(),
            ready: resource.ready && resource.faults.is_empty(),
            why: paused.or(root),
        }
    };
    lasting.map(resource).collect()
}

fn now() -> Stamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Stamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
