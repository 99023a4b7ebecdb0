//! A home and a workspace of its own for each measurement.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

pub(crate) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// With this manifest (its version line is added); `@bench` in it stands for this program.
    pub(crate) fn new(manifest: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let place = Self { dir };
        let compose = place.path("workspace/compose");
        fs::create_dir_all(&compose).expect("a workspace is made");
        let bench = std::env::current_exe().expect("a program knows itself").display().to_string();
        let manifest = format!("version = 1\n{}", manifest.replace("@bench", &bench));
        fs::write(compose.join("services.toml"), manifest).expect("a manifest is written");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopctl"));
        command
            .args(arguments)
            .current_dir(self.path("workspace"))
            .env("XDG_STATE_HOME", self.path("state"))
            // Nothing of what is counted makes room for the rest.
            .env("SHOPCTL_LOG_MIB", "4096")
            .env_remove("XDG_RUNTIME_DIR")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that must end well.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("shopctl runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_slice(&self.succeed(&["status", "--json"]).stdout).expect("it is JSON")
    }

    /// The most memory that the supervisor has had, in MiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let pid = self.status()["supervisor"]["pid"].as_u64().expect("it has a pid");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux counts it");
        peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It may not have come up.
        let _ = self.command(&["down"]).output();
    }
}
