//! Builds the binaries that the manifest names, in one call of cargo, and tells how far it is.

mod closure;
mod diagnostics;

use std::{
    collections::HashSet,
    ffi::OsString,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
};

use serde::Deserialize;
use shopctl_core::failpoint;

use crate::progress::Meter;
pub(crate) use closure::{Depth, Metadata};
use diagnostics::Errors;

/// Why there are no binaries.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot run cargo: {0}")]
    Cargo(io::Error),
    #[error("cargo cannot read the workspace: {0}")]
    Metadata(String),
    #[error("no package of the workspace has the binary {0}")]
    UnknownBinary(String),
    #[error("the build failed: {0}")]
    Failed(Errors),
}

/// What to build.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// Where the workspace's Cargo.toml is.
    pub(crate) workspace: &'a Path,
    /// Names of binaries, of whichever package has them.
    pub(crate) binaries: &'a [String],
    pub(crate) release: bool,
    /// Where a binary has one with failpoints beside it, that one in its place.
    pub(crate) failpoints: bool,
}

/// Builds; cargo's diagnostics and whatever else it has to say come through `meter`.
///
/// # Errors
/// When a binary is nobody's, or something does not compile.
pub(crate) fn run(order: &Order<'_>, meter: &Meter) -> Result<(), Error> {
    let members = Metadata::read(order.workspace, Depth::Members)?;
    let armed = |name: &String| format!("{name}{}", failpoint::SUFFIX);
    let (with, without): (Vec<String>, Vec<String>) =
        order.binaries.iter().cloned().partition(|name| order.failpoints && members.has(&armed(name)));
    compile(order, &members, &without, &[], meter)?;
    // By a call of its own: what both share would have the points in it for both.
    compile(order, &members, &with.iter().map(armed).collect::<Vec<_>>(), &["failpoints"], meter)
}

fn compile(
    order: &Order<'_>,
    members: &Metadata,
    binaries: &[String],
    features: &[&str],
    meter: &Meter,
) -> Result<(), Error> {
    if binaries.is_empty() {
        return Ok(());
    }
    let packages = members.packages_of(binaries)?;
    let mut count = Count::default();
    meter.set(0, None, "cargo");

    let mut cargo = cargo(order.workspace);
    cargo.args(["build", "--message-format=json-render-diagnostics"]);
    for package in &packages {
        cargo.args(["--package", package]);
    }
    for (package, feature) in packages.iter().flat_map(|package| features.iter().map(move |feature| (package, feature)))
    {
        cargo.args(["--features", &format!("{package}/{feature}")]);
    }
    for binary in binaries {
        cargo.args(["--bin", binary]);
    }
    if order.release {
        cargo.arg("--release");
    }
    let mut child = cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(Error::Cargo)?;
    let total = || {
        let metadata = Metadata::read(order.workspace, Depth::Dependencies).ok()?;
        Some(metadata.units(&packages, binaries))
    };
    let (status, errors) = watch(&mut child, &mut count, meter, total).map_err(Error::Cargo)?;
    if !status.success() {
        return Err(Error::Failed(errors));
    }
    let all = count.seen.len() as u64;
    meter.set(all, Some(all), "built");
    Ok(())
}

/// Units that are over.
#[derive(Default)]
struct Count {
    seen: HashSet<(String, String)>,
}

impl Count {
    fn add(&mut self, message: &Message) {
        let (package, unit) = match message {
            Message::CompilerArtifact { package_id, target } => (package_id, target.name.as_str()),
            Message::BuildScriptExecuted { package_id } => (package_id, "its build script's run"),
            Message::Other => return,
        };
        self.seen.insert((package.clone(), unit.to_owned()));
    }

    /// The total is an estimate from the packages' graph, so it is never reached: the last one is told when cargo has
    /// ended well.
    fn done(&self, total: Option<u64>) -> u64 {
        let seen = self.seen.len() as u64;
        total.map_or(seen, |total| seen.min(total.saturating_sub(1)))
    }
}

/// What cargo says on its stdout, as far as it matters here.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        package_id: String,
        target: Target,
    },
    BuildScriptExecuted {
        package_id: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Follows cargo to its end. `total` is asked for beside it, and only if something has to be compiled: cargo needs as long
/// for the answer as for finding out that all is fresh.
fn watch(
    child: &mut Child,
    count: &mut Count,
    meter: &Meter,
    total: impl Fn() -> Option<u64> + Send + Sync,
) -> io::Result<(ExitStatus, Errors)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (known, total) = (&OnceLock::new(), &total);
    let errors = std::thread::scope(|scope| -> io::Result<Errors> {
        // Both pipes are read at once, or cargo would block on the one that is full.
        let errors = scope.spawn(move || {
            let (mut errors, mut compiles) = (Errors::default(), false);
            for line in stderr.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()).map_while(Result::ok) {
                errors.read(&line);
                if !compiles && word(&line) == "Compiling" {
                    compiles = true;
                    scope.spawn(|| total().map(|total| known.set(total)));
                }
                if !is_routine(&line) {
                    meter.note(&line);
                }
            }
            errors
        });
        for line in stdout.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
            // What is no message of cargo's is a build script's or macro's own output.
            let Ok(message) = serde_json::from_str::<Message>(&line?) else { continue };
            count.add(&message);
            if let Message::CompilerArtifact { target, .. } = &message {
                let total = known.get().copied();
                meter.set(count.done(total), total, &target.name);
            }
        }
        Ok(errors.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    Ok((child.wait()?, errors))
}

/// The bar shows these already.
fn is_routine(line: &str) -> bool {
    line.starts_with("  ") && matches!(word(line), "Compiling" | "Finished" | "Fresh" | "Checking" | "Downloaded")
}

fn word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

/// Cargo as the user would call it. `cargo run` adds variables about the package that it runs; passed on, they would
/// make build scripts that look at them (ring's does) run again at every change of hands.
fn cargo(workspace: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from));
    command.current_dir(workspace).stdin(Stdio::null()).env("CARGO_TERM_PROGRESS_WHEN", "never");
    for (name, _) in std::env::vars_os() {
        if is_of_a_package(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_a_package(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
        || matches!(name.as_ref(), "CARGO" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_takes_each_unit_once_and_ends_only_with_cargo() {
        let mut count = Count::default();
        let artifact = r#"{"reason":"compiler-artifact","package_id":"a","target":{"name":"a","kind":["lib"]}}"#;
        for line in [artifact, artifact, r#"{"reason":"build-script-executed","package_id":"a"}"#] {
            count.add(&serde_json::from_str(line).expect("a message of cargo's"));
        }
        assert_eq!(count.done(None), 2, "also while the total is unknown");
        assert_eq!(count.done(Some(3)), 2);
        count.add(&serde_json::from_str(r#"{"reason":"build-finished","success":true}"#).expect("a message"));
        count.add(&serde_json::from_str(&artifact.replace("\"a\"", "\"b\"")).expect("a message"));
        assert_eq!(count.done(Some(3)), 2, "one is kept back until the build is over");
    }

    #[test]
    fn errors_pass_while_routine_goes_to_the_bar() {
        assert!(is_routine("   Compiling order v0.1.0 (/shop/services/order)"));
        for told in
            ["error[E0425]: cannot find value `x`", " --> services/order/src/lib.rs:1:1", "    Blocking waiting"]
        {
            assert!(!is_routine(told), "{told}");
        }
    }
}
