//! The product service as its clients see it: over HTTP, from its topic, and across crashes of the real program.

mod access;
mod bulk;
mod catalog;
mod crash;
mod events;
#[cfg(feature = "failpoints")]
mod failpoints;
mod fastapi;
mod program;
mod search;
mod support;
mod topic;
