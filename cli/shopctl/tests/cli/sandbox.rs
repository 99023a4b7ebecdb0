//! A workspace and a home of its own for each test; whatever a test leaves there dies with it.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use super::leash::Leash;

/// No condition of these tests takes longer on any machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until `look` finds something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
    _leash: Leash,
}

impl Sandbox {
    /// A workspace with this manifest (its version line is added). `@fake` in it stands for the fake program.
    pub(crate) fn new(manifest: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let leash = Leash::tie(dir.path());
        let sandbox = Self { dir, _leash: leash };
        fs::create_dir_all(sandbox.workspace().join("compose")).expect("a workspace is made");
        let fake = example("fake").display().to_string();
        let manifest = format!("version = 1\n{}", manifest.replace("@fake", &fake));
        fs::write(sandbox.workspace().join("compose/services.toml"), manifest).expect("a manifest is written");
        sandbox
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.dir.path().join("workspace")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopctl"));
        // Neither an instance around the tests nor cargo around them is any of the command's business.
        let ours = |name: &str| name.starts_with("SHOPCTL") || name.starts_with("CARGO_PKG");
        for (name, _) in std::env::vars_os().filter(|(name, _)| ours(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.workspace())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("SANDBOX", self.dir.path())
            .env_remove("XDG_RUNTIME_DIR")
            // What is in this machine's Docker is none of its business either.
            .env("DOCKER_HOST", format!("unix://{}", self.path("no-docker").display()))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("shopctl runs")
    }

    /// Runs a command that must end well; answers with its stdout.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Starts a foreground `up` with ports of its own, in a process group of its own, as a shell does.
    pub(crate) fn up(&self, arguments: &[&str]) -> Up<'_> {
        let count = fs::read_dir(self.dir.path()).map_or(0, Iterator::count);
        let name = format!("up-{count}");
        let output = File::create(self.path(&name)).expect("a file is made");
        let mut command = self.command(&["up", "--isolated"]);
        command.args(arguments).process_group(0);
        let errors = output.try_clone().expect("a file can be shared");
        Up { child: command.stdout(output).stderr(errors).spawn().expect("shopctl runs"), output: name, sandbox: self }
    }

    /// What runs with this sandbox in its environment or on its command line, shopctl's own processes included.
    pub(crate) fn alive(&self) -> Vec<u32> {
        let mark = self.dir.path().as_os_str().as_encoded_bytes();
        let has_mark =
            |path: PathBuf| fs::read(path).is_ok_and(|bytes| bytes.windows(mark.len()).any(|window| window == mark));
        let is_dead = |proc: &Path| {
            fs::read_to_string(proc.join("stat"))
                .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
        };
        let entries = fs::read_dir("/proc").expect("there is /proc").flatten();
        let pids = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
        pids.filter(|(_, proc)| !is_dead(proc) && (has_mark(proc.join("environ")) || has_mark(proc.join("cmdline"))))
            .map(|(pid, _)| pid)
            .collect()
    }

    /// Nothing of this sandbox runs any more, within `limit`.
    pub(crate) fn assert_empty_within(&self, limit: Duration) {
        let begin = Instant::now();
        eventually("nothing is left running", || {
            let alive = self.alive();
            assert!(alive.is_empty() || begin.elapsed() < limit, "alive after {limit:?}: {}", describe(&alive));
            alive.is_empty().then_some(())
        });
    }

    /// The pid of one of shopctl's own processes (`supervisor`, `reaper`), if there is one now.
    pub(crate) fn own(&self, role: &str) -> Option<u32> {
        let words = format!("\0internal\0{role}\0");
        let is_it = |pid: &u32| text(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).contains(&words);
        self.alive().into_iter().find(is_it)
    }

    /// The pid of a client whose command line ends like this, once it is there.
    pub(crate) fn client(&self, arguments: &str) -> u32 {
        eventually("the client is there", || {
            let is_it =
                |pid: &u32| text(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).ends_with(arguments);
            self.alive().into_iter().find(is_it)
        })
    }

    /// The pids of shopctl's own two processes.
    pub(crate) fn supervisor_and_reaper(&self) -> (u32, u32) {
        let state = fs::read_dir(self.path("state/shopctl")).expect("there is state").flatten().next();
        let json = fs::read(state.expect("there is an instance").path().join("supervisor.json")).expect("it runs");
        let json: serde_json::Value = serde_json::from_slice(&json).expect("it is JSON");
        let pid =
            |name: &str| json[name]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("it has a pid");
        (pid("supervisor"), pid("reaper"))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        while !self.alive().is_empty() {
            self.alive().into_iter().for_each(|pid| signal(pid, Signal::SIGKILL));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A running `up`.
pub(crate) struct Up<'a> {
    child: Child,
    output: String,
    sandbox: &'a Sandbox,
}

impl Up<'_> {
    pub(crate) fn output(&self) -> String {
        self.sandbox.read(&self.output)
    }

    pub(crate) fn wait_for(&self, text: &str) {
        let begin = Instant::now();
        while !self.output().contains(text) {
            assert!(begin.elapsed() < DEADLINE, "{text:?} is not in: {}", self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn wait_until_ready(&self) {
        self.wait_for("are ready");
    }

    pub(crate) fn signal(&self, wanted: Signal) {
        signal(self.child.id(), wanted);
    }

    /// As the terminal does it: to everything that is in the foreground.
    pub(crate) fn signal_group(&self, wanted: Signal) {
        let _ = killpg(Pid::from_raw(self.child.id().cast_signed()), wanted);
    }

    /// Its exit code; 128 and the signal if it was killed.
    pub(crate) fn exit(self) -> i32 {
        self.exit_and_output().0
    }

    pub(crate) fn exit_and_output(mut self) -> (i32, String) {
        let status = eventually("`up` ends", || self.child.try_wait().expect("it can be waited for"));
        (code(status), self.output())
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        // Already waited for, or the sandbox ends what is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
}

pub(crate) fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).expect("it ended")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn describe(pids: &[u32]) -> String {
    let command = |pid: &u32| text(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ");
    pids.iter().map(|pid| format!("{pid} {}", command(pid))).collect::<Vec<_>>().join("; ")
}

/// Cargo builds examples before tests, unless only some tests are asked for.
pub(crate) fn example(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a test knows itself");
    let target = here.parent().and_then(Path::parent).expect("tests lie in target/…/deps");
    let example = target.join("examples").join(name);
    assert!(example.exists(), "{} is not built: `cargo build -p shopctl --examples`", example.display());
    example
}
