//! Promises of the state machine: single stories here, every order of events in `random`.

mod acting;
mod probing;
mod random;

use std::time::Duration;

use super::*;
use crate::{
    graph::Options,
    manifest::{Infra, Manifest},
};

/// A machine with its clock, driven by hand.
struct Stage {
    machine: Machine,
    now: Duration,
    effects: Vec<Effect>,
}

impl Stage {
    fn new(resources: &str, options: &Options) -> Self {
        let manifest = Manifest::parse(&format!("version = 1\n{resources}"), Infra::Embedded);
        let manifest = manifest.expect("the manifest is right");
        let graph = Graph::new(&manifest, options).expect("the graph is made");
        Self { machine: Machine::new(graph, 1), now: Duration::ZERO, effects: Vec::new() }
    }

    fn booted(resources: &str) -> Self {
        let mut stage = Self::new(resources, &Options::default());
        stage.step(Event::Boot);
        stage
    }

    fn step(&mut self, event: Event) {
        self.effects = self.machine.step(event, self.now);
    }

    fn id(&self, name: &str) -> Id {
        self.machine.graph().find(name).expect("it is in the graph")
    }

    fn run(&self, name: &str) -> u32 {
        self.machine.slots[self.id(name).index()].run
    }

    fn state(&self, name: &str) -> &'static str {
        self.machine.state(self.id(name)).label()
    }

    fn states(&self) -> Vec<(&str, &'static str)> {
        let graph = self.machine.graph();
        graph.ids().map(|id| (graph.node(id).name.as_str(), self.machine.state(id).label())).collect()
    }

    fn ready(&mut self, name: &str) {
        let (id, run) = (self.id(name), self.run(name));
        self.step(Event::Probed { id, run, look: Look::Readiness, outcome: Ok(()) });
    }

    fn not_ready(&mut self, name: &str, why: &str) {
        let (id, run) = (self.id(name), self.run(name));
        self.step(Event::Probed { id, run, look: Look::Readiness, outcome: Err(why.to_owned()) });
    }

    fn exit(&mut self, name: &str, exit: Exit) {
        let (id, run) = (self.id(name), self.run(name));
        self.step(Event::Exited { id, run, exit, port: None });
    }

    /// Lets time pass to the last timer that was asked for, and tells it.
    fn timer(&mut self) {
        let timer = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Timer { id, epoch, at } => Some((*id, *epoch, *at)),
            _ => None,
        });
        let (id, epoch, at) = timer.expect("a timer was asked for");
        self.now = at;
        self.step(Event::Timer { id, epoch });
    }

    fn signals(&self) -> Vec<(&str, Signal)> {
        let signal = |effect: &Effect| match effect {
            Effect::Signal { id, signal } => Some((*id, *signal)),
            _ => None,
        };
        self.effects
            .iter()
            .filter_map(signal)
            .map(|(id, signal)| (self.machine.node(id).name.as_str(), signal))
            .collect()
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Booted(outcome) => Some(outcome),
            _ => None,
        })
    }

    fn details(&self, name: &str) -> Vec<String> {
        let chain = self.machine.explain(self.id(name), self.now);
        chain.into_iter().map(|cause| format!("{}: {}", self.machine.node(cause.id).name, cause.detail)).collect()
    }
}

fn task(name: &str, more: &str) -> String {
    format!("[resource.{name}]\nkind = \"task\"\ncommand = [\"x\"]\n{more}\n")
}

/// With a port and a probe.
fn service(name: &str, port: u16, more: &str) -> String {
    format!(
        "[resource.{name}]\nkind = \"service\"\ncommand = [\"x\"]\nports = {{ x = {port} }}\n\
         probe = {{ kind = \"tcp\", port = \"x\" }}\n{more}\n"
    )
}

/// build -> migrate -> api, and db -> migrate; gateway after api has started.
fn shop() -> String {
    [
        task("build", "build = true"),
        service("db", 1, "stop = { signals = [\"INT\", \"QUIT\"], grace = \"10s\" }"),
        task("migrate", "needs = { build = \"completed\", db = \"ready\" }"),
        service("api", 2, "needs = { migrate = \"completed\" }\nrestart = \"on-failure\""),
        service("gateway", 3, "needs = { api = \"started\" }"),
    ]
    .concat()
}

fn shop_that_is_up() -> Stage {
    let mut stage = Stage::booted(&shop());
    stage.exit("build", Exit::Code(0));
    stage.ready("db");
    stage.exit("migrate", Exit::Code(0));
    stage.ready("api");
    stage.ready("gateway");
    assert_eq!(stage.machine.phase(), Phase::Up);
    stage
}

#[test]
fn everything_starts_as_soon_as_what_it_needs_is_there_and_not_before() {
    let mut stage = Stage::booted(&shop());
    let expect = |stage: &Stage, states: [&str; 5]| {
        let names = ["build", "db", "migrate", "api", "gateway"];
        let found: Vec<_> = names.iter().map(|name| stage.state(name)).collect();
        assert_eq!(found, states);
    };
    expect(&stage, ["starting", "starting", "pending", "pending", "pending"]);
    stage.exit("build", Exit::Code(0));
    assert!(stage.effects.contains(&Effect::StartDeadline), "the timeout counts from the end of the build");
    expect(&stage, ["completed", "starting", "pending", "pending", "pending"]);
    stage.ready("db");
    expect(&stage, ["completed", "ready", "starting", "pending", "pending"]);
    stage.exit("migrate", Exit::Code(0));
    expect(&stage, ["completed", "ready", "completed", "starting", "starting"]);
    stage.ready("gateway");
    assert_eq!(stage.outcome(), None);
    stage.ready("api");
    assert_eq!(stage.outcome(), Some(&Outcome::Ready));
}

#[test]
fn a_probe_that_fails_is_repeated_ever_more_slowly() {
    let mut stage = Stage::booted(&service("a", 1, ""));
    let probe = |stage: &Stage| {
        stage.effects.iter().find_map(|effect| match effect {
            Effect::Probe { after, .. } => Some(*after),
            _ => None,
        })
    };
    assert_eq!(probe(&stage), Some(Duration::ZERO));
    stage.not_ready("a", "refused");
    assert_eq!(probe(&stage), Some(Duration::from_millis(5)));
    stage.not_ready("a", "refused");
    assert_eq!(probe(&stage), Some(Duration::from_micros(6250)));
    stage.ready("a");
    assert_eq!(probe(&stage), Some(Duration::from_secs(5)), "it goes on, at its interval");
}

#[test]
fn a_boot_fails_with_a_task_and_stops_all() {
    let mut stage = Stage::booted(&shop());
    stage.exit("build", Exit::Code(101));
    let failed = Outcome::Failed { id: stage.id("build"), failure: Failure::Exited(Exit::Code(101)) };
    assert_eq!(stage.outcome(), Some(&failed));
    assert_eq!(stage.signals(), [("db", Signal::Int)]);
    stage.exit("db", Exit::Code(0));
    assert_eq!(stage.effects.last(), Some(&Effect::Down));
}

#[test]
fn a_boot_fails_at_once_with_what_may_not_restart_and_at_the_third_exit_with_what_may() {
    let mut stage = Stage::booted(&service("a", 1, ""));
    stage.exit("a", Exit::Code(0));
    assert!(matches!(stage.outcome(), Some(Outcome::Failed { failure: Failure::Exited(Exit::Code(0)), .. })));

    let mut stage = Stage::booted(&service("a", 1, "restart = \"on-failure\""));
    for _ in 0..2 {
        stage.exit("a", Exit::Signal(11));
        assert_eq!((stage.outcome(), stage.state("a")), (None, "backing-off"));
        stage.timer();
        assert_eq!(stage.state("a"), "starting");
    }
    stage.exit("a", Exit::Signal(11));
    let failure = Failure::CrashLoop { exits: 3, last: Exit::Signal(11) };
    assert_eq!(stage.outcome(), Some(&Outcome::Failed { id: stage.id("a"), failure }));
}

#[test]
fn a_taken_port_fails_the_boot_without_a_second_try() {
    let mut stage = Stage::booted(&service("a", 1, "restart = \"always\""));
    let (id, run) = (stage.id("a"), stage.run("a"));
    let taken = PortTaken { port: 1, holder: "pid 7 (nc)".to_owned() };
    stage.step(Event::Exited { id, run, exit: Exit::Code(1), port: Some(taken.clone()) });
    assert_eq!(stage.outcome(), Some(&Outcome::Failed { id, failure: Failure::PortTaken(taken) }));
}

#[test]
fn the_timeout_tells_what_was_waited_for() {
    let mut stage = Stage::booted(&shop());
    stage.step(Event::Deadline);
    assert_eq!(stage.outcome(), None, "the build is not over yet");
    stage.exit("build", Exit::Code(0));
    stage.not_ready("db", "nothing listens");
    stage.now += Duration::from_secs(60);
    stage.step(Event::Deadline);
    let Some(Outcome::TimedOut { chains }) = stage.outcome() else { panic!("{:?}", stage.effects) };
    let roots: Vec<_> = chains.iter().filter_map(|chain| chain.last()).map(|cause| cause.id).collect();
    assert!(roots.iter().all(|&id| id == stage.id("db")), "{chains:?}");
    assert!(chains[0].iter().all(|cause| cause.detail.contains("nothing listens")), "{chains:?}");
}

#[test]
fn a_stop_goes_backwards_also_through_what_has_completed() {
    let mut stage = shop_that_is_up();
    stage.step(Event::Stop(Reason::Asked));
    assert_eq!(stage.signals(), [("gateway", Signal::Term)]);
    stage.exit("gateway", Exit::Code(0));
    assert_eq!(stage.signals(), [("api", Signal::Term)]);
    stage.exit("api", Exit::Code(0));
    assert_eq!(stage.signals(), [("db", Signal::Int)]);
    stage.exit("db", Exit::Code(0));
    assert_eq!(stage.effects.last(), Some(&Effect::Down));
}

#[test]
fn who_does_not_listen_is_killed_after_its_grace() {
    let mut stage = Stage::booted(&service("db", 1, "stop = { signals = [\"INT\", \"QUIT\"], grace = \"10s\" }"));
    stage.step(Event::Stop(Reason::Asked));
    assert_eq!(stage.signals(), [("db", Signal::Int)]);
    stage.timer();
    assert_eq!((stage.now, stage.signals()), (Duration::from_secs(8), vec![("db", Signal::Quit)]));
    stage.timer();
    assert_eq!((stage.now, stage.signals()), (Duration::from_secs(10), vec![("db", Signal::Kill)]));
}

#[test]
fn a_lost_lease_stops_all_at_once_with_a_second_and_a_half() {
    let mut stage = shop_that_is_up();
    stage.step(Reason::LeaseLost.into());
    let mut signals = stage.signals();
    signals.sort();
    assert_eq!(signals, [("api", Signal::Term), ("db", Signal::Int), ("gateway", Signal::Term)]);
    let last = stage.effects.iter().filter_map(|effect| match effect {
        Effect::Timer { at, .. } => Some(*at),
        _ => None,
    });
    assert_eq!(last.max(), Some(Duration::from_millis(1500)));
}

#[test]
fn a_second_ctrl_c_kills_what_drains_and_what_still_waits() {
    let mut stage = shop_that_is_up();
    stage.step(Event::Stop(Reason::Asked));
    stage.step(Event::Kill);
    let mut signals = stage.signals();
    signals.sort();
    assert_eq!(signals, [("api", Signal::Kill), ("db", Signal::Kill), ("gateway", Signal::Kill)]);
    stage.step(Event::Stop(Reason::Asked));
    assert_eq!(stage.effects, [], "a gentler stop no longer counts");
}

#[test]
fn word_of_an_earlier_process_and_a_timer_of_an_earlier_state_count_for_nothing() {
    let mut stage = Stage::booted(&service("a", 1, "restart = \"always\""));
    let (id, first) = (stage.id("a"), stage.run("a"));
    stage.exit("a", Exit::Code(1));
    let Some(&Effect::Timer { epoch, at, .. }) = stage.effects.last() else { panic!("{:?}", stage.effects) };
    stage.now = at;
    stage.step(Event::Timer { id, epoch });
    assert_eq!(stage.state("a"), "starting");
    for stale in [
        Event::Timer { id, epoch },
        Event::Probed { id, run: first, look: Look::Readiness, outcome: Ok(()) },
        Event::Exited { id, run: first, exit: Exit::Code(1), port: None },
        Event::NotSpawned { id, run: first, why: "late".to_owned() },
    ] {
        stage.step(stale.clone());
        assert_eq!((stage.state("a"), stage.effects.as_slice()), ("starting", &[][..]), "{stale:?}");
    }
}

#[test]
fn a_crash_after_the_boot_leaves_the_rest_running_and_is_forgotten_once_healthy() {
    let mut stage = shop_that_is_up();
    stage.exit("api", Exit::Signal(9));
    assert_eq!(
        (stage.state("api"), stage.state("gateway"), stage.machine.phase()),
        ("backing-off", "ready", Phase::Up)
    );
    stage.timer();
    stage.ready("api");
    stage.now += Duration::from_secs(60);
    stage.exit("api", Exit::Signal(9));
    let api = stage.id("api");
    assert!(matches!(stage.machine.state(api), State::BackingOff { failures: 1, .. }), "{:?}", stage.states());
    stage.exit("gateway", Exit::Code(1));
    assert_eq!((stage.state("gateway"), stage.machine.phase()), ("failed", Phase::Up));
}

#[test]
fn a_program_that_is_not_there_fails_the_boot() {
    let mut stage = Stage::booted(&service("a", 1, "restart = \"always\""));
    let (id, run) = (stage.id("a"), stage.run("a"));
    stage.step(Event::NotSpawned { id, run, why: "no such file".to_owned() });
    let failure = Failure::NotSpawned("no such file".to_owned());
    assert_eq!(stage.outcome(), Some(&Outcome::Failed { id, failure }));
    assert_eq!(stage.effects.last(), Some(&Effect::Down));
}

#[test]
fn what_runs_elsewhere_is_only_probed() {
    let options = Options { external: vec!["gateway".to_owned()], skip_build: true, ..Options::default() };
    let mut stage = Stage::new(&shop(), &options);
    stage.step(Event::Boot);
    assert_eq!(stage.state("build"), "completed");
    stage.ready("db");
    stage.exit("migrate", Exit::Code(0));
    let gateway = stage.id("gateway");
    assert!(stage.effects.iter().any(|effect| matches!(effect, Effect::Probe { id, .. } if *id == gateway)));
    assert!(!stage.effects.iter().any(|effect| matches!(effect, Effect::Spawn { id, .. } if *id == gateway)));
    stage.ready("api");
    stage.ready("gateway");
    stage.step(Event::Stop(Reason::Asked));
    assert_eq!(stage.signals(), [("api", Signal::Term)]);
}

#[test]
fn an_explanation_goes_down_to_the_root() {
    let mut stage = Stage::booted(&shop());
    stage.exit("build", Exit::Code(0));
    stage.not_ready("db", "nothing listens on port 1 yet");
    stage.now += Duration::from_secs(2);
    assert_eq!(
        stage.details("gateway"),
        [
            "gateway: waits for api",
            "api: waits for migrate",
            "migrate: waits for db",
            "db: started 2.0 s ago, not ready: nothing listens on port 1 yet",
        ]
    );
    stage.ready("db");
    assert_eq!(stage.details("db"), ["db: has been ready for 0.0 s"]);
}

#[test]
fn an_explanation_prefers_what_failed_to_what_only_takes_long() {
    let resources = [
        service("a-slow", 1, ""),
        service("b-crashing", 2, "restart = \"always\""),
        service("last", 3, "needs = { a-slow = \"ready\", b-crashing = \"ready\" }"),
    ];
    let mut stage = Stage::booted(&resources.concat());
    stage.exit("b-crashing", Exit::Code(7));
    let details = stage.details("last");
    assert_eq!(details[0], "last: waits for b-crashing (and 1 more)");
    assert!(details[1].starts_with("b-crashing: exited with 7 (1 in a row)"), "{details:?}");
}

#[test]
fn a_stop_before_the_boot_is_over_says_so_and_leaves_nothing() {
    let mut stage = Stage::booted(&shop());
    stage.step(Event::Stop(Reason::Asked));
    assert_eq!(stage.outcome(), Some(&Outcome::Interrupted));
    stage.exit("build", Exit::Signal(15));
    stage.exit("db", Exit::Code(0));
    assert_eq!(stage.machine.phase(), Phase::Down);
    stage.step(Event::Boot);
    assert_eq!(stage.effects, []);
}
