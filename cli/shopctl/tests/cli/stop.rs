//! Ctrl-C, and who does not listen to it.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::sandbox::{Sandbox, eventually, signal};

const PAIR: &str = r#"
    [resource.below]
    kind = "service"
    command = ["@fake", "listen", "${port.below.x}"]
    ports = { x = 1 }
    probe = { kind = "tcp", port = "x" }
    [resource.above]
    kind = "service"
    command = ["bash", "-c", "trap 'sleep 0.2; : < /dev/tcp/127.0.0.1/${port.below.x} && echo well >> $SANDBOX/end; exit' TERM; while :; do sleep 0.01; done"]
    needs = { below = "ready" }
"#;

#[test]
fn ctrl_c_once_ready_stops_dependents_first_and_is_fine() {
    let sandbox = Sandbox::new(PAIR);
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    // bash needs a moment to set its trap.
    eventually("`above` sleeps", || (sandbox.alive().len() >= 6).then_some(()));
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
    assert_eq!(sandbox.read("end"), "well\n", "what is needed lives until nobody needs it");
}

#[test]
fn ctrl_c_during_the_boot_leaves_nothing_and_says_130() {
    let sandbox = Sandbox::new(
        r#"
        [resource.build]
        kind = "task"
        command = ["sh", "-c", "echo begun; sleep 600"]
        build = true
        "#,
    );
    let up = sandbox.up(&["-v"]);
    up.wait_for("begun");
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 130);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

fn deaf(grace: &str) -> String {
    format!(
        r#"
        [resource.deaf]
        kind = "service"
        command = ["@fake", "deaf", "${{port.deaf.x}}"]
        ports = {{ x = 1 }}
        probe = {{ kind = "tcp", port = "x" }}
        stop = {{ grace = "{grace}" }}
        "#
    )
}

#[test]
fn who_ignores_sigterm_is_killed_after_its_grace() {
    let sandbox = Sandbox::new(&deaf("700ms"));
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    let begin = Instant::now();
    up.signal(Signal::SIGTERM);
    assert_eq!(up.exit(), 0);
    assert!(begin.elapsed() >= Duration::from_millis(700), "its grace was {:?}", begin.elapsed());
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn a_second_ctrl_c_kills_at_once() {
    let sandbox = Sandbox::new(&deaf("60s"));
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    up.signal(Signal::SIGINT);
    up.wait_for("stopping");
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn an_ordinary_stop_also_ends_who_left_group_and_session() {
    let sandbox = Sandbox::new(
        r#"
        [resource.escaping]
        kind = "service"
        command = ["@fake", "escape", "${port.escaping.x}"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        env = { FAKE_SHADOW = "${dir.data}" }
        "#,
    );
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    eventually("the grandchild lives", || (sandbox.alive().len() == 5).then_some(()));
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn a_stuck_supervisor_hinders_nobody_from_leaving() {
    let sandbox = Sandbox::new(&deaf("1s"));
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    signal(sandbox.supervisor_and_reaper().0, Signal::SIGSTOP);
    up.signal(Signal::SIGINT);
    up.wait_for("Ctrl-C again kills it");
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 1);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}
