//! Wishes for single resources: what makes no sense is refused before anything happens.

use shopctl_core::{
    Event, Id,
    graph::Role,
    machine::{self, Phase, State},
    manifest::{Kind, Signal},
};
use shopctl_protocol::{Action, Reply};

use super::Supervisor;
use crate::process::Hold;

impl Supervisor {
    /// Does something with resources; answered once that has begun.
    pub(super) fn act(&mut self, action: Action, resources: &[String]) -> Reply {
        if !matches!(self.machine.phase(), Phase::Booting | Phase::Up) {
            return Reply::Refused { why: "everything is being stopped".to_owned() };
        }
        let mut ids = Vec::new();
        for name in resources {
            let Some(id) = self.machine.graph().find(name) else {
                let known: Vec<&str> = self.machine.graph().ids().map(|id| self.name(id)).collect();
                let known = known.join(", ");
                return Reply::Refused {
                    why: format!("there is no resource {name} in this instance; there are {known}"),
                };
            };
            if let Some(why) = self.objection(action, id) {
                return Reply::Refused { why };
            }
            ids.push(id);
        }
        match action {
            Action::Start => self.step(Event::Act { action: machine::Action::Start, ids }),
            Action::Stop => self.step(Event::Act { action: machine::Action::Stop, ids }),
            Action::Restart => self.step(Event::Act { action: machine::Action::Restart, ids }),
            Action::Kill => ids.iter().filter_map(|id| self.processes.get(id)).for_each(|(process, _)| {
                process.signal(Signal::Kill);
            }),
            Action::Pause => ids.into_iter().for_each(|id| self.hold(id, Hold::Paused)),
            Action::Resume => ids.into_iter().for_each(|id| self.hold(id, Hold::Resumed)),
        }
        Reply::Done
    }

    fn objection(&self, action: Action, id: Id) -> Option<String> {
        let name = self.name(id);
        let state = self.machine.state(id);
        let elsewhere = self.machine.role(id) == Role::External && state.is_live();
        match action {
            Action::Start if elsewhere => self.still_there(id),
            Action::Restart if elsewhere => Some(format!(
                "{name} runs elsewhere (--external): `start {name}` takes it back, once it is ended there"
            )),
            Action::Stop if matches!(state, State::Completed { .. }) => {
                Some(format!("{name} is a task that has completed: there is nothing to stop"))
            }
            Action::Kill | Action::Pause | Action::Resume => {
                if !self.processes.contains_key(&id) {
                    Some(format!("{name} has no process"))
                } else if self.machine.graph().node(id).kind == Kind::Container {
                    Some(format!("{name} runs in a container: it can be stopped, started and restarted"))
                } else {
                    None
                }
            }
            Action::Start | Action::Stop | Action::Restart => None,
        }
    }

    /// The machine decides nothing about it: the process neither comes nor goes.
    fn hold(&mut self, id: Id, hold: Hold) {
        let Some((process, _)) = self.processes.get(&id) else { return };
        process.hold(hold);
        match hold {
            Hold::Paused => self.paused.insert(id),
            Hold::Resumed => self.paused.remove(&id),
        };
        self.publish(id);
    }

    /// What is taken back must have been ended there: two of it would fight for the port.
    fn still_there(&self, id: Id) -> Option<String> {
        let name = self.name(id);
        let taken = self.known.ports().of(name).into_values().find_map(|port| {
            let holder = crate::proc::listener(port)?;
            Some(format!("{holder} still listens on port {port}: end it there, then `start {name}` takes it back"))
        });
        taken.map(|taken| format!("{name} runs elsewhere: {taken}"))
    }
}
