//! What is broken on purpose between resources: kept here as data, carried out by the proxy on the edges.

use std::{path::PathBuf, time::Duration};

use shopctl_core::{Id, manifest::PROXY};
use shopctl_protocol::{Answer, Connection, Fault, FaultKind, Order, Reply, Update};
use tokio::{
    net::UnixStream,
    sync::oneshot,
    time::{sleep, timeout},
};

use super::{Input, Supervisor};

/// For the proxy to carry out what it is told; a client waits longer than that.
const PATIENCE: Duration = Duration::from_secs(3);
/// No delay is longer, in seconds: whoever waits has given up long before.
const LONGEST: f64 = 600.0;

/// All faults that there are.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Counts the changes, and numbers the faults.
    revision: u64,
    all: Vec<Active>,
}

#[derive(Debug)]
struct Active {
    number: u64,
    fault: Fault,
    /// When it is over, counted as the supervisor does.
    until: Option<Duration>,
}

impl Faults {
    fn set(&mut self, fault: Fault, now: Duration) -> u64 {
        self.revision += 1;
        let same = |active: &Active| active.fault.on == fault.on && active.fault.kind.word() == fault.kind.word();
        self.all.retain(|active| !same(active));
        let until = fault.left.and_then(|left| Duration::try_from_secs_f64(left).ok()).map(|left| now + left);
        self.all.push(Active { number: self.revision, fault, until });
        self.revision
    }

    /// Whether that has changed anything.
    fn clear(&mut self, is_over: impl Fn(&Active) -> bool) -> bool {
        let before = self.all.len();
        self.all.retain(|active| !is_over(active));
        self.revision += 1;
        self.all.len() < before
    }

    /// With what is left of their time.
    pub(super) fn now(&self, now: Duration) -> Vec<Fault> {
        let left = |until: Duration| until.saturating_sub(now).as_secs_f64();
        self.all.iter().map(|active| Fault { left: active.until.map(left), ..active.fault.clone() }).collect()
    }
}

impl Supervisor {
    /// Answered once the proxy does so.
    pub(super) fn set_fault(&mut self, fault: Fault, answer: oneshot::Sender<Reply>) {
        if let Some(why) = self.fault_objection(&fault) {
            drop(answer.send(Reply::Refused { why }));
            return;
        }
        tracing::info!(%fault, "broken on purpose");
        let number = self.faults.set(fault, self.now());
        let until = self.faults.all.iter().find(|active| active.number == number).and_then(|active| active.until);
        if let Some(until) = until {
            let (inputs, left) = (self.inputs.clone(), until.saturating_sub(self.now()));
            tokio::spawn(async move {
                sleep(left).await;
                let _ = inputs.send(Input::FaultOver(number));
            });
        }
        self.faults_changed(Some(answer));
    }

    /// The same.
    pub(super) fn clear_faults(&mut self, on: Option<&str>, answer: oneshot::Sender<Reply>) {
        let cleared = self.faults.clear(|active| on.is_none_or(|on| active.fault.on == on));
        match on {
            Some(on) if !cleared => {
                let why = format!("nothing is broken on {on}");
                drop(answer.send(Reply::Refused { why }));
            }
            None if !cleared => drop(answer.send(Reply::Done)),
            Some(_) | None => {
                tracing::info!(on, "faults cleared");
                self.faults_changed(Some(answer));
            }
        }
    }

    pub(super) fn fault_over(&mut self, number: u64) {
        if self.faults.clear(|active| active.number == number) {
            tracing::info!("a fault's time is over");
            self.faults_changed(None);
        }
    }

    /// It has just come to life, and knows nothing.
    pub(super) fn remind_proxy(&self) {
        if !self.faults.all.is_empty() {
            self.tell_proxy(None);
        }
    }

    fn faults_changed(&self, answer: Option<oneshot::Sender<Reply>>) {
        self.tell_proxy(answer);
        self.hub.publish(Update::Snapshot { snapshot: self.snapshot() });
    }

    fn tell_proxy(&self, answer: Option<oneshot::Sender<Reply>>) {
        let order = Order { revision: self.faults.revision, faults: self.faults.now(self.now()) };
        let socket = self.instance.proxy_socket();
        tokio::spawn(async move {
            let told = match socket {
                Ok(socket) => timeout(PATIENCE, tell(socket, &order)).await,
                Err(error) => Ok(Err(error.to_string())),
            };
            let reply = match told {
                Ok(Ok(())) => Reply::Done,
                Ok(Err(why)) => {
                    Reply::Refused { why: format!("the proxy has not done so (it will once it can): {why}") }
                }
                Err(_) => Reply::Refused { why: "the proxy does not answer; it will do so once it does".to_owned() },
            };
            if let Reply::Refused { why } = &reply {
                tracing::warn!(%why);
            }
            if let Some(answer) = answer {
                // Whoever asked may be gone.
                drop(answer.send(reply));
            }
        });
    }

    /// Why there cannot be such a fault.
    fn fault_objection(&self, fault: &Fault) -> Option<String> {
        let on = fault.on.as_str();
        let is_topic = self.manifest.topics.contains_key(on);
        let edges = || self.manifest.proxied_edges();
        if !is_topic && !self.manifest.edges.iter().any(|edge| edge.name() == on) {
            let names: Vec<String> =
                edges().map(|edge| edge.name()).chain(self.manifest.topics.keys().cloned()).collect();
            return Some(format!("there is no edge or topic {on}; there are {}", names.join(", ")));
        }
        if !self.plan.faults {
            return Some(format!(
                "nothing stands on the edges of this instance that could break {on}: boot it with `up --faults`"
            ));
        }
        if is_topic != fault.kind.is_of_topic() {
            let word = fault.kind.word();
            return Some(if is_topic {
                format!(
                    "{on} is a topic, and {word} is for edges; for topics there are {}",
                    FaultKind::TOPIC_WORDS.join(", ")
                )
            } else {
                format!(
                    "{on} is an edge, and {word} is for topics; for edges there are {}",
                    FaultKind::EDGE_WORDS.join(", ")
                )
            });
        }
        if !is_topic && !edges().any(|edge| edge.name() == on) {
            return Some(format!("the manifest has no port of {PROXY} for the edge {on}"));
        }
        let times = match fault.kind {
            FaultKind::Latency { delay, jitter } | FaultKind::Delay { delay, jitter } => vec![delay, jitter],
            FaultKind::Reorder { within } => vec![within],
            FaultKind::Reset
            | FaultKind::Timeout
            | FaultKind::Refuse
            | FaultKind::Duplicate
            | FaultKind::Drop
            | FaultKind::Poison => Vec::new(),
        };
        if times.iter().any(|time| !(0.0..=LONGEST).contains(time)) {
            return Some(format!("a delay is between 0 and {LONGEST} seconds"));
        }
        if !(fault.rate > 0.0 && fault.rate <= 1.0) {
            return Some("a rate is above 0 and at most 100%".to_owned());
        }
        if fault.kind == FaultKind::Refuse && fault.rate < 1.0 {
            return Some("refuse takes no rate: either somebody listens or nobody does".to_owned());
        }
        if fault.left.is_some_and(|left| !(left > 0.0 && Duration::try_from_secs_f64(left).is_ok())) {
            return Some("the time that a fault has is above 0".to_owned());
        }
        None
    }

    /// What is broken about a resource, for people: it stands still, or an edge is broken over which it calls; topics' faults
    /// are the broker's.
    pub(super) fn told_faults(&self, id: Id) -> Vec<String> {
        let name = self.name(id);
        let is_broker = self.manifest.edges.iter().any(|edge| edge.port == "kafka" && edge.to == name);
        let is_here = |fault: &Fault| match fault.on.split_once('/') {
            Some((from, _)) => from == name,
            None => is_broker,
        };
        let between = self.faults.all.iter().map(|active| &active.fault).filter(|fault| is_here(fault));
        // How much time is left would be out of date at once.
        let between = between.map(|fault| Fault { left: None, ..fault.clone() }.to_string());
        self.paused.contains(&id).then(|| "paused".to_owned()).into_iter().chain(between).collect()
    }
}

/// Over once the proxy has done so.
async fn tell(socket: PathBuf, order: &Order) -> Result<(), String> {
    let stream = UnixStream::connect(socket).await.map_err(|error| error.to_string())?;
    let mut connection = Connection::new(stream);
    connection.send(order).await.map_err(|error| error.to_string())?;
    match connection.receive().await {
        Ok(Some(Answer { problem: None })) => Ok(()),
        Ok(Some(Answer { problem: Some(problem) })) => Err(problem),
        Ok(None) => Err("it hung up".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(on: &str, kind: FaultKind, left: Option<f64>) -> Fault {
        Fault { on: on.to_owned(), kind, rate: 1.0, seed: 0, left }
    }

    #[test]
    fn there_is_one_of_each_kind_on_an_edge_and_the_time_of_an_earlier_one_ends_no_later_one() {
        let mut faults = Faults::default();
        let second = Duration::from_secs(1);
        let latency = |delay| FaultKind::Latency { delay, jitter: 0.0 };
        let first = faults.set(fault("a/b", latency(0.1), Some(3.0)), second);
        faults.set(fault("a/b", FaultKind::Reset, None), second);
        faults.set(fault("a/c", latency(0.1), None), second);
        assert_eq!(faults.now(2 * second)[0].left, Some(2.0));
        let again = faults.set(fault("a/b", latency(0.2), None), second);
        assert_eq!(faults.all.len(), 3);
        assert!(!faults.clear(|active| active.number == first), "it is gone already");
        assert!(faults.clear(|active| active.number == again));
        assert!(faults.clear(|active| active.fault.on == "a/b"));
        assert_eq!(faults.now(second), [fault("a/c", latency(0.1), None)]);
    }
}
