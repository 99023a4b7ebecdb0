//! Services that do what services should not.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::File,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::signal::Signal,
};

use super::sandbox::{DEADLINE, Sandbox, code, eventually, signal, text};

/// A service that is the fake in this mode; `more` are further lines of it.
fn service(name: &str, mode: &str, more: &str) -> String {
    format!(
        r#"
        [resource.{name}]
        kind = "service"
        command = ["@fake", "{mode}", "${{port.{name}.x}}"]
        ports = {{ x = {port} }}
        env = {{ FAKE_SHADOW = "${{dir.data}}" }}
        {more}
        "#,
        port = name.bytes().fold(1_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    )
}

const PROBE: &str = r#"probe = { kind = "tcp", port = "x" }"#;

/// Stops an `up` by Ctrl-C: it ends well, and leaves nothing. Answers with how long that took.
fn stop(sandbox: &Sandbox, up: super::sandbox::Up<'_>) -> Duration {
    let begin = Instant::now();
    up.signal_group(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    let took = begin.elapsed();
    assert_eq!(sandbox.alive(), [0_u32; 0]);
    took
}

#[test]
fn an_ordinary_stop_ends_whoever_got_away_without_waiting_for_them() {
    for mode in ["escape", "daemon", "cling"] {
        let sandbox = Sandbox::new(&service("server", mode, PROBE));
        let up = sandbox.up(&[]);
        up.wait_until_ready();
        eventually("the grandchild lives", || (sandbox.alive().len() == 5).then_some(()));
        eprintln!("{mode}: {:?}", stop(&sandbox, up));
    }
}

#[test]
fn a_stop_ends_a_storm_of_escaped_children() {
    let sandbox = Sandbox::new(&service("server", "storm", PROBE));
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    eventually("the storm has begun", || (sandbox.alive().len() > 8).then_some(()));
    eprintln!("storm: {:?}", stop(&sandbox, up));
}

#[test]
fn a_storm_of_escaped_children_does_not_outlive_the_supervisor() {
    let sandbox = Sandbox::new(&service("server", "storm", PROBE));
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    eventually("the storm has begun", || (sandbox.alive().len() > 8).then_some(()));
    let begin = Instant::now();
    signal(sandbox.own("supervisor").expect("it runs"), Signal::SIGKILL);
    assert_eq!(up.exit(), 1);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
    eprintln!("storm: {:?}", begin.elapsed());
}

#[test]
fn what_descends_from_what_two_dead_shopctls_ran_is_ended_by_the_next_up() {
    let sandbox = Sandbox::new(&service("server", "escape", PROBE));
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let (supervisor, reaper) = sandbox.supervisor_and_reaper();
    // Stopped first, so that neither sees the other go.
    for wanted in [Signal::SIGSTOP, Signal::SIGKILL] {
        signal(reaper, wanted);
        signal(supervisor, wanted);
    }
    let left = eventually("the service and the escaped live", || {
        let alive = sandbox.alive();
        (alive.len() == 2).then_some(alive)
    });
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    assert!(left.iter().all(|pid| !sandbox.alive().contains(pid)), "{}", up.output());
    stop(&sandbox, up);
}

#[test]
fn a_service_that_stopped_itself_is_asked_to_end_like_any_other() {
    let sandbox = Sandbox::new(&service("server", "freeze", "stop = { grace = \"10m\" }"));
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    stop(&sandbox, up);
}

#[test]
fn a_service_that_answers_nobody_is_named_when_the_time_is_over() {
    let probe = r#"probe = { kind = "http", port = "x", path = "/" }"#;
    let sandbox = Sandbox::new(&service("server", "mute", probe));
    let output = sandbox.run(&["up", "--isolated", "--timeout", "3s"]);
    let errors = text(&output.stderr);
    assert_eq!(code(output.status), 4, "{errors}");
    assert!(errors.contains("server") && errors.contains("did not answer within 2 s"), "{errors}");
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn a_service_that_answers_slowly_is_waited_for() {
    let sandbox = Sandbox::new(
        r#"
        [resource.server]
        kind = "service"
        command = ["@fake", "slow", "${port.server.x}", "300"]
        ports = { x = 1 }
        probe = { kind = "http", port = "x", path = "/" }
        "#,
    );
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    stop(&sandbox, up);
}

#[test]
fn a_port_that_a_dead_service_left_to_a_child_is_told_with_who_has_it() {
    let sandbox = Sandbox::new(&service("server", "squat", r#"probe = { kind = "http", port = "x", path = "/" }"#));
    let output = sandbox.run(&["up", "--isolated"]);
    let errors = text(&output.stderr);
    assert_eq!(code(output.status), 5, "{errors}");
    assert!(errors.contains("fake haunt"), "{errors}");
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn tasks_that_flood_or_write_garbage_are_over_when_they_end() {
    let sandbox = Sandbox::new(
        r#"
        [resource.flood]
        kind = "task"
        command = ["@fake", "flood", "20000"]
        [resource.garbage]
        kind = "task"
        command = ["@fake", "garbage"]
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let flood = sandbox.succeed(&["logs", "flood"]);
    for stream in ["out", "err"] {
        assert_eq!(flood.lines().filter(|line| line.contains(&format!("{stream}  "))).count(), 20_000, "{stream}");
    }
    assert!(sandbox.succeed(&["logs", "garbage"]).contains("the end, without a newline"));
    sandbox.succeed(&["down"]);
}

#[test]
fn no_service_inherits_what_belongs_to_shopctl_or_to_another() {
    const SERVICES: usize = 8;
    let mut manifest = String::new();
    for n in 0..SERVICES {
        // All are started at the same time.
        writeln!(manifest, "{}", service(&format!("s{n}"), "descriptors", PROBE)).expect("a string takes all");
    }
    let sandbox = Sandbox::new(&manifest);
    // As a shell has it open that reads the output of a script.
    let inherited = File::open("/dev/zero").expect("it is there");
    fcntl(&inherited, FcntlArg::F_SETFD(FdFlag::empty())).expect("it can be inherited");
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let mut pipes = BTreeSet::new();
    for n in 0..SERVICES {
        let lines = eventually("it has told what is open", || {
            let lines = sandbox.succeed(&["logs", &format!("s{n}")]);
            lines.contains("that is all").then_some(lines)
        });
        // The last one is the folder that it reads.
        for (number, target) in [("0", "/dev/null"), ("1", "pipe:["), ("2", "pipe:["), ("3", "/proc/")] {
            let found = lines.lines().find_map(|line| line.split_once(&format!(" {number} {target}")));
            let (_, rest) = found.unwrap_or_else(|| panic!("no {number} {target} in {lines}"));
            if target == "pipe:[" {
                assert!(pipes.insert(rest.to_owned()), "two have the pipe {rest}");
            }
        }
        assert_eq!(lines.lines().count(), 5, "{lines}");
    }
    sandbox.succeed(&["down"]);
    sandbox.assert_empty_within(DEADLINE);
}

/// Eight services, each needing the one before.
fn chain(mode: &str, more: &str) -> String {
    let needs = |n: usize| match n {
        0 => String::new(),
        n => format!("needs = {{ s{} = \"ready\" }}", n - 1),
    };
    (0..8).map(|n| service(&format!("s{n}"), mode, &format!("{PROBE}\n{}\n{more}", needs(n)))).collect()
}

#[test]
fn a_chain_of_eight_deaf_services_is_killed_one_grace_after_the_other() {
    const GRACE: Duration = Duration::from_millis(200);
    let sandbox = Sandbox::new(&chain("deaf", "stop = { grace = \"200ms\" }"));
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    let took = stop(&sandbox, up);
    eprintln!("eight graces of {GRACE:?}: {took:?}");
    assert!(took >= 8 * GRACE, "{took:?}");
    // The promise is 1 s more than the graces; a busy machine gets more.
    assert!(took < 8 * GRACE + Duration::from_secs(10), "{took:?}");
}

#[test]
fn eight_well_behaved_services_stop_in_no_time() {
    let manifest: String = (0..8).map(|n| service(&format!("s{n}"), "listen", PROBE)).collect();
    let sandbox = Sandbox::new(&manifest);
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    let took = stop(&sandbox, up);
    eprintln!("eight well-behaved services: {took:?}");
    assert!(took < Duration::from_secs(4), "less than any grace: {took:?}");
}
