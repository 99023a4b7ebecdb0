//! Single resources of a running instance: started, stopped, restarted, lost and found again.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::sandbox::{Sandbox, code, eventually, signal, text};

const PAIR: &str = r#"
    [resource.below]
    kind = "service"
    command = ["@fake", "listen", "${port.below.x}"]
    ports = { x = 1 }
    probe = { kind = "tcp", port = "x" }
    restart = "on-failure"
    [resource.above]
    kind = "service"
    command = ["@fake", "listen", "${port.above.x}"]
    ports = { x = 2 }
    probe = { kind = "tcp", port = "x" }
    needs = { below = "ready" }
"#;

fn resource(sandbox: &Sandbox, name: &str) -> Value {
    let status: Value = serde_json::from_str(&text(&sandbox.run(&["status", "--json"]).stdout)).expect("it is JSON");
    let resources = status["resources"].as_array().expect("it has resources");
    resources.iter().find(|resource| resource["name"] == name).expect("it is one of them").clone()
}

fn pid(sandbox: &Sandbox, name: &str) -> u32 {
    resource(sandbox, name)["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("it has a pid")
}

fn wait_for_state(sandbox: &Sandbox, name: &str, state: &str) {
    eventually(&format!("{name} is {state}"), || (resource(sandbox, name)["state"] == state).then_some(()));
}

#[test]
fn a_resource_is_stopped_started_and_restarted_while_the_rest_goes_on() {
    let sandbox = Sandbox::new(PAIR);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let (above, below) = (pid(&sandbox, "above"), pid(&sandbox, "below"));
    sandbox.succeed(&["stop", "below"]);
    assert_eq!(resource(&sandbox, "below")["state"], "stopped");
    assert_eq!(pid(&sandbox, "above"), above, "whoever needs it goes on");
    sandbox.succeed(&["start", "below"]);
    assert_ne!(pid(&sandbox, "below"), below);
    let second = pid(&sandbox, "below");
    sandbox.succeed(&["restart", "below", "above"]);
    assert!(pid(&sandbox, "below") != second && pid(&sandbox, "above") != above);
    assert_eq!(resource(&sandbox, "below")["restarts"], 2);
    sandbox.succeed(&["down"]);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn a_start_brings_what_it_needs_and_says_when_that_fails() {
    let sandbox = Sandbox::new(PAIR);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    sandbox.succeed(&["stop", "above", "below"]);
    sandbox.succeed(&["start", "above"]);
    assert_eq!(resource(&sandbox, "below")["state"], "ready");

    let nobody = sandbox.run(&["restart", "nobody"]);
    assert_eq!(code(nobody.status), 2);
    assert!(text(&nobody.stderr).contains("there is no resource nobody"), "{}", text(&nobody.stderr));
    sandbox.succeed(&["down"]);
    assert_eq!(code(sandbox.run(&["start", "above"]).status), 8);
}

#[test]
fn a_start_that_ends_in_failure_or_takes_too_long_has_the_exit_code_for_it() {
    let sandbox = Sandbox::new(
        r#"
        [resource.moody]
        kind = "service"
        command = ["sh", "-c", "if [ -e $SANDBOX/broken ]; then echo cannot go on >&2; exit 7; fi; exec @fake listen ${port.moody.x}"]
        ports = { x = 1 }
        probe = { kind = "exec", command = ["test", "!", "-e", "${dir.workspace}/unready"] }
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    std::fs::write(sandbox.path("broken"), "").expect("a file is written");
    let failed = sandbox.run(&["restart", "moody"]);
    // Its probe looks at a file only, so that it may have been ready for a moment before it ended.
    eventually("it has failed", || (resource(&sandbox, "moody")["state"] == "failed").then_some(()));
    assert!(matches!(code(failed.status), 0 | 3), "{}", text(&failed.stderr));
    let why = sandbox.succeed(&["why", "moody"]);
    assert!(why.contains("exited with 7") && why.contains("cannot go on"), "{why}");
    assert_eq!(code(sandbox.run(&["status"]).status), 3);

    std::fs::remove_file(sandbox.path("broken")).expect("it was there");
    std::fs::write(sandbox.workspace().join("unready"), "").expect("a file is written");
    let late = sandbox.run(&["start", "moody", "--timeout", "1s"]);
    assert_eq!(code(late.status), 4, "{}", text(&late.stderr));
    assert!(text(&late.stderr).contains("`shopctl why moody`"), "{}", text(&late.stderr));
}

#[test]
fn a_service_that_hangs_is_not_ready_until_it_goes_on() {
    let sandbox = Sandbox::new(
        r#"
        [resource.server]
        kind = "service"
        command = ["@fake", "listen", "${port.server.x}"]
        ports = { x = 1 }
        probe = { kind = "exec", command = ["sh", "-c", "grep -q '^State:.T' /proc/$(cat $SANDBOX/pid)/status && exit 1 || exit 0"], interval = "50ms", failures = 2 }
        "#,
    );
    let up = sandbox.up(&[]);
    let supervised = eventually("it runs", || {
        let output = sandbox.run(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        status["resources"][0]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
    });
    std::fs::write(sandbox.path("pid"), supervised.to_string()).expect("a file is written");
    up.wait_until_ready();
    signal(supervised, Signal::SIGSTOP);
    wait_for_state(&sandbox, "server", "unready");
    up.wait_for("was ready, but not for");
    assert_eq!(code(sandbox.run(&["status"]).status), 3);
    signal(supervised, Signal::SIGCONT);
    wait_for_state(&sandbox, "server", "ready");
    up.wait_for("ready again");
    assert_eq!(pid(&sandbox, "server"), supervised, "nobody has restarted it");
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
}

/// Asks for an action over the control socket; the refusal, if it is refused.
fn act(sandbox: &Sandbox, action: &str, resource: &str) -> Option<String> {
    let ps: Value = serde_json::from_str(&sandbox.succeed(&["ps", "--json"])).expect("JSON");
    let state = ps[0]["state_dir"].as_str().expect("it has a folder").to_owned();
    let running = std::fs::read_to_string(format!("{state}/supervisor.json")).expect("it runs");
    let running: Value = serde_json::from_str(&running).expect("JSON");
    let mut stream = UnixStream::connect(running["socket"].as_str().expect("a socket")).expect("somebody listens");
    writeln!(stream, r#"{{"request":"hello","protocol":4,"version":"a test"}}"#).expect("it is read");
    writeln!(stream, r#"{{"request":"act","action":"{action}","resources":["{resource}"]}}"#).expect("it is read");
    let answers: Vec<Value> = BufReader::new(&stream)
        .lines()
        .take(2)
        .map(|line| serde_json::from_str(&line.expect("an answer")).expect("JSON"))
        .collect();
    assert_eq!(answers[0]["reply"], "welcome");
    answers[1]["why"].as_str().map(str::to_owned)
}

#[test]
fn a_process_is_killed_paused_and_resumed_on_purpose_and_a_paused_one_can_be_stopped() {
    let sandbox = Sandbox::new(PAIR);
    let up = sandbox.up(&["--detach"]);
    assert_eq!(up.exit(), 0);
    let faults = || {
        let status: Value = serde_json::from_slice(&sandbox.run(&["status", "--json"]).stdout).expect("JSON");
        let all = status["resources"].as_array().expect("resources");
        all.iter().find(|one| one["name"] == "below").expect("it is there")["faults"].clone()
    };
    let is_stopped =
        |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") T "));
    let first = pid(&sandbox, "below");
    assert_eq!(act(&sandbox, "kill", "below"), None);
    eventually("another process is ready", || {
        let status: Value = serde_json::from_slice(&sandbox.run(&["status", "--json"]).stdout).ok()?;
        let below = status["resources"].as_array()?.iter().find(|one| one["name"] == "below")?.clone();
        (below["ready"] == true && below["pid"] != first).then_some(())
    });

    let second = pid(&sandbox, "below");
    assert_eq!(act(&sandbox, "pause", "below"), None);
    assert_eq!(faults(), serde_json::json!(["paused"]));
    if cfg!(target_os = "linux") {
        eventually("it stands still", || is_stopped(second).then_some(()));
    }
    assert_eq!(act(&sandbox, "resume", "below"), None);
    assert_eq!(faults(), serde_json::json!([]));
    assert_eq!(pid(&sandbox, "below"), second);

    assert_eq!(act(&sandbox, "pause", "below"), None);
    sandbox.succeed(&["stop", "below"]);
    assert_eq!(faults(), serde_json::json!([]));
    let refused = act(&sandbox, "kill", "below").expect("there is nothing to kill");
    assert!(refused.contains("below has no process"), "{refused}");
    assert!(act(&sandbox, "pause", "nobody").is_some_and(|why| why.contains("there is no resource nobody")));
    sandbox.succeed(&["down"]);
}

#[test]
fn a_service_that_seems_dead_is_started_again() {
    let sandbox = Sandbox::new(
        r#"
        [resource.server]
        kind = "service"
        command = ["@fake", "listen", "${port.server.x}"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        liveness = { kind = "exec", command = ["sh", "-c", "! test -e $SANDBOX/dead || { rm $SANDBOX/dead; echo no pulse >&2; exit 1; }"], interval = "50ms", failures = 1 }
        restart = "on-failure"
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let before = pid(&sandbox, "server");
    std::fs::write(sandbox.path("dead"), "").expect("a file is written");
    eventually("another one serves", || {
        let server = resource(&sandbox, "server");
        (server["ready"] == true && server["pid"] != before).then_some(())
    });
    assert_eq!(resource(&sandbox, "server")["restarts"], 1);
}

#[test]
fn a_crash_loop_is_shown_as_one_with_its_last_words() {
    let sandbox = Sandbox::new(
        r#"
        [resource.server]
        kind = "service"
        command = ["sh", "-c", "test -e $SANDBOX/broken && { echo out of luck; exit 9; }; exec @fake listen ${port.server.x}"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        restart = "on-failure"
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    std::fs::write(sandbox.path("broken"), "").expect("a file is written");
    signal(pid(&sandbox, "server"), Signal::SIGKILL);
    let why = eventually("it is called a crash loop", || {
        let why = sandbox.succeed(&["why", "server"]);
        why.contains("crash loop").then_some(why)
    });
    assert!(why.contains("exited with 9") && why.contains("| out of luck"), "{why}");
    std::fs::remove_file(sandbox.path("broken")).expect("it was there");
    sandbox.succeed(&["start", "server"]);
    assert_eq!(resource(&sandbox, "server")["failures"], 0, "whoever wants it need not wait for the back-off");
}

#[test]
fn a_line_of_its_log_makes_a_service_ready() {
    let sandbox = Sandbox::new(
        r#"
        [resource.server]
        kind = "service"
        command = ["sh", "-c", "echo warming up; until [ -e $SANDBOX/warm ]; do sleep 0.01; done; echo now serving; exec sleep 600"]
        probe = { kind = "log", line = "now serving" }
        "#,
    );
    let up = sandbox.up(&[]);
    eventually("its probe has failed", || {
        let output = sandbox.run(&["why", "server"]);
        text(&output.stdout).contains("it has not written \"now serving\" yet").then_some(())
    });
    std::fs::write(sandbox.path("warm"), "").expect("a file is written");
    up.wait_until_ready();
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
}
