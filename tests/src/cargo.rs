//! Cargo, as a user calls it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Without what cargo has told this program about its own package: that would make build scripts run again.
#[must_use]
pub fn command() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| text.starts_with(prefix)) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Builds a binary as a user does; cargo leaves it beside the folder of this test.
///
/// # Panics
/// When it does not build.
#[must_use]
pub fn build(package: &str, binary: &str, features: &[&str]) -> PathBuf {
    let mut cargo = command();
    cargo
        .args(["build", "--quiet", "--package", package, "--bin", binary])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    for feature in features {
        cargo.args(["--features", feature]);
    }
    let test = std::env::current_exe().expect("this is a program");
    let folder = test.parent().and_then(Path::parent).expect("tests are in deps, one below");
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().expect("cargo can be executed");
    assert!(output.status.success(), "{binary} does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    folder.join(binary)
}
