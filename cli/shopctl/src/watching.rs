//! Which files feed which resources, and word of their changes: what `up --watch` rests on.

mod changes;
mod sources;

pub(crate) use changes::Changes;
pub(crate) use sources::{Affected, Sources, to_restart};
