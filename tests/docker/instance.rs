//! An instance on containers that ends, with all that it has in Docker, when its test does.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
    time::Duration,
};

use serde_json::{Value, json};
use shopctl_protocol::VERSION;
use tempfile::TempDir;
use testkit::{docker::IMAGES, eventually};

/// For what comes at once on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Instance {
    name: String,
    state: TempDir,
    workspace: PathBuf,
    /// Of all its commands.
    environment: Vec<(String, String)>,
}

impl Instance {
    /// One that is not booted yet.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("test-{name}-{}", std::process::id());
        let state = TempDir::new().expect("the temporary folder can be written");
        Self { name, state, workspace: workspace().to_owned(), environment: Vec::new() }
    }

    /// The same in a workspace of one container, which this YAML describes below `services: one:`.
    pub(crate) fn of_one(name: &str, yaml: &str) -> Self {
        let mut instance = Self::new(name);
        instance.workspace = instance.state.path().join("workspace");
        let compose = instance.workspace.join("compose");
        std::fs::create_dir_all(&compose).expect("a folder can be made");
        let write = |name: &str, text: &str| std::fs::write(compose.join(name), text).expect("a file can be written");
        write("services.toml", ONE);
        write("infra.yaml", &format!("services:\n  one:\n{yaml}"));
        instance
    }

    /// Sets a variable of all its commands.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn shopctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).args(["--instance", &self.name]).current_dir(&self.workspace);
        command.env("XDG_STATE_HOME", self.state.path()).env_remove("SHOPCTL_STATE").stdin(Stdio::null()).envs(IMAGES);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.shopctl(arguments).output().expect("shopctl can be executed")
    }

    /// What it writes to stdout and stderr; it must succeed.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "shopctl {} ended with {}:\n{said}", arguments.join(" "), output.status);
        said
    }

    /// What it writes to stdout, with `--json`; it must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> String {
        let output = self.run(&[arguments, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "shopctl {} ended with {}:\n{said}", arguments.join(" "), output.status);
        String::from_utf8(output.stdout).expect("it writes text")
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Removes its folder of state, as somebody does who tidies up.
    pub(crate) fn forget(&self) {
        std::fs::remove_dir_all(self.state.path()).expect("it is there");
    }

    /// What it writes to stdout and stderr; it must end with this code.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert_eq!(output.status.code(), Some(code), "shopctl {}:\n{said}", arguments.join(" "));
        said
    }

    /// The resource as `status` shows it.
    pub(crate) fn status(&self, resource: &str) -> Value {
        let output = self.run(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).expect("status answers in JSON");
        let mut all = status["resources"].as_array().expect("a list of resources").iter();
        all.find(|one| one["name"] == resource).cloned().unwrap_or_else(|| panic!("no {resource} in {status}"))
    }

    /// Whether it runs, and all that it has is ready.
    pub(crate) fn is_ready(&self) -> bool {
        let status: Option<Value> = serde_json::from_slice(&self.run(&["status", "--json"]).stdout).ok();
        let resources = status.as_ref().and_then(|status| status["resources"].as_array());
        resources.is_some_and(|all| all.iter().all(|one| one["ready"] == true))
    }

    pub(crate) fn supervisor(&self) -> String {
        let output = self.run(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).expect("status answers in JSON");
        status["supervisor"]["pid"].to_string()
    }

    /// What the daemon has of this instance: `ps`, `volume ls` or `network ls` with more options, as lines.
    pub(crate) fn has(&self, what: &[&str]) -> Vec<String> {
        let label = format!("label=shopctl.instance={}", self.name);
        docker(&[what, &["-q", "--filter", &label]].concat()).lines().map(str::to_owned).collect()
    }

    /// Waits until a resource is ready and was started again as often as that.
    pub(crate) async fn is_ready_after(&self, resource: &str, restarts: u64) {
        let what = format!("{resource} is ready after {restarts} restarts");
        eventually(SOON, &what, async || {
            let status = self.status(resource);
            (status["restarts"].as_u64() >= Some(restarts) && status["ready"] == true).then_some(())
        })
        .await;
    }

    /// Waits until the log of a resource has this text.
    pub(crate) async fn says(&self, resource: &str, text: &str) {
        let said = async || self.succeeds(&["logs", resource]).contains(text).then_some(());
        eventually(SOON, &format!("{resource} says {text:?}"), said).await;
    }

    /// Ends it with all that it has; nothing may be left, nor what its containers had without a name.
    pub(crate) fn finish(self) {
        let mounts = |id: &String| docker(&["inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", id]);
        let mounted: String = self.has(&["ps", "-a"]).iter().map(mounts).collect();
        self.succeeds(&["down", "--volumes"]);
        for what in [&["ps", "-a"][..], &["network", "ls"], &["volume", "ls"]] {
            assert_eq!(self.has(what), [""; 0], "docker {}", what.join(" "));
        }
        let volumes = docker(&["volume", "ls", "-q"]);
        let left: Vec<&str> =
            mounted.split_whitespace().filter(|name| volumes.lines().any(|one| one == *name)).collect();
        assert_eq!(left, [""; 0], "volumes");
    }

    /// The container of a resource.
    /// Bytes of memory that a resource uses, as the control socket tells whoever watches figures.
    pub(crate) fn memory(&self, resource: &str) -> u64 {
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let instances = json(&self.json(&["ps"]));
        let own = instances.as_array().into_iter().flatten().find(|one| one["instance"] == self.name.as_str());
        let state = own.and_then(|one| one["state_dir"].as_str()).unwrap_or_else(|| panic!("it runs: {instances}"));
        let running = std::fs::read_to_string(Path::new(state).join("supervisor.json")).expect("it runs");
        let running = json(&running);
        let mut stream = UnixStream::connect(running["socket"].as_str().expect("it listens")).expect("it answers");
        stream.set_read_timeout(Some(SOON)).expect("it is a socket");
        let hello = json!({ "request": "hello", "protocol": VERSION, "version": "a test" });
        let watch = json!({ "request": "watch", "lines": "none", "figures": true });
        write!(stream, "{hello}\n{watch}\n").expect("it reads");
        let updates = BufReader::new(stream).lines().map(|line| json(&line.expect("figures are told")));
        let figure = |update: Value| {
            let figures = update["figures"].as_array()?.iter().find(|one| one["resource"] == resource)?;
            figures["memory"].as_u64()
        };
        updates.filter_map(figure).next().expect("figures are told")
    }

    pub(crate) fn container(&self, resource: &str) -> String {
        let label = format!("label=shopctl.resource={resource}");
        let found = self.has(&["ps", "-a", "--filter", &label]);
        found.first().cloned().unwrap_or_else(|| panic!("{resource} has no container"))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Without the supervisor's help, if it has to be.
        let _ = self.run(&["down", "--volumes"]);
        for (list, remove) in [
            (&["ps", "-a"][..], &["rm", "-f", "-v"][..]),
            (&["network", "ls"], &["network", "rm"]),
            (&["volume", "ls"], &["volume", "rm", "-f"]),
        ] {
            let label = format!("label=shopctl.instance={}", self.name);
            let found = Command::new("docker").args(list).args(["-q", "--filter", &label]).output();
            for id in String::from_utf8_lossy(&found.map(|output| output.stdout).unwrap_or_default()).lines() {
                let _ = Command::new("docker").args(remove).arg(id).output();
            }
        }
    }
}

/// What all of them are called in the workspace of [`Instance::of_one`].
const ONE: &str = r#"
version = 1

[docker.resource.one]
kind = "container"
command = ["@shopctl", "internal", "container", "one"]
restart = "on-failure"
"#;

/// What the docker command prints; it must succeed.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker can be executed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {} ended with {}: {said}", arguments.join(" "), output.status);
    String::from_utf8(output.stdout).expect("it writes text")
}

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The `shopctl` of this workspace, as it is now.
fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| testkit::cargo::build("shopctl", "shopctl", &[]));
    &BINARY
}
