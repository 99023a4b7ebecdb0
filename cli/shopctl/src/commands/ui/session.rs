//! What serves a dashboard that is attached to a running instance.

use std::collections::BTreeMap;

use serde_json::Value;
use shopctl_core::{Graph, manifest::Condition};
use shopctl_protocol::{Action, Resource, Snapshot, Update};
use shopctl_runtime::{Client, Instance};
use shopctl_tui::{
    Command, Edge, Msg,
    checkout::{News, Wish},
    kafka::Ask,
    orders::Look,
};
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};

use super::{kafka, orders, play, reader::Reader, traces};
use crate::{commands::telemetry, running};

pub(crate) struct Session {
    instance: Instance,
    messages: mpsc::Sender<Msg>,
    reader: Option<Reader>,
    /// To what reads Kafka, once somebody looked at it.
    kafka: Option<mpsc::UnboundedSender<Ask>>,
    /// The same for the databases of orders.
    orders: Option<mpsc::UnboundedSender<Look>>,
    /// What reads the spans that are looked at.
    traces: Option<JoinHandle<()>>,
}

impl Session {
    pub(crate) fn new(instance: Instance, messages: mpsc::Sender<Msg>) -> Self {
        Self { instance, messages, reader: None, kafka: None, orders: None, traces: None }
    }

    /// Passes on what the supervisor tells.
    pub(crate) async fn tell(&mut self, update: Update) {
        match update {
            Update::Logged => {
                if let Some(reader) = &self.reader {
                    reader.news();
                }
            }
            Update::Snapshot { snapshot } => {
                if self.reader.is_none() {
                    let names = snapshot.resources.iter().map(|resource| resource.name.clone()).collect();
                    self.reader = Some(Reader::start(self.instance.log_dir(), names, self.messages.clone()));
                    // Before the snapshot, which is the first that is drawn.
                    let _ = self.messages.send(Msg::Edges(edges(&self.instance))).await;
                    self.learn_calls(&snapshot);
                }
                let _ = self.messages.send(Msg::Update(Box::new(Update::Snapshot { snapshot }))).await;
            }
            update => drop(self.messages.send(Msg::Update(Box::new(update))).await),
        }
    }

    /// Asks which service was given which resource's address.
    fn learn_calls(&self, snapshot: &Snapshot) {
        let (instance, messages) = (self.instance.clone(), self.messages.clone());
        let resources = snapshot.resources.clone();
        tokio::spawn(async move {
            // Without it the flow has no calls, and all else is as it is.
            if let Ok(calls) = calls(&instance, &resources).await {
                let _ = messages.send(Msg::Calls(calls)).await;
            }
        });
    }

    fn ask_kafka(&mut self, ask: Ask) {
        let asks = self.kafka.get_or_insert_with(|| {
            let (sender, asks) = mpsc::unbounded_channel();
            let (instance, messages) = (self.instance.clone(), self.messages.clone());
            tokio::spawn(async move {
                let addresses = addresses(&instance).await;
                let found =
                    addresses.map(|addresses| addresses.get("kafka").and_then(Value::as_str).map(str::to_owned));
                match found {
                    Ok(Some(brokers)) => kafka::read(brokers, asks, messages).await,
                    Ok(None) => drop(messages.send(Msg::Failed("this instance has no Kafka".to_owned())).await),
                    Err(error) => drop(messages.send(Msg::Failed(error.to_string())).await),
                }
            });
            sender
        });
        let _ = asks.send(ask);
    }

    fn look_at_orders(&mut self, look: Look) {
        let looks = self.orders.get_or_insert_with(|| {
            let (sender, looks) = mpsc::unbounded_channel();
            let (instance, messages) = (self.instance.clone(), self.messages.clone());
            tokio::spawn(async move {
                match addresses(&instance).await {
                    Ok(addresses) => orders::read(addresses, looks, messages).await,
                    Err(error) => drop(messages.send(Msg::Failed(error.to_string())).await),
                }
            });
            sender
        });
        let _ = looks.send(look);
    }

    fn look_at_traces(&mut self, look: traces::Look) {
        let reading = traces::read(telemetry::folder(&self.instance), look, self.messages.clone());
        if let Some(before) = self.traces.replace(tokio::spawn(reading)) {
            before.abort();
        }
    }

    fn play(&self, wish: Wish) {
        let (instance, messages) = (self.instance.clone(), self.messages.clone());
        let runtime = Handle::current();
        // On a thread of its own: a story does not wander between threads.
        tokio::task::spawn_blocking(move || runtime.block_on(play::play(&instance, wish, &messages)));
    }

    fn list_stories(&self) {
        let (instance, messages) = (self.instance.clone(), self.messages.clone());
        tokio::task::spawn_blocking(move || {
            let stories = play::stories(&instance).map_err(|error| format!("{error:#}"));
            let _ = messages.blocking_send(Msg::Checkout(News::Stories(stories)));
        });
    }

    /// Does what needs nothing but the running instance.
    pub(crate) fn obey(&mut self, command: Command) {
        match command {
            Command::Act { action, resource } => {
                let (instance, messages) = (self.instance.clone(), self.messages.clone());
                tokio::spawn(async move {
                    if let Err(error) = act(&instance, action, resource).await {
                        let _ = messages.send(Msg::Failed(error.to_string())).await;
                    }
                });
            }
            Command::Log(request) => {
                if let Some(reader) = &self.reader {
                    reader.ask(request);
                }
            }
            Command::Kafka(ask) => self.ask_kafka(ask),
            Command::Orders(look) => self.look_at_orders(look),
            Command::Traces(look) => self.look_at_traces(look),
            Command::Stories => self.list_stories(),
            Command::Play(wish) => self.play(wish),
            // Those are of whoever holds the lease, or of the terminal.
            Command::Quit
            | Command::Stop(_)
            | Command::Release
            | Command::Copy(_)
            | Command::Redraw
            | Command::Suspend => {}
        }
    }
}

async fn act(instance: &Instance, action: Action, resource: String) -> anyhow::Result<()> {
    Ok(Client::connect(instance).await?.act(action, &[resource]).await?)
}

pub(super) async fn addresses(instance: &Instance) -> anyhow::Result<BTreeMap<String, Value>> {
    Ok(Client::connect(instance).await?.environment(None).await?)
}

/// Which service was given an address with a port of which resource.
async fn calls(instance: &Instance, resources: &[Resource]) -> anyhow::Result<Vec<(String, String)>> {
    let mut client = Client::connect(instance).await?;
    let mut calls = Vec::new();
    for service in resources.iter().filter(|resource| resource.kind == "service") {
        let variables = client.environment(Some(&service.name)).await?;
        let names = |value: &str, port: u16| {
            value
                .match_indices(&format!(":{port}"))
                .any(|(at, found)| !value[at + found.len()..].starts_with(|c: char| c.is_ascii_digit()))
        };
        for other in resources.iter().filter(|other| other.name != service.name) {
            // Everybody sends telemetry, which is no part of what they do for each other.
            let of_telemetry = |key: &str| key.starts_with("OTEL_");
            for (name, &port) in &other.ports {
                // A port of the proxy is named after the edge that it stands on.
                let called = name.split_once('/').map_or(other.name.as_str(), |(_, to)| to);
                let call = (service.name.clone(), called.to_owned());
                let mut values =
                    variables.iter().filter(|(key, _)| !of_telemetry(key)).filter_map(|(_, value)| value.as_str());
                if !calls.contains(&call) && values.any(|value| names(value, port)) {
                    calls.push(call);
                }
            }
        }
    }
    Ok(calls)
}

/// What needs what in this instance. A plan that cannot be read leaves the graph without edges.
fn edges(instance: &Instance) -> Vec<Edge> {
    let Ok((plan, manifest)) = running::plan(instance) else { return Vec::new() };
    let Ok(graph) = Graph::new(&manifest, &plan.options()) else { return Vec::new() };
    let needs = graph.ids().flat_map(|id| graph.node(id).needs.iter().map(move |need| (id, need)));
    let edge = |(id, (need, condition)): (_, &(_, Condition))| Edge {
        resource: graph.node(id).name.clone(),
        needs: graph.node(*need).name.clone(),
        condition: match condition {
            Condition::Started => "started",
            Condition::Ready => "ready",
            Condition::Completed => "completed",
        }
        .to_owned(),
    };
    needs.map(edge).collect()
}
