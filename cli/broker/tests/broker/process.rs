//! The real binary, as a process that is started, stopped and killed.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::DEADLINE;

pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    child: Child,
    /// Keeps the pipe empty, so that the broker never waits for us; ends in what it said.
    log: Option<JoinHandle<String>>,
}

/// A test that fails leaves no broker behind.
impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn command(data: &Path, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopctl-broker"));
    command.arg("--listen").arg(listen).arg("--data").arg(data).stderr(Stdio::piped()).env_remove("RUST_LOG");
    command
}

impl Process {
    /// Starts a broker and waits until it is ready.
    pub(crate) fn start(data: &Path, listen: &str) -> Self {
        Self::of(command(data, listen))
    }

    /// Starts one that may write no file beyond so many KiB: what it meets is what a full disk does to it.
    pub(crate) fn start_on_a_full_disk(data: &Path, listen: &str, kib: u64) -> Self {
        // Without the trap the kernel would end the process that writes too much.
        Self::limited(data, listen, "trap '' XFSZ; ulimit -Sf \"$0\"", kib)
    }

    /// Starts one that may have no more files open than so many, connections included.
    pub(crate) fn start_with_few_open_files(data: &Path, listen: &str, files: u64) -> Self {
        Self::limited(data, listen, "ulimit -n \"$0\"", files)
    }

    fn limited(data: &Path, listen: &str, limit: &str, to: u64) -> Self {
        let broker = command(data, listen);
        let mut limited = Command::new("bash");
        limited.arg("-c").arg(format!("{limit} && exec \"$@\"")).arg(to.to_string());
        limited.arg(broker.get_program()).args(broker.get_args()).stderr(Stdio::piped()).env_remove("RUST_LOG");
        Self::of(limited)
    }

    /// Takes the limit of [`Process::start_on_a_full_disk`] away.
    pub(crate) fn make_room(&self) {
        let pid = self.child.id().to_string();
        let done = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
        assert!(done.expect("prlimit runs").success());
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary runs");
        let stderr = child.stderr.take().expect("a pipe");
        let (address, mut rest) = ready(stderr);
        let log = std::thread::spawn(move || {
            let mut said = String::new();
            rest.read_to_string(&mut said).ok();
            said
        });
        Self { address, child, log: Some(log) }
    }

    /// The most memory that it ever had, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        peak.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// SIGKILL; what it has said until then.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        let log = self.log.take().expect("it is read once");
        log.join().expect("what it said")
    }

    /// SIGTERM; how it ended, and after how long.
    fn terminate(mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status();
        assert!(sent.expect("sh runs").success());
        (self.child.wait().expect("gone"), started.elapsed())
    }
}

fn ready(stderr: ChildStderr) -> (SocketAddr, BufReader<ChildStderr>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = String::new();
    loop {
        line.clear();
        assert!(stderr.read_line(&mut line).expect("a line") > 0, "the broker ended before it was ready");
        if let Some((_, address)) = line.split_once("ready address=") {
            let address = address.split_whitespace().next().expect("an address");
            return (address.parse().expect("an address"), stderr);
        }
    }
}

/// Exit code and standard error of a broker that cannot start.
fn refused(data: &Path, listen: &str) -> (Option<i32>, String) {
    let mut child = command(data, listen).spawn().expect("the binary runs");
    let deadline = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        assert!(Instant::now() < deadline, "it runs");
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut text = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut text).expect("text");
    (status.code(), text)
}

#[test]
fn a_taken_port_is_named_with_its_holder() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let dir = tempfile::tempdir().expect("temporary directory");
    let (code, text) = refused(dir.path(), &address);
    assert_eq!(code, Some(1));
    let holder = format!("address {address} is taken by process {}", std::process::id());
    assert!(text.contains(&holder) && text.contains("--listen"), "{text}");
}

#[test]
fn a_data_directory_belongs_to_one_broker() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let first = Process::start(dir.path(), "127.0.0.1:0");
    let (code, text) = refused(dir.path(), "127.0.0.1:0");
    assert_eq!(code, Some(1));
    assert!(text.contains("is in use by another broker") && text.contains("--data"), "{text}");
    first.kill();
    // What a killed broker held is free at once.
    Process::start(dir.path(), "127.0.0.1:0").kill();
}

#[test]
fn a_termination_signal_is_an_orderly_end_that_no_idle_client_delays() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let broker = Process::start(dir.path(), "127.0.0.1:0");
    let _idle = std::net::TcpStream::connect(broker.address).expect("connected");
    let (status, took) = broker.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < DEADLINE, "{took:?}");
}
