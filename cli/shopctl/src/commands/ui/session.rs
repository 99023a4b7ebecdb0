//! What serves a dashboard that is attached to a running instance.

use shopctl_core::{Graph, manifest::Condition};
use shopctl_protocol::{Action, Update};
use shopctl_runtime::{Client, Instance};
use shopctl_tui::{Command, Edge, Msg};
use tokio::sync::mpsc;

use super::reader::Reader;
use crate::running;

pub(crate) struct Session {
    instance: Instance,
    messages: mpsc::Sender<Msg>,
    reader: Option<Reader>,
}

impl Session {
    pub(crate) fn new(instance: Instance, messages: mpsc::Sender<Msg>) -> Self {
        Self { instance, messages, reader: None }
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
                }
                let _ = self.messages.send(Msg::Update(Update::Snapshot { snapshot })).await;
            }
            update => drop(self.messages.send(Msg::Update(update)).await),
        }
    }

    /// Does what needs nothing but the running instance.
    pub(crate) fn obey(&self, command: Command) {
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
