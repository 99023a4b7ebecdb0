//! Starting, stopping and restarting single resources.

use super::*;

fn act(stage: &mut Stage, action: Action, name: &str) {
    let ids = vec![stage.id(name)];
    stage.step(Event::Act { action, ids });
}

#[test]
fn a_stopped_resource_stays_down_and_comes_back_when_it_is_wanted() {
    let mut stage = shop_that_is_up();
    act(&mut stage, Action::Stop, "api");
    assert_eq!(stage.signals(), [("api", Signal::Term)]);
    stage.exit("api", Exit::Signal(15));
    assert_eq!((stage.state("api"), stage.state("gateway")), ("stopped", "ready"));
    assert_eq!(stage.machine.phase(), Phase::Up, "the rest goes on");
    act(&mut stage, Action::Start, "api");
    assert_eq!(stage.state("api"), "starting");
    stage.ready("api");
    assert_eq!(stage.state("api"), "ready");
    act(&mut stage, Action::Start, "api");
    assert_eq!(stage.state("api"), "ready", "what runs is left alone");
}

#[test]
fn a_restart_stops_first_and_counts() {
    let mut stage = shop_that_is_up();
    act(&mut stage, Action::Restart, "api");
    assert_eq!((stage.state("api"), stage.signals()), ("stopping", vec![("api", Signal::Term)]));
    assert!(stage.details("api")[0].contains("was told to start again"));
    stage.exit("api", Exit::Signal(15));
    assert_eq!((stage.state("api"), stage.run("api")), ("starting", 2));
    let api = stage.id("api");
    assert_eq!((stage.machine.restarts(api), stage.machine.failures(api)), (1, 0));
}

#[test]
fn a_start_brings_back_what_it_needs_too() {
    let mut stage = shop_that_is_up();
    for name in ["api", "db"] {
        act(&mut stage, Action::Stop, name);
        stage.exit(name, Exit::Signal(15));
    }
    let ids = vec![stage.id("migrate"), stage.id("api")];
    stage.step(Event::Act { action: Action::Start, ids });
    assert_eq!((stage.state("db"), stage.state("migrate"), stage.state("api")), ("starting", "pending", "pending"));
    stage.ready("db");
    stage.exit("migrate", Exit::Code(0));
    assert_eq!(stage.state("api"), "starting");
}

#[test]
fn a_restart_does_without_what_was_stopped_on_purpose() {
    let mut stage = shop_that_is_up();
    act(&mut stage, Action::Stop, "api");
    stage.exit("api", Exit::Signal(15));
    act(&mut stage, Action::Restart, "gateway");
    stage.exit("gateway", Exit::Signal(15));
    assert_eq!((stage.state("gateway"), stage.state("api")), ("starting", "stopped"));
    act(&mut stage, Action::Start, "gateway");
    assert_eq!(stage.state("api"), "starting", "a start brings it back");
}

#[test]
fn a_stop_while_it_is_to_be_restarted_wins() {
    let mut stage = shop_that_is_up();
    act(&mut stage, Action::Restart, "api");
    act(&mut stage, Action::Stop, "api");
    stage.exit("api", Exit::Signal(15));
    assert_eq!(stage.state("api"), "stopped");
}

#[test]
fn whoever_wants_it_need_not_wait_for_the_back_off() {
    let mut stage = shop_that_is_up();
    stage.exit("api", Exit::Code(1));
    assert_eq!(stage.state("api"), "backing-off");
    act(&mut stage, Action::Start, "api");
    assert_eq!(stage.state("api"), "starting");
}

#[test]
fn what_runs_elsewhere_is_taken_back_by_a_start() {
    let options = Options { external: vec!["api".to_owned()], ..Options::default() };
    let mut stage = Stage::new(&shop(), &options);
    stage.step(Event::Boot);
    stage.exit("build", Exit::Code(0));
    stage.ready("db");
    stage.exit("migrate", Exit::Code(0));
    stage.ready("api");
    stage.ready("gateway");
    let (api, elsewhere) = (stage.id("api"), stage.run("api"));
    assert_eq!(stage.machine.role(api), Role::External);
    act(&mut stage, Action::Start, "api");
    assert!(stage.effects.contains(&Effect::Spawn { id: api, run: elsewhere + 1 }), "{:?}", stage.effects);
    assert_eq!(stage.machine.role(api), Role::Launched);
    stage.step(Event::Probed { id: api, run: elsewhere, look: Look::Readiness, outcome: Ok(()) });
    assert_eq!(stage.state("api"), "starting", "what the other one answered counts no more");
}

#[test]
fn whoever_stops_a_resource_during_the_boot_does_not_wait_for_it() {
    let mut stage = Stage::booted(&[service("a", 1, ""), service("b", 2, "")].concat());
    act(&mut stage, Action::Stop, "a");
    stage.exit("a", Exit::Signal(15));
    stage.ready("b");
    assert_eq!(stage.outcome(), Some(&Outcome::Ready));
}

#[test]
fn whoever_crashes_does_not_wait_for_what_only_had_to_be_started_before_it() {
    let again = "restart = \"on-failure\"";
    let needs = format!("needs = {{ a = \"started\" }}\n{again}");
    let mut stage = Stage::booted(&[service("a", 1, again), service("b", 2, &needs)].concat());
    stage.ready("a");
    stage.ready("b");
    stage.exit("b", Exit::Code(1));
    let restart = stage.effects.clone();
    stage.exit("a", Exit::Code(1));
    stage.effects = restart;
    stage.timer();
    assert_eq!((stage.state("a"), stage.state("b")), ("backing-off", "starting"));
}

#[test]
fn a_stop_of_everything_ends_all_wishes() {
    let mut stage = shop_that_is_up();
    act(&mut stage, Action::Restart, "api");
    stage.step(Event::Stop(Reason::Asked));
    act(&mut stage, Action::Start, "api");
    stage.exit("gateway", Exit::Code(0));
    stage.exit("api", Exit::Code(0));
    assert_eq!(stage.state("api"), "stopped");
    stage.exit("db", Exit::Code(0));
    assert_eq!(stage.machine.phase(), Phase::Down);
}

#[test]
fn a_crash_loop_is_called_one_and_what_it_needs_is_waited_for() {
    let mut stage = shop_that_is_up();
    for _ in 0..3 {
        stage.exit("api", Exit::Code(7));
        stage.timer();
    }
    stage.exit("api", Exit::Code(7));
    assert!(
        stage.details("api")[0].starts_with("api: crash loop: exited with 7 (4 in a row)"),
        "{:?}",
        stage.details("api")
    );
    let mut stage = shop_that_is_up();
    stage.exit("api", Exit::Code(7));
    let restart = stage.effects.clone();
    act(&mut stage, Action::Stop, "db");
    stage.effects = restart;
    stage.timer();
    assert_eq!(stage.state("api"), "starting", "its need is a migration, which has completed");
}
