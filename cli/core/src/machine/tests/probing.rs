//! Readiness that is lost and found again; liveness.

use super::*;

fn stage(probe: &str) -> Stage {
    Stage::booted(&format!(
        "[resource.a]\nkind = \"service\"\ncommand = [\"x\"]\nrestart = \"on-failure\"\nports = {{ x = 1 }}\n{probe}\n\
         [resource.b]\nkind = \"task\"\ncommand = [\"x\"]\nneeds = {{ a = \"ready\" }}\n"
    ))
}

fn dead(stage: &mut Stage) {
    let (id, run) = (stage.id("a"), stage.run("a"));
    stage.step(Event::Probed { id, run, look: Look::Liveness, outcome: Err("no answer".to_owned()) });
}

fn looks(stage: &Stage) -> Vec<(Look, Duration)> {
    let look = |effect: &Effect| match effect {
        Effect::Probe { look, after, .. } => Some((*look, *after)),
        _ => None,
    };
    stage.effects.iter().filter_map(look).collect()
}

#[test]
fn readiness_is_lost_after_enough_failures_and_found_again() {
    let mut stage = stage("probe = { kind = \"tcp\", port = \"x\", interval = \"3s\", failures = 3 }");
    stage.ready("a");
    assert_eq!(looks(&stage), [(Look::Readiness, Duration::from_secs(3))]);
    stage.not_ready("a", "no answer");
    stage.not_ready("a", "no answer");
    assert_eq!(stage.state("a"), "ready", "twice proves nothing");
    stage.ready("a");
    for _ in 0..3 {
        stage.not_ready("a", "no answer");
    }
    assert_eq!(stage.state("a"), "unready");
    assert_eq!(looks(&stage), [(Look::Readiness, Duration::from_millis(500))], "doubt makes it look more often");
    stage.now += Duration::from_secs(4);
    stage.not_ready("a", "still none");
    assert_eq!(stage.details("a"), ["a: was ready, but not for 4.0 s now: still none"]);
    stage.ready("a");
    assert_eq!(stage.state("a"), "ready");
    assert_eq!(stage.signals(), [], "nobody was told anything");
}

#[test]
fn what_waits_for_a_lost_dependency_starts_once_it_is_found_again() {
    let mut stage = stage("probe = { kind = \"tcp\", port = \"x\", failures = 1 }");
    stage.ready("a");
    stage.exit("b", Exit::Code(0));
    stage.not_ready("a", "no answer");
    let id = stage.id("b");
    stage.step(Event::Act { action: Action::Restart, ids: vec![id] });
    assert_eq!(stage.state("b"), "pending");
    assert_eq!(stage.details("b")[1], "a: was ready, but not for 0.0 s now: no answer");
    stage.ready("a");
    assert_eq!(stage.state("b"), "starting");
}

#[test]
fn ready_takes_as_many_successes_in_a_row_as_the_manifest_says() {
    let mut stage = stage("probe = { kind = \"tcp\", port = \"x\", successes = 2 }");
    stage.ready("a");
    stage.not_ready("a", "hiccup");
    stage.ready("a");
    assert_eq!(stage.state("a"), "starting");
    stage.ready("a");
    assert_eq!(stage.state("a"), "ready");
}

#[test]
fn what_seems_dead_is_ended_and_started_again_as_after_a_crash() {
    let mut stage = stage("liveness = { kind = \"tcp\", port = \"x\", interval = \"5s\", failures = 2 }");
    assert_eq!(stage.state("a"), "ready", "without a readiness probe it is ready once started");
    assert!(looks(&stage).contains(&(Look::Liveness, Duration::from_secs(5))));
    dead(&mut stage);
    assert_eq!(stage.signals(), []);
    dead(&mut stage);
    assert_eq!((stage.state("a"), stage.signals()), ("stopping", vec![("a", Signal::Term)]));
    assert!(stage.details("a")[0].contains("seemed dead: no answer"), "{:?}", stage.details("a"));
    stage.exit("a", Exit::Code(0));
    assert_eq!(stage.state("a"), "backing-off", "also if it ends well at last");
    stage.timer();
    assert_eq!((stage.state("a"), stage.run("a")), ("ready", 2));
    let id = stage.id("a");
    assert_eq!(stage.machine.restarts(id), 1);
}

#[test]
fn a_line_of_a_log_is_looked_for_only_until_it_is_found() {
    let mut stage = stage("probe = { kind = \"log\", line = \"listening\" }");
    stage.not_ready("a", "not yet");
    assert_eq!(looks(&stage).len(), 1);
    stage.ready("a");
    assert_eq!((stage.state("a"), looks(&stage)), ("ready", vec![]));
}
