//! Kills at random moments: whatever is killed and when, nothing is left and the next `up` works.
//!
//! `SUPERVISOR_KILLS` sets how many of each (3), `SUPERVISOR_SEED` repeats one run's moments, and `SUPERVISOR_STRICT=1`
//! holds a quiet machine to the promise of 2 s.

use std::{
    env,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::sandbox::{Sandbox, Up, eventually, signal};

/// Boots for some 0.2 s and stops for 0.3 s; one is deaf, one has a deaf grandchild that has nothing to know it by.
const MANIFEST: &str = r#"
    [resource.base]
    kind = "service"
    command = ["@fake", "listen", "${port.base.x}", "60"]
    ports = { x = 1 }
    probe = { kind = "tcp", port = "x" }
    [resource.task]
    kind = "task"
    command = ["@fake", "exit", "0", "40"]
    needs = { base = "ready" }
    [resource.daemon]
    kind = "service"
    command = ["@fake", "daemon", "${port.daemon.x}"]
    ports = { x = 2 }
    probe = { kind = "tcp", port = "x" }
    env = { FAKE_SHADOW = "${dir.data}" }
    needs = { task = "completed" }
    [resource.deaf]
    kind = "service"
    command = ["@fake", "deaf", "${port.deaf.x}"]
    ports = { x = 3 }
    probe = { kind = "tcp", port = "x" }
    needs = { task = "completed" }
    stop = { grace = "300ms" }
"#;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Moments that can be had again.
fn moments(test: &str) -> (u64, StdRng) {
    let seed = number("SUPERVISOR_SEED").unwrap_or_else(rand::random);
    eprintln!("{test}: SUPERVISOR_SEED={seed}");
    (number("SUPERVISOR_KILLS").unwrap_or(3), StdRng::seed_from_u64(seed))
}

fn wait_up_to(milliseconds: u64, random: &mut StdRng) {
    sleep(Duration::from_micros(random.random_range(0..milliseconds * 1000)));
}

/// A busy machine gets more than was promised; unasked, nothing here would end at all.
fn limit() -> Duration {
    Duration::from_secs(if env::var_os("SUPERVISOR_STRICT").is_some() { 2 } else { 20 })
}

/// Counts the survivors and says when there were none.
fn assert_nothing_is_left(sandbox: &Sandbox, what: &str, since: Instant) {
    sandbox.assert_empty_within(limit().saturating_sub(since.elapsed()));
    eprintln!("{what}: nothing is left after {:?}", since.elapsed());
}

fn assert_it_works(sandbox: &Sandbox) {
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

/// An `up` at a random moment of one of its three times.
fn somewhere<'a>(sandbox: &'a Sandbox, round: u64, random: &mut StdRng) -> (&'static str, Up<'a>) {
    let up = sandbox.up(&[]);
    match round % 3 {
        0 => {
            eventually("there is a supervisor", || sandbox.own("supervisor"));
            wait_up_to(250, random);
            ("boot", up)
        }
        1 => {
            up.wait_until_ready();
            wait_up_to(50, random);
            ("running", up)
        }
        _ => {
            up.wait_until_ready();
            up.signal(Signal::SIGINT);
            wait_up_to(400, random);
            ("shutdown", up)
        }
    }
}

#[test]
fn nothing_outlives_a_supervisor_that_is_killed_at_any_moment() {
    let (kills, mut random) = moments("supervisor");
    let sandbox = Sandbox::new(MANIFEST);
    for round in 0..kills {
        let (time, up) = somewhere(&sandbox, round, &mut random);
        let begin = Instant::now();
        // In the shutdown it may have ended before.
        if let Some(supervisor) = sandbox.own("supervisor") {
            signal(supervisor, Signal::SIGKILL);
        }
        let code = up.exit();
        assert!(matches!(code, 0 | 1), "{time}: {code}");
        assert_nothing_is_left(&sandbox, time, begin);
        assert_it_works(&sandbox);
    }
}

#[test]
fn nothing_outlives_a_foreground_up_that_is_killed_at_any_moment() {
    let (kills, mut random) = moments("client");
    let sandbox = Sandbox::new(MANIFEST);
    for round in 0..kills {
        let (time, up) = somewhere(&sandbox, round, &mut random);
        let begin = Instant::now();
        up.signal(Signal::SIGKILL);
        drop(up);
        assert_nothing_is_left(&sandbox, time, begin);
        assert_it_works(&sandbox);
    }
}

#[test]
fn nothing_outlives_a_terminal_that_hangs_up_at_any_moment() {
    let (kills, mut random) = moments("terminal");
    let sandbox = Sandbox::new(MANIFEST);
    for _ in 0..kills {
        let up = sandbox.up(&[]);
        wait_up_to(500, &mut random);
        let begin = Instant::now();
        up.signal_group(Signal::SIGHUP);
        up.exit();
        assert_nothing_is_left(&sandbox, "terminal", begin);
    }
    assert_it_works(&sandbox);
}

#[test]
fn ctrl_c_at_any_moment_of_the_boot_leaves_nothing_and_tells_whether_it_was_ready() {
    let (kills, mut random) = moments("Ctrl-C");
    let sandbox = Sandbox::new(MANIFEST);
    for _ in 0..kills {
        let up = sandbox.up(&[]);
        wait_up_to(500, &mut random);
        up.signal_group(Signal::SIGINT);
        let begin = Instant::now();
        let (code, said) = up.exit_and_output();
        eprintln!("Ctrl-C: {code} after {:?}", begin.elapsed());
        let wanted = if said.contains("are ready") { 0 } else { 130 };
        assert_eq!(code, wanted, "{said}");
        assert_eq!(sandbox.alive(), [0_u32; 0]);
    }
    assert_it_works(&sandbox);
}

#[test]
fn an_up_that_dies_before_it_holds_the_lease_leaves_nothing() {
    let (kills, mut random) = moments("before the lease");
    let sandbox = Sandbox::new(MANIFEST);
    for _ in 0..kills {
        let up = sandbox.up(&[]);
        eventually("there is a reaper", || sandbox.own("reaper"));
        wait_up_to(20, &mut random);
        let begin = Instant::now();
        up.signal(Signal::SIGKILL);
        drop(up);
        assert_nothing_is_left(&sandbox, "before the lease", begin);
    }
    assert_it_works(&sandbox);
}

#[test]
fn a_killed_supervisor_takes_nothing_of_another_instance_along() {
    let (kills, mut random) = moments("two instances");
    let sandbox = Sandbox::new(MANIFEST);
    assert_eq!(sandbox.up(&["--detach", "--instance", "spared"]).exit(), 0);
    let spared = eventually("the other instance is complete", || {
        let alive = sandbox.alive();
        // Supervisor, reaper, three services, one that escaped; its parent and the client have ended.
        (alive.len() == 6).then_some(alive)
    });
    for _ in 0..kills {
        let up = sandbox.up(&["--instance", "killed"]);
        let begun = || sandbox.alive().into_iter().filter(|pid| !spared.contains(pid)).find(|&pid| is_supervisor(pid));
        let supervisor = eventually("there is a second supervisor", begun);
        wait_up_to(400, &mut random);
        signal(supervisor, Signal::SIGKILL);
        assert_eq!(up.exit(), 1);
        assert_eq!(sandbox.alive(), spared);
    }
    sandbox.succeed(&["wait", "--instance", "spared"]);
    sandbox.succeed(&["down", "--instance", "spared"]);
}

fn is_supervisor(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.windows(10).any(|part| part == b"supervisor"))
}
