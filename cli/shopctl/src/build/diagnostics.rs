//! The errors among what cargo writes for people.

use std::fmt;

/// The first error, so that it can be told again below everything that follows it.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    first: Option<String>,
    count: usize,
    /// A headline whose place is still to come.
    open: bool,
}

impl Errors {
    /// Takes the next line.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(place) = line.trim_start().strip_prefix("--> ") {
            if std::mem::take(&mut self.open)
                && let Some(first) = &mut self.first
            {
                first.push_str(&format!(" ({place})"));
            }
        } else if is_headline(line) {
            self.count += 1;
            if self.first.is_none() {
                self.first = Some(line.to_owned());
                self.open = true;
            }
        }
    }
}

/// `error: …` or `error[E0308]: …`, but not cargo's own count of them.
fn is_headline(line: &str) -> bool {
    let starts = line.starts_with("error: ") || line.starts_with("error[");
    starts && !["error: could not compile", "error: aborting"].iter().any(|count| line.starts_with(count))
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.first, self.count) {
            (None, _) => f.write_str("cargo says above why"),
            (Some(first), 1) => f.write_str(first),
            (Some(first), count) => write!(f, "{first}, and {} more", count - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_told_with_its_place_and_the_others_are_counted() {
        let mut errors = Errors::default();
        assert_eq!(errors.to_string(), "cargo says above why");
        for line in [
            "warning: unused variable: `x`",
            " --> src/main.rs:9:9",
            "error[E0308]: mismatched types",
            "  --> src/main.rs:1:26",
            "error: expected one of `!` or `::`",
            "  --> src/lib.rs:3:1",
            "error: could not compile `broken` (bin \"broken\") due to 2 previous errors",
        ] {
            errors.read(line);
        }
        assert_eq!(errors.to_string(), "error[E0308]: mismatched types (src/main.rs:1:26), and 1 more");
    }
}
