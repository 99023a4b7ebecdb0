//! What `doctor` looks at on this machine.

mod docker;
mod machine;
mod ports;
mod tools;

use serde::Serialize;
use shopctl_runtime::{Instance, Workspace};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Good,
    /// Works, but the user may want to know.
    Note,
    /// The shop will not run like this.
    Problem,
}

/// What was found at one place, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, found: found.into(), remedy: None }
    }

    fn note(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Note, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn problem(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Problem, found: found.into(), remedy: Some(remedy.into()) }
    }
}

pub(crate) use docker::examine as docker;

/// Looks at everything but Docker, in the order in which `up` would stumble over it.
pub(crate) fn examine(workspace: &Workspace, instance: &Instance) -> Vec<Finding> {
    let mut findings = tools::examine();
    findings.push(machine::postgresql());
    findings.extend(machine::disk(workspace, instance));
    findings.extend(ports::examine(workspace, instance));
    findings
}
