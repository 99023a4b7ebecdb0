//! The command that does the same again.

use clap::ValueEnum as _;
use shopctl_scenario::report::Suite;

use crate::args::{
    boot::{Boot, Choice},
    smoke::Smoke,
};

/// With the same seed, and only what failed if something did.
pub(super) fn command(suite: &Suite, args: &Smoke) -> String {
    let failed: Vec<&str> =
        suite.scenarios.iter().filter(|played| !played.held()).map(|played| played.report.story.as_str()).collect();
    // Files keep their paths: their names alone would be looked for among the others.
    let named = |name: &&String| failed.is_empty() || failed.iter().any(|failed| name.contains(failed));
    let mut only: Vec<&str> = args.only.iter().filter(named).map(String::as_str).collect();
    if args.only.is_empty() {
        only = failed;
    }
    let mut words = vec!["shopctl smoke".to_owned(), format!("--seed {}", suite.seed)];
    let Boot { infra, release, no_build, bin_dir, timeout: _, environment, no_telemetry, otlp_forward } = &args.boot;
    words.extend(args.failpoints.then(|| "--failpoints".to_owned()));
    words.extend(release.then(|| "--release".to_owned()));
    words.extend(no_build.then(|| "--no-build".to_owned()));
    words.extend(bin_dir.iter().map(|dir| format!("--bin-dir {}", quoted(&dir.display().to_string()))));
    let infra = infra.to_possible_value().filter(|_| *infra != Choice::Auto);
    words.extend(infra.map(|infra| format!("--infra {}", infra.get_name())));
    words.extend(environment.iter().map(|one| format!("--env {}", quoted(&one.to_string()))));
    words.extend(no_telemetry.then(|| "--no-telemetry".to_owned()));
    words.extend(otlp_forward.iter().map(|target| format!("--otlp-forward {}", quoted(&target.to_string()))));
    if !only.is_empty() {
        words.push(format!("--only {}", only.into_iter().map(quoted).collect::<Vec<_>>().join(" ")));
    }
    words.join(" ")
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_shell_would_read_otherwise_is_quoted() {
        for (word, expected) in [("order-killed", "order-killed"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
