//! `kill -9` of shopctl's own processes: nothing of an instance outlives them unasked.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::sandbox::{Sandbox, eventually, signal};

/// The promise is 2 s from the kill; a busy machine gets more. Unasked, nothing here would end at all.
const LIMIT: Duration = Duration::from_secs(20);

fn sandbox() -> Sandbox {
    Sandbox::new(
        r#"
        [resource.escaping]
        kind = "service"
        command = ["@fake", "escape", "${port.escaping.x}"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        env = { FAKE_SHADOW = "${dir.data}" }
        [resource.deaf]
        kind = "service"
        command = ["@fake", "deaf", "${port.deaf.x}"]
        ports = { x = 2 }
        probe = { kind = "tcp", port = "x" }
        "#,
    )
}

/// Client, reaper, supervisor, two services, one that escaped.
fn all_live(sandbox: &Sandbox) {
    eventually("all six processes live", || (sandbox.alive().len() == 6).then_some(()));
}

/// The instance is as good as new.
fn assert_it_boots_again(sandbox: &Sandbox) {
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn nothing_outlives_the_foreground_up() {
    let sandbox = sandbox();
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    all_live(&sandbox);
    up.signal(Signal::SIGKILL);
    assert_eq!(up.exit(), 137);
    sandbox.assert_empty_within(LIMIT);
    assert_it_boots_again(&sandbox);
}

#[test]
fn nothing_outlives_a_hang_up_of_the_terminal() {
    let sandbox = sandbox();
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    up.signal(Signal::SIGHUP);
    sandbox.assert_empty_within(LIMIT);
}

#[test]
fn nothing_outlives_the_supervisor_and_up_says_so() {
    let sandbox = sandbox();
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    all_live(&sandbox);
    signal(sandbox.supervisor_and_reaper().0, Signal::SIGKILL);
    up.wait_for("the supervisor was killed");
    assert_eq!(up.exit(), 1);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
    assert_it_boots_again(&sandbox);
}

#[test]
fn nothing_with_a_marker_outlives_the_reaper() {
    let sandbox = Sandbox::new(
        r#"
        [resource.deaf]
        kind = "service"
        command = ["@fake", "deaf", "${port.deaf.x}"]
        ports = { x = 2 }
        probe = { kind = "tcp", port = "x" }
        "#,
    );
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    signal(sandbox.supervisor_and_reaper().1, Signal::SIGKILL);
    up.wait_for("its reaper is gone");
    assert_eq!(up.exit(), 1);
    sandbox.assert_empty_within(LIMIT);
    assert_it_boots_again(&sandbox);
}

#[test]
fn what_outlives_supervisor_and_reaper_is_ended_by_the_next_up() {
    let sandbox = Sandbox::new(
        r#"
        [resource.deaf]
        kind = "service"
        command = ["@fake", "deaf", "${port.deaf.x}"]
        ports = { x = 2 }
        probe = { kind = "tcp", port = "x" }
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let (supervisor, reaper) = sandbox.supervisor_and_reaper();
    // Stopped first, so that neither sees the other go.
    for wanted in [Signal::SIGSTOP, Signal::SIGKILL] {
        signal(reaper, wanted);
        signal(supervisor, wanted);
    }
    eventually("only the service lives", || (sandbox.alive().len() == 1).then_some(()));
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    assert!(up.output().contains("ended 1 processes that an earlier run had left"), "{}", up.output());
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn an_up_right_after_a_kill_waits_for_the_reaper_instead_of_being_refused() {
    let sandbox = sandbox();
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    signal(sandbox.supervisor_and_reaper().0, Signal::SIGKILL);
    let up = sandbox.up(&["--detach"]);
    let (code, output) = up.exit_and_output();
    assert_eq!(code, 0, "{output}");
    sandbox.succeed(&["down"]);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}
