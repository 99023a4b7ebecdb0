//! Signals to each of shopctl's own processes, apart from SIGKILL.

use nix::sys::signal::Signal;

use super::sandbox::{DEADLINE, Sandbox, code, eventually, signal};

const SERVER: &str = r#"
    [resource.server]
    kind = "service"
    command = ["@fake", "listen", "${port.server.x}"]
    ports = { x = 1 }
    probe = { kind = "tcp", port = "x" }
"#;

/// Ends only by SIGKILL, and later than any test waits for it.
const STUBBORN: &str = r#"
    [resource.deaf]
    kind = "service"
    command = ["@fake", "deaf", "${port.deaf.x}"]
    ports = { x = 1 }
    probe = { kind = "tcp", port = "x" }
    stop = { grace = "10m" }
"#;

#[test]
fn ctrl_z_freezes_the_client_and_nothing_else() {
    let sandbox = Sandbox::new(SERVER);
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    up.signal_group(Signal::SIGSTOP);
    sandbox.succeed(&["wait"]);
    sandbox.succeed(&["status"]);
    up.signal_group(Signal::SIGCONT);
    up.signal_group(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn a_frozen_client_hinders_nobody_from_stopping_its_instance() {
    let sandbox = Sandbox::new(SERVER);
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    up.signal_group(Signal::SIGSTOP);
    sandbox.succeed(&["down"]);
    up.signal_group(Signal::SIGCONT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn a_first_sigterm_of_the_foreground_up_stops_and_a_second_kills() {
    let sandbox = Sandbox::new(STUBBORN);
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    up.signal(Signal::SIGTERM);
    up.wait_for("stopping");
    up.signal(Signal::SIGTERM);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn a_first_sigterm_of_the_supervisor_stops_and_a_second_kills() {
    let sandbox = Sandbox::new(STUBBORN);
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    let supervisor = sandbox.own("supervisor").expect("it runs");
    signal(supervisor, Signal::SIGTERM);
    up.wait_for("stopping");
    signal(supervisor, Signal::SIGTERM);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn the_reaper_lets_nobody_talk_it_out_of_its_duty() {
    let sandbox = Sandbox::new(SERVER);
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    let reaper = sandbox.own("reaper").expect("it runs");
    for wanted in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGTSTP] {
        signal(reaper, wanted);
    }
    // Once it is continued, it would have died of any of them.
    signal(reaper, Signal::SIGCONT);
    sandbox.succeed(&["status"]);
    assert_eq!(sandbox.own("reaper"), Some(reaper));
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn whoever_kills_all_of_shopctl_by_name_with_sigterm_leaves_nothing() {
    let sandbox = Sandbox::new(&format!(
        r#"{SERVER}
        [resource.daemon]
        kind = "service"
        command = ["@fake", "daemon", "${{port.daemon.x}}"]
        ports = {{ x = 2 }}
        probe = {{ kind = "tcp", port = "x" }}
        env = {{ FAKE_SHADOW = "${{dir.data}}" }}
        "#
    ));
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    eventually("all six processes live", || (sandbox.alive().len() == 6).then_some(()));
    for pid in [sandbox.own("reaper"), sandbox.own("supervisor")].into_iter().flatten() {
        signal(pid, Signal::SIGTERM);
    }
    up.signal(Signal::SIGTERM);
    up.exit();
    sandbox.assert_empty_within(DEADLINE);
    assert_eq!(code(sandbox.run(&["status"]).status), 8);
}
