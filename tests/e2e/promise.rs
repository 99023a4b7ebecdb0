//! What is promised of a machine that does nothing else, and what tests ask of one that does: their own sizes are small, so
//! that all of them together take minutes, and their limits generous. `ATTACK_STRICT=1` asks for what is promised.

use std::time::Duration;

fn strict() -> bool {
    number("ATTACK_STRICT").is_some_and(|strict| strict != 0)
}

/// A size: what the environment says, else the promised one where it is asked for, else `or`.
pub(crate) fn figure(variable: &str, promised: u64, or: u64) -> u64 {
    number(variable).unwrap_or(if strict() { promised } else { or })
}

/// A time that something may take.
pub(crate) fn limit(promised: Duration, or: Duration) -> Duration {
    if strict() { promised } else { or }
}

/// A rate below which something may not fall; any will do unless the promised one is asked for.
pub(crate) fn rate(promised: f64) -> f64 {
    if strict() { promised } else { 0.0 }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}
