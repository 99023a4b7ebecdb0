//! The programs that a build needs.

use std::process::{Command, Stdio};

use super::Finding;

/// As in Cargo.toml.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");

pub(super) fn examine() -> Vec<Finding> {
    let compiler = "Debian: `apt-get install build-essential`; Fedora: `dnf install gcc gcc-c++ make`; \
                    macOS: `xcode-select --install`";
    vec![
        rust(),
        tool("cargo", &["cargo"], None, "install Rust from https://rustup.rs"),
        tool("C compiler", &["cc", "gcc", "clang"], Some("CC"), compiler),
        // librdkafka's configure wants one, though it is written in C.
        tool("C++ compiler", &["c++", "g++", "clang++"], Some("CXX"), compiler),
        tool("make", &["make"], None, compiler),
        tool("bash", &["bash"], None, "install bash with your package manager"),
    ]
}

fn rust() -> Finding {
    const CHECK: &str = "rustc";
    let Some(line) = first_line("rustc", &["--version"]) else {
        return Finding::problem(CHECK, "not found", "install Rust from https://rustup.rs");
    };
    if is_new_enough(&line, RUST) {
        return Finding::good(CHECK, line);
    }
    Finding::problem(CHECK, format!("{line}, and {RUST} is needed"), "`rustup update stable`")
}

/// Compares what `rustc --version` prints with `major.minor`.
fn is_new_enough(printed: &str, wanted: &str) -> bool {
    let numbers = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    };
    let found = printed.split_whitespace().nth(1).and_then(numbers);
    found.is_some_and(|found| numbers(wanted).is_some_and(|wanted| found >= wanted))
}

fn tool(check: &'static str, names: &[&str], variable: Option<&str>, remedy: &str) -> Finding {
    let chosen = variable.and_then(|variable| std::env::var(variable).ok());
    let names: Vec<&str> = chosen.as_deref().map_or_else(|| names.to_vec(), |chosen| vec![chosen]);
    match names.iter().find_map(|name| first_line(name, &["--version"])) {
        Some(line) => Finding::good(check, line),
        None => Finding::problem(check, format!("{} not found", names.join(", ")), remedy),
    }
}

/// What a program says first; `None` if it is not there or fails.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    // `CC="ccache gcc"` is a program with an argument.
    let mut words = program.split_whitespace();
    let mut command = Command::new(words.next()?);
    let output = command.args(words).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| !line.trim().is_empty())?.trim().to_owned();
    output.status.success().then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_new_enough("rustc 1.95.0 (59807616e 2026-04-14)", "1.95"));
        assert!(is_new_enough("rustc 1.100.0-nightly (abc 2026-09-01)", "1.95"));
        assert!(is_new_enough("rustc 2.0.0 (abc 2030-01-01)", "1.95"));
        assert!(!is_new_enough("rustc 1.94.1 (abc 2026-03-01)", "1.95"));
        assert!(!is_new_enough("command not found", "1.95"));
    }

    #[test]
    fn a_missing_tool_is_a_problem_with_a_remedy() {
        let finding = tool("make", &["no-such-program"], None, "install it");
        assert_eq!(finding, Finding::problem("make", "no-such-program not found", "install it"));
    }
}
