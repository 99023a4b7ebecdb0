//! Wishes for single resources: what makes no sense is refused before anything happens.

use shopctl_core::{
    Event, Id,
    graph::Role,
    machine::{self, Phase, State},
};
use shopctl_protocol::{Action, Reply};

use super::Supervisor;

impl Supervisor {
    /// Starts, stops or restarts resources; answered once that has begun.
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
        let action = match action {
            Action::Start => machine::Action::Start,
            Action::Stop => machine::Action::Stop,
            Action::Restart => machine::Action::Restart,
        };
        self.step(Event::Act { action, ids });
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
            Action::Start | Action::Stop | Action::Restart => None,
        }
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
