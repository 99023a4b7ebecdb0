//! What was measured, beside what it has to be.

use std::fmt;

pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) bar: &'static str,
    pub(crate) measured: String,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, bar: &'static str, measured: impl Into<String>) -> Self {
        Self { what: what.into(), bar, measured: measured.into() }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<44} {:>18}   {}", self.what, self.bar, self.measured)
    }
}
