//! The dashboard on a terminal of its own, with a shell around it that has job control.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread,
};

use nix::pty::{Winsize, openpty};

use super::sandbox::{Sandbox, eventually, signal, text};

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

/// A terminal with a shell.
struct Terminal {
    shell: Child,
    keys: File,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    fn open(sandbox: &Sandbox) -> Self {
        let size = Winsize { ws_row: 30, ws_col: 110, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).expect("a terminal is made");
        let mut like = sandbox.command(&[]);
        like.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").env("PS1", "$ ").env_remove("CI");
        // The same environment and folder, for a shell that has the terminal as its own.
        let mut shell = Command::new("setsid");
        shell.args(["--ctty", "--wait", "bash", "--norc", "--noprofile", "-i"]);
        for (name, value) in like.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.current_dir(sandbox.workspace());
        let side = |fd: &OwnedFd| fd.try_clone().expect("a descriptor can be shared");
        shell.stdin(side(&pty.slave)).stdout(side(&pty.slave)).stderr(side(&pty.slave));
        let shell = shell.spawn().expect("a shell starts");
        drop(pty.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size.ws_row, size.ws_col, 0)));
        let mut reader = File::from(pty.master.try_clone().expect("a descriptor can be shared"));
        let sink = screen.clone();
        thread::spawn(move || {
            let mut block = [0; 4096];
            // It ends by an error once nobody has the other side.
            while let Ok(count @ 1..) = reader.read(&mut block) {
                sink.lock().expect("nobody panics with it").process(&block[..count]);
            }
        });
        Self { shell, keys: File::from(pty.master), screen }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    fn type_command(&mut self, arguments: &str) {
        self.press(&format!("{} {arguments}; echo \"exit=$?\"\n", env!("CARGO_BIN_EXE_shopctl")));
    }

    /// Waits until this is to be seen.
    fn wait_for(&self, wanted: &str) {
        eventually(&format!("{wanted:?} on the terminal"), || self.shown().contains(wanted).then_some(()));
    }

    /// Waits until a dashboard has the terminal, or until the shell has it again.
    fn wait_until_taken(&self, taken: bool) {
        eventually("the terminal changes hands", || (self.is_taken() == taken).then_some(()));
    }

    fn is_taken(&self) -> bool {
        self.screen.lock().expect("nobody panics with it").screen().alternate_screen()
    }

    fn shown(&self) -> String {
        self.screen.lock().expect("nobody panics with it").screen().contents()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

#[test]
fn up_opens_it_and_leaving_stops_the_shop_and_gives_the_terminal_back_as_it_was() {
    let sandbox = Sandbox::new(TWO);
    let mut terminal = Terminal::open(&sandbox);
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
    let mut terminal = Terminal::open(&sandbox);
    terminal.type_command("up --isolated");
    terminal.wait_for("everything is ready");
    terminal.press("ql");
    terminal.wait_for("exit=0");
    let mut others = [Terminal::open(&sandbox), Terminal::open(&sandbox)];
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
    let mut terminal = Terminal::open(&sandbox);
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
    let mut terminal = Terminal::open(&sandbox);
    terminal.type_command("up --isolated");
    terminal.wait_for("the boot failed: first exited with 7");
    terminal.wait_for("everything is stopped");
    terminal.press("q");
    terminal.wait_until_taken(false);
    terminal.wait_for("exit=3");
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    let sandbox = Sandbox::new(TWO);
    let mut terminal = Terminal::open(&sandbox);
    terminal.type_command("up --isolated");
    terminal.wait_for("everything is ready");
    let client = eventually("the client is there", || {
        let is_client = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            text(&line).ends_with("up\0--isolated\0")
        };
        sandbox.alive().into_iter().find(is_client)
    });
    signal(client, nix::sys::signal::Signal::SIGTERM);
    terminal.wait_until_taken(false);
    terminal.wait_for("exit=0");
}

#[test]
fn without_a_dashboard_there_are_lines() {
    for (prefix, option) in [("", " --no-tui"), ("CI=true ", ""), ("TERM=dumb ", "")] {
        let sandbox = Sandbox::new(TWO);
        let mut terminal = Terminal::open(&sandbox);
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
