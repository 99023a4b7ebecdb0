use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use super::Report;

/// Everything that one `smoke` came to: the boot, the stories, and whether the shop's databases and topics agreed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Suite {
    /// Name of the instance that it was done with.
    pub instance: String,
    /// What all data were drawn by.
    pub seed: u64,
    /// RFC 3339, UTC.
    pub began: String,
    pub seconds: f64,
    /// The shop booted, all stories held and all invariants, and all of it was removed.
    pub held: bool,
    /// It was interrupted: what is missing was not tried.
    pub interrupted: bool,
    pub boot: Part,
    pub scenarios: Vec<Played>,
    /// What was not played, since it was not asked for what that takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// None where it did not come to that.
    pub invariants: Option<Part>,
    pub tear_down: Option<Part>,
    /// Folder with all that tells why something failed.
    pub artifacts: Option<String>,
    /// The command that does the same again.
    pub repeat: String,
}

/// Something that is no story.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Part {
    pub seconds: f64,
    /// What is wrong; nothing if it held.
    pub problems: Vec<String>,
}

/// A story that was not played.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Skipped {
    pub story: String,
    /// What it takes.
    pub why: String,
}

/// A story, with the tries before the one that counts.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Played {
    #[serde(flatten)]
    pub report: Report,
    /// Those that failed, where it was told to try again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Report>,
    /// What had to be so between databases and topics once the story was over, and was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
}

impl Played {
    /// It held in the end, and not at first.
    #[must_use]
    pub fn is_flaky(&self) -> bool {
        self.report.held && !self.earlier.is_empty()
    }

    /// The story held, and so did the invariants after it.
    #[must_use]
    pub fn held(&self) -> bool {
        self.report.held && self.violations.is_empty()
    }

    /// What is told in one line where it failed.
    #[must_use]
    pub fn headline(&self) -> String {
        let step = self.report.steps.iter().find(|step| !step.held());
        match (step, self.violations.first()) {
            (Some(step), _) => format!("failed at: {}", step.name),
            (None, Some(violation)) => violation.lines().next().unwrap_or_default().to_owned(),
            (None, None) => String::new(),
        }
    }
}

impl Part {
    #[must_use]
    pub fn held(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The JSON Schema of the JSON report.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Suite>().to_value()
}
