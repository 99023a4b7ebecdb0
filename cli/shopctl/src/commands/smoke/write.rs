//! Reports, written where they are wanted.

use std::{fs, io::Write as _, path::Path};

use anyhow::Context as _;
use shopctl_scenario::report::{Suite, github, html, junit};

use crate::args::smoke::{Format, Report};

pub(super) fn report(report: &Report, suite: &Suite) -> anyhow::Result<()> {
    write(&report.path, &text(report.format, suite)?)
}

pub(super) fn text(format: Format, suite: &Suite) -> anyhow::Result<String> {
    Ok(match format {
        Format::Junit => junit(suite).map_err(anyhow::Error::msg)?,
        Format::Json => format!("{}\n", serde_json::to_string_pretty(suite)?),
        Format::Html => html(suite),
    })
}

pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    fs::write(path, text).with_context(failed)
}

/// Adds to the page of the job, where there is one.
pub(super) fn github_summary(suite: &Suite) -> anyhow::Result<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY") else { return Ok(()) };
    let mut file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
    Ok(file.write_all(github::summary(suite).as_bytes())?)
}
