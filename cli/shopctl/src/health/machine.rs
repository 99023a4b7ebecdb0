//! PostgreSQL and room on the disk.

use std::path::Path;

use nix::sys::statvfs::statvfs;
use shopctl_embedded::postgres::{self, Settings};
use shopctl_runtime::{Instance, Workspace};

use super::Finding;

/// A build and an instance's data, with some air.
const ROOMY: u64 = 10 << 30;
/// Less than a development build writes.
const TIGHT: u64 = 3 << 30;

pub(super) fn postgresql() -> Finding {
    const CHECK: &str = "PostgreSQL";
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return Finding::problem(CHECK, error.to_string(), error.hint().unwrap_or_default()),
    };
    match postgres::present(&settings) {
        Ok(Some(binaries)) => Finding::good(CHECK, format!("{} in {}", binaries.version, binaries.dir.display())),
        Ok(None) => Finding::note(
            CHECK,
            "none of version 14 or later here: `up` downloads one, 15 MB, once",
            "nothing to do with a network; else install PostgreSQL, or name its binaries in SHOPCTL_POSTGRES_BIN",
        ),
        Err(error) => Finding::problem(CHECK, error.to_string(), error.hint().unwrap_or_default()),
    }
}

pub(super) fn disk(workspace: &Workspace, instance: &Instance) -> Vec<Finding> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.root.join("target"), Into::into);
    vec![room("disk of the build", &target), room("disk of the data", instance.state_dir())]
}

fn room(check: &'static str, path: &Path) -> Finding {
    // The folder itself may not be made yet.
    let there = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    match statvfs(there) {
        Ok(found) => judge(check, there, bytes(found.blocks_available(), found.fragment_size())),
        Err(error) => {
            Finding::note(check, format!("{} cannot be looked at: {error}", there.display()), "look yourself")
        }
    }
}

/// The system's types for them differ from one to another.
fn bytes(blocks: impl Into<u64>, size: impl Into<u64>) -> u64 {
    blocks.into().saturating_mul(size.into())
}

fn judge(check: &'static str, path: &Path, free: u64) -> Finding {
    let found = format!("{:.1} GiB free at {}", free as f64 / f64::from(1 << 30), path.display());
    if free < TIGHT {
        Finding::problem(check, found, format!("make room: a build needs about {} GiB", TIGHT >> 30))
    } else if free < ROOMY {
        Finding::note(check, found, "make room soon: builds and data grow")
    } else {
        Finding::good(check, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Verdict;

    #[test]
    fn a_full_disk_is_a_problem_and_a_small_one_a_note() {
        let verdict = |free| judge("disk", Path::new("/"), free).verdict;
        assert_eq!(verdict(1 << 30), Verdict::Problem);
        assert_eq!(verdict(5 << 30), Verdict::Note);
        assert_eq!(verdict(50 << 30), Verdict::Good);
    }
}
