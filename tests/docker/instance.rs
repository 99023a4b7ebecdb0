//! An instance on containers that ends, with all that it has in Docker, when its test does.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::IMAGES;

pub(crate) struct Instance {
    name: String,
    state: TempDir,
}

impl Instance {
    /// One that is not booted yet.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("test-{name}-{}", std::process::id());
        Self { name, state: TempDir::new().expect("the temporary folder can be written") }
    }

    pub(crate) fn shopctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).args(["--instance", &self.name]).current_dir(workspace());
        command.env("XDG_STATE_HOME", self.state.path()).env_remove("SHOPCTL_STATE").stdin(Stdio::null()).envs(IMAGES);
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

    /// The resource as `status` shows it.
    pub(crate) fn status(&self, resource: &str) -> Value {
        let output = self.run(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).expect("status answers in JSON");
        let mut all = status["resources"].as_array().expect("a list of resources").iter();
        all.find(|one| one["name"] == resource).cloned().unwrap_or_else(|| panic!("no {resource} in {status}"))
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

    /// The container of a resource.
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
