//! Random graphs and orders of events: whatever happens, the machine keeps its promises.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::manifest::{Infra, Kind};

/// A resource as drawn.
#[derive(Debug, Clone)]
struct Drawn {
    kind: u8,
    restart: u8,
    build: bool,
    probed: bool,
    alive: bool,
    /// For each earlier resource, whether it is needed and how.
    needs: Vec<u8>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let needs = prop::collection::vec(0..6_u8, 12);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (0..3_u8, 0..3_u8, flags, needs).prop_map(|(kind, restart, (build, probed, alive), needs)| Drawn {
        kind,
        restart,
        build,
        probed,
        alive,
        needs,
    })
}

/// Each needs only earlier ones, so there is no circle.
fn manifest(drawn: &[Drawn]) -> Manifest {
    let mut text = String::from("version = 1\n");
    for (number, one) in drawn.iter().enumerate() {
        let is_task = one.kind == 0;
        let needs: Vec<String> = one
            .needs
            .iter()
            .zip(&drawn[..number])
            .enumerate()
            .filter_map(|(other, (&need, of))| {
                let condition = match (need, of.kind == 0) {
                    (0, _) => "started",
                    (1, true) => "completed",
                    (1, false) => "ready",
                    _ => return None,
                };
                Some(format!("r{other} = \"{condition}\""))
            })
            .collect();
        let kind = ["task", "service", "embedded"][usize::from(one.kind)];
        let restart = ["never", "on-failure", "always"][usize::from(one.restart)];
        text += &format!(
            "[resource.r{number}]\nkind = \"{kind}\"\ncommand = [\"x\"]\nneeds = {{ {} }}\nrestart = \"{restart}\"\n",
            needs.join(", ")
        );
        if is_task {
            text += &format!("build = {}\n", one.build);
        } else if one.probed {
            text += &format!("ports = {{ x = {} }}\nprobe = {{ kind = \"tcp\", port = \"x\" }}\n", number + 1);
            if one.alive {
                text += "liveness = { kind = \"tcp\", port = \"x\" }\n";
            }
        }
    }
    Manifest::parse(&text, Infra::Embedded).expect("a drawn manifest is right")
}

/// The world around the machine: what lives, which probes and timers are under way.
struct World {
    machine: Machine,
    now: Duration,
    alive: BTreeMap<Id, u32>,
    probes: Vec<(Id, u32, Look)>,
    timers: Vec<(Duration, Id, u32)>,
    deadline: bool,
    outcomes: usize,
    /// Told to end by a signal that cannot be ignored.
    doomed: Vec<Id>,
}

impl World {
    fn new(machine: Machine) -> Self {
        Self {
            machine,
            now: Duration::ZERO,
            alive: BTreeMap::new(),
            probes: Vec::new(),
            timers: Vec::new(),
            deadline: false,
            outcomes: 0,
            doomed: Vec::new(),
        }
    }

    fn step(&mut self, event: Event) {
        for effect in self.machine.step(event, self.now) {
            match effect {
                Effect::Spawn { id, run } => {
                    assert!(
                        !matches!(self.machine.phase(), Phase::Stopping { .. } | Phase::Down),
                        "nothing starts in a stop"
                    );
                    assert!(self.alive.insert(id, run).is_none(), "one process at a time");
                    let unmet: Vec<_> = self.machine.unmet(id).collect();
                    assert!(unmet.is_empty(), "it starts before {unmet:?} are met");
                }
                Effect::Probe { id, run, look, .. } => {
                    let twice = self.probes.contains(&(id, run, look));
                    assert!(!twice, "nobody is looked at twice at a time");
                    self.probes.push((id, run, look));
                }
                Effect::Signal { id, signal: Signal::Kill } => self.doomed.push(id),
                Effect::Signal { .. } | Effect::Changed(_) | Effect::Stopping(_) => {}
                Effect::Timer { id, epoch, at } => self.timers.push((at, id, epoch)),
                Effect::StartDeadline => {
                    assert!(!self.deadline, "there is one deadline");
                    self.deadline = true;
                }
                Effect::Booted(_) => self.outcomes += 1,
                Effect::Down => assert!(self.alive.is_empty(), "something is left behind: {:?}", self.alive),
            }
        }
        assert!(self.outcomes <= 1, "a boot ends once");
        for id in self.machine.graph().ids() {
            self.check_explanation(id);
        }
    }

    /// Every link but the last waits for the next; the last waits for nobody.
    fn check_explanation(&self, id: Id) {
        let chain = self.machine.explain(id, self.now);
        for pair in chain.windows(2) {
            assert!(self.machine.unmet(pair[0].id).any(|(need, _)| need == pair[1].id));
        }
        let last = chain.last().expect("there is always a cause").id;
        let waits = matches!(self.machine.state(last), State::Pending) && self.machine.unmet(last).next().is_some();
        assert!(!waits || !matches!(self.machine.phase(), Phase::Booting | Phase::Up), "the chain ends too early");
    }

    /// Something that could happen now, chosen by `choice`.
    fn anything(&mut self, choice: u8, which: usize) {
        self.now += Duration::from_millis(u64::from(choice) * 7);
        let id = self.machine.graph().ids().nth(which % self.machine.graph().len()).expect("it is in the graph");
        match choice % 16 {
            0..=5 if !self.probes.is_empty() => {
                let (id, run, look) = self.probes.swap_remove(which % self.probes.len());
                let outcome = if choice.is_multiple_of(2) { Ok(()) } else { Err("not yet".to_owned()) };
                self.step(Event::Probed { id, run, look, outcome });
            }
            6..=8 => self.exit_of(id, Exit::Code(0)),
            9 => self.exit_of(id, Exit::Code(1)),
            10 => {
                if let Some(run) = self.alive.remove(&id) {
                    self.step(Event::NotSpawned { id, run, why: "no".to_owned() });
                }
            }
            11..=12 if !self.timers.is_empty() => self.next_timer(),
            13 if choice > 128 => {
                let action = [Action::Start, Action::Stop, Action::Restart][which % 3];
                self.step(Event::Act { action, ids: vec![id] });
            }
            13 => self.step(Event::Timer { id, epoch: u32::from(choice) }),
            14 => self.step(Event::Exited { id, run: u32::from(choice), exit: Exit::Code(1), port: None }),
            15 if self.deadline && choice > 240 => self.step(Event::Deadline),
            15 if choice > 230 => self.step(Event::Stop(Reason::Asked)),
            15 if choice > 200 => self.step(Reason::LeaseLost.into()),
            _ => self.step(Event::Boot),
        }
    }

    fn exit_of(&mut self, id: Id, exit: Exit) {
        if let Some(run) = self.alive.remove(&id) {
            self.step(Event::Exited { id, run, exit, port: None });
        }
    }

    fn next_timer(&mut self) {
        let next = (0..self.timers.len()).min_by_key(|&index| self.timers[index].0).expect("there is one");
        let (at, id, epoch) = self.timers.swap_remove(next);
        self.now = self.now.max(at);
        self.step(Event::Timer { id, epoch });
    }

    /// Everyone behaves from now on, and what was stopped is wanted again: the boot comes to an end.
    fn settle(&mut self) {
        let ids: Vec<Id> = self.machine.graph().ids().collect();
        self.step(Event::Act { action: Action::Start, ids });
        for _ in 0..10_000 {
            if self.machine.phase() != Phase::Booting {
                return;
            }
            let task = self.alive.keys().copied().find(|&id| self.machine.node(id).kind == Kind::Task);
            // What is ready is looked at for ever: that brings nothing on.
            let unready = |&(id, _, _): &(Id, u32, Look)| !self.machine.state(id).is_ready();
            if let Some(at) = self.probes.iter().position(unready) {
                let (id, run, look) = self.probes.remove(at);
                self.step(Event::Probed { id, run, look, outcome: Ok(()) });
            } else if let Some(id) = self.doomed.pop() {
                self.exit_of(id, Exit::Signal(9));
            } else if let Some(id) = task {
                self.exit_of(id, Exit::Code(0));
            } else if self.timers.is_empty() {
                panic!("deadlock: {:?}", self.machine.slots);
            } else {
                self.next_timer();
            }
        }
        panic!("the boot does not end: {:?}", self.machine.slots);
    }

    /// Nobody listens to any signal but SIGKILL: the stop comes to an end all the same.
    fn stop(&mut self, reason: Reason) {
        let begin = self.now;
        self.step(reason.into());
        for _ in 0..10_000 {
            if self.machine.phase() == Phase::Down {
                let chain = self.machine.graph().ids().map(|id| self.machine.node(id).stop.grace).sum::<Duration>();
                assert!(self.now <= begin + chain, "it takes longer than all the grace there is");
                return;
            }
            match self.doomed.pop() {
                Some(id) => self.exit_of(id, Exit::Signal(9)),
                None => {
                    assert!(!self.timers.is_empty(), "nobody will ever kill {:?}", self.alive);
                    self.next_timer();
                }
            }
        }
        panic!("the stop does not end: {:?}", self.machine.slots);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_starts_early_nothing_waits_for_ever_and_nothing_stays_behind(
        resources in prop::collection::vec(drawn(), 1..10),
        events in prop::collection::vec((any::<u8>(), any::<usize>()), 0..80),
        skip_build in any::<bool>(),
        lost in any::<bool>(),
    ) {
        let options = Options { skip_build, ..Options::default() };
        let graph = Graph::new(&manifest(&resources), &options).expect("the graph is made");
        let mut world = World::new(Machine::new(graph, 7));
        world.step(Event::Boot);
        for (choice, which) in events {
            world.anything(choice, which);
        }
        world.settle();
        world.stop(if lost { Reason::LeaseLost } else { Reason::Asked });
        prop_assert!(world.alive.is_empty());
        prop_assert!(world.machine.slots.iter().all(|slot| !slot.state.is_live()));
        prop_assert_eq!(world.outcomes, 1);
    }
}
