//! Instances of the shop that end with the test process.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{cargo, docker, leash::Leash};

use crate::shop::Shop;

/// Whether the shop's databases, its broker and its catalog are in containers.
pub(crate) const IN_DOCKER: bool = cfg!(feature = "docker");

/// One instance, with a state folder of its own.
pub(crate) struct Stack {
    pub(crate) instance: String,
    workspace: PathBuf,
    state: PathBuf,
    _leash: Leash,
}

impl Stack {
    /// The instance that tests share which change nothing but their own data. It is complete and seeded.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Stack> = LazyLock::new(|| {
            let stack = Stack::new("shared");
            stack.succeeds(&["up", "--isolated", "--detach"]);
            stack
        });
        &SHARED
    }

    /// An instance that is not booted yet.
    pub(crate) fn new(name: &str) -> Self {
        Self::of(workspace(), name)
    }

    /// The same of another workspace.
    pub(crate) fn of(workspace: &Path, name: &str) -> Self {
        let state = TempDir::new().expect("the temporary folder can be written").keep();
        let instance = format!("e2e-{name}");
        let leash = Leash::instance(binary(), &instance, &state, workspace);
        Self { instance, workspace: workspace.to_owned(), state, _leash: leash }
    }

    /// shopctl for this instance, with these arguments.
    pub(crate) fn shopctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).args(["--instance", &self.instance]).current_dir(&self.workspace);
        command.env("XDG_STATE_HOME", &self.state).env_remove("SHOPCTL_STATE").stdin(Stdio::null());
        command.env("SHOPCTL_INFRA", if IN_DOCKER { "docker" } else { "embedded" });
        command.envs(docker::IMAGES.into_iter().filter(|(variable, _)| std::env::var_os(variable).is_none()));
        command
    }

    /// Runs shopctl to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.shopctl(arguments).output().expect("shopctl can be executed")
    }

    /// Runs shopctl, which must succeed; answers with its stdout.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "shopctl {} ended with {}:\n{said}", arguments.join(" "), output.status);
        String::from_utf8(output.stdout).expect("it writes text")
    }

    /// Runs shopctl with `--json`; answers with what it printed and its exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> (Value, i32) {
        let output = self.run(&[arguments, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let value = serde_json::from_slice(&output.stdout);
        (value.unwrap_or_else(|error| panic!("{error} in the answer to {arguments:?}:\n{said}")), code(&output))
    }

    /// The running shop, for clients.
    pub(crate) fn shop(&self) -> Shop {
        Shop::at(self.json(&["env"]).0)
    }

    /// Of this boot; all its processes have it in their environment.
    pub(crate) fn marker(&self) -> String {
        let (status, _) = self.json(&["status"]);
        let run = status["supervisor"]["run"].as_str().expect("the boot has a name");
        format!("SHOPCTL_RUN={run}")
    }
}

/// The exit code; signals have none.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub(crate) fn workspace() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace is there")
    });
    &ROOT
}

/// The `shopctl` of this workspace, as it is now.
pub(crate) fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| cargo::build("shopctl", "shopctl", &[]));
    &BINARY
}
