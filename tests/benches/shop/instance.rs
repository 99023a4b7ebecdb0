//! Instances of the shop that end with the bench, however that ends.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
};

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;
use testkit::leash::Leash;

/// One instance, with a state folder of its own.
pub(crate) struct Instance {
    name: String,
    state: PathBuf,
    shopctl: PathBuf,
    /// Of all binaries, if not cargo's.
    bin_dir: Option<PathBuf>,
    _leash: Leash,
}

impl Instance {
    pub(crate) fn new(name: &str, bin_dir: Option<&Path>) -> anyhow::Result<Self> {
        let bin_dir = bin_dir.map(Path::canonicalize).transpose().context("there is no such folder of binaries")?;
        let shopctl = bin_dir.as_ref().map_or_else(built, |folder| Ok(folder.join("shopctl")))?;
        let state = TempDir::new()?.keep();
        let leash = Leash::instance(&shopctl, name, &state, workspace());
        Ok(Self { name: name.to_owned(), state, shopctl, bin_dir, _leash: leash })
    }

    /// Where it keeps its state.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// shopctl for this instance.
    pub(crate) fn shopctl(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.shopctl);
        command.args(arguments).args(["--instance", &self.name]).current_dir(workspace());
        command.env("XDG_STATE_HOME", &self.state).env_remove("SHOPCTL_STATE").stdin(Stdio::null());
        command.env("SHOPCTL_INFRA", "embedded");
        if let (Some(folder), Some(&"up")) = (&self.bin_dir, arguments.first()) {
            command.arg("--bin-dir").arg(folder);
        }
        command
    }

    /// Runs shopctl, which must succeed; answers with its stdout.
    pub(crate) async fn succeeds(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.shopctl(arguments).output().await.context("shopctl cannot be executed")?;
        let said = String::from_utf8_lossy(&output.stderr);
        let command = arguments.join(" ");
        anyhow::ensure!(output.status.success(), "shopctl {command} ended with {}:\n{said}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What a command prints with `--json`.
    pub(crate) async fn json(&self, command: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.succeeds(&[command, "--json"]).await?)?)
    }
}

pub(crate) fn workspace() -> &'static Path {
    // The manifest of the tests is one below.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

/// The `shopctl` of this workspace in release mode, built by the first who asks.
fn built() -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<()> = OnceLock::new();
    // Benches are in deps, one below.
    let bench = std::env::current_exe()?;
    let folder = bench.parent().and_then(Path::parent).context("the bench is in no folder of cargo's")?;
    if BUILT.get().is_none() {
        let mut cargo = testkit::cargo::command();
        let build = cargo.args(["build", "--release", "--package", "shopctl", "--bin", "shopctl"]);
        anyhow::ensure!(build.current_dir(workspace()).status()?.success(), "shopctl does not build");
        // Somebody else may have done so meanwhile.
        let _ = BUILT.set(());
    }
    Ok(folder.join("shopctl"))
}
