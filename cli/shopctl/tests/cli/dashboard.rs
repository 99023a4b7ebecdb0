//! The dashboard on a terminal of its own, with a shell around it that has job control.

use std::time::Instant;

use nix::sys::signal::Signal;

use super::{
    figures::{FLOOD, memory},
    sandbox::{DEADLINE, Sandbox, eventually, example, signal, text},
    terminal::Terminal,
};

const TWO: &str = r#"
[resource.first]
kind = "service"
command = ["@fake", "listen", "${port.first.tcp}"]
ports = { tcp = 21000 }
probe = { kind = "tcp", port = "tcp" }

[resource.second]
kind = "service"
command = ["@fake", "listen", "${port.second.tcp}"]
needs = { first = "ready" }
ports = { tcp = 21001 }
probe = { kind = "tcp", port = "tcp" }
"#;

const FAILING: &str = r#"
[resource.first]
kind = "task"
command = ["@fake", "exit", "7"]
"#;

#[test]
fn up_opens_it_and_leaving_stops_the_shop_and_gives_the_terminal_back_as_it_was() {
    let sandbox = Sandbox::new(TWO);
    let mut terminal = Terminal::open(&sandbox, 110, 30);
    terminal.press("before=$(stty -g)\n");
    terminal.type_command("up --isolated");
    terminal.wait_until_taken(true);
    terminal.wait_for("everything is ready");
    terminal.press("q");
    terminal.wait_for("leave it running");
    terminal.press("s");
    terminal.wait_until_taken(false);
    terminal.wait_for("exit=0");
    terminal.press("[ \"$before\" = \"$(stty -g)\" ] && echo as-it-'was'\n");
    terminal.wait_for("as-it-was");
    assert!(sandbox.run(&["status"]).status.code() == Some(8), "{}", terminal.shown());
}

#[test]
fn a_shop_that_is_left_running_takes_several_attached_ones_and_outlives_them() {
    let sandbox = Sandbox::new(TWO);
    let mut terminal = Terminal::open(&sandbox, 110, 30);
    terminal.type_command("up --isolated");
    terminal.wait_for("everything is ready");
    terminal.press("ql");
    terminal.wait_for("exit=0");
    let mut others = [Terminal::open(&sandbox, 110, 30), Terminal::open(&sandbox, 110, 30)];
    for other in &mut others {
        other.type_command("ui");
        other.wait_for("all resources");
    }
    others[0].press("q");
    others[0].wait_for("exit=0");
    others[1].press("\x03");
    others[1].wait_for("exit=0");
    sandbox.succeed(&["status"]);
    sandbox.succeed(&["down"]);
}

#[test]
fn ctrl_z_freezes_only_the_client_and_fg_draws_everything_anew() {
    let sandbox = Sandbox::new(TWO);
    let mut terminal = Terminal::open(&sandbox, 110, 30);
    terminal.type_command("up --isolated");
    terminal.wait_for("everything is ready");
    terminal.press("\x1a");
    terminal.wait_until_taken(false);
    terminal.wait_for("Stopped");
    sandbox.succeed(&["restart", "second"]);
    terminal.press("fg\n");
    terminal.wait_until_taken(true);
    terminal.wait_for("second");
    terminal.press("\x03");
    terminal.wait_until_taken(false);
    eventually("the shop is stopped", || sandbox.own("supervisor").is_none().then_some(()));
}

#[test]
fn a_boot_that_fails_is_shown_until_somebody_leaves_and_gives_its_exit_code() {
    let sandbox = Sandbox::new(FAILING);
    let mut terminal = Terminal::open(&sandbox, 110, 30);
    terminal.type_command("up --isolated");
    terminal.wait_for("the boot failed: first exited with 7");
    terminal.wait_for("everything is stopped");
    terminal.press("q");
    terminal.wait_until_taken(false);
    terminal.wait_for("exit=3");
}

#[test]
fn however_it_ends_the_terminal_is_given_back_as_it_was() {
    let sandbox = Sandbox::new(TWO);
    let mut terminal = Terminal::open(&sandbox, 110, 30);
    terminal.press("before=$(stty -g)\n");
    let breaks = example("breaks");
    let mut end = |how: &str, wanted: Option<Signal>, said: &str| {
        terminal.press(&format!("clear; {} {how}; echo \"{how}: $?\"\n", breaks.display()));
        if let Some(wanted) = wanted {
            terminal.wait_until_taken(true);
            terminal.wait_for("begins");
            let is_it = |pid: &u32| {
                let line = text(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default());
                line.starts_with(&format!("{}\0", breaks.display()))
            };
            let pid = eventually("it is there", || sandbox.alive().into_iter().find(is_it));
            signal(pid, wanted);
        }
        terminal.wait_for(said);
        terminal.wait_until_taken(false);
        let as_it_was = format!("{how} as-it-was");
        terminal.press(&format!("[ \"$before\" = \"$(stty -g)\" ] && echo {how} as-it-'was'\n"));
        terminal.wait_for(&as_it_was);
        assert!(terminal.has_no_mouse(), "{how}");
    };
    end("view", None, "view: 101");
    end("thread", None, "thread: 1");
    end("error", None, "error: 1");
    for wanted in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        end(wanted.as_str(), Some(wanted), &format!("{}: 0", wanted.as_str()));
    }
}

#[test]
fn a_signal_to_the_dashboard_of_up_stops_the_shop_and_gives_the_terminal_back() {
    let sandbox = Sandbox::new(TWO);
    let mut terminal = Terminal::open(&sandbox, 110, 30);
    terminal.type_command("up --isolated");
    terminal.wait_for("everything is ready");
    signal(sandbox.client("up\0--isolated\0"), Signal::SIGTERM);
    terminal.wait_until_taken(false);
    terminal.wait_for("exit=0");
}

#[test]
fn a_terminal_that_takes_next_to_nothing_slows_nobody_and_its_frames_are_left_out() {
    let sandbox = Sandbox::new(&format!("{FLOOD}{TWO}"));
    let mut terminal = Terminal::open(&sandbox, 110, 30);
    terminal.type_command("up --isolated");
    terminal.wait_for("everything is ready");
    let client = sandbox.client("up\0--isolated\0");
    terminal.set_speed(1000);
    // Each of these changes most of what is seen; all of them are some hundred kilobytes.
    for _ in 0..20 {
        terminal.press("1\t67t2w3");
    }
    let (begin, written) = (Instant::now(), terminal.written());
    sandbox.succeed(&["restart", "second"]);
    sandbox.succeed(&["wait"]);
    assert!(begin.elapsed() < DEADLINE / 3, "others wait for this terminal: {:?}", begin.elapsed());
    assert!(memory(client) < 128 << 10, "{} KiB", memory(client));
    // Neither does it wait for its terminal itself.
    terminal.press("ql");
    eventually("it has ended", || (!sandbox.alive().contains(&client)).then_some(()));
    terminal.set_speed(0);
    terminal.wait_until_taken(false);
    terminal.wait_for("exit=0");
    let written = terminal.written() - written;
    assert!(written < 64 << 10, "{written} bytes were queued");
    sandbox.succeed(&["down"]);
}

#[test]
fn without_a_dashboard_there_are_lines() {
    for (prefix, option) in [("", " --no-tui"), ("CI=true ", ""), ("TERM=dumb ", "")] {
        let sandbox = Sandbox::new(TWO);
        let mut terminal = Terminal::open(&sandbox, 110, 30);
        terminal.press(&format!("{prefix}{} up --isolated{option}; echo \"exit=$?\"\n", env!("CARGO_BIN_EXE_shopctl")));
        terminal.wait_for("are ready after");
        assert!(!terminal.is_taken(), "{prefix}{option}");
        terminal.press("\x03");
        terminal.wait_for("exit=0");
    }
    let sandbox = Sandbox::new(TWO);
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    let output = sandbox.run(&["ui"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("needs a terminal"));
}
