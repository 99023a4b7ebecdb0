//! What shopctl decides: the manifest, the resource graph and the supervisor's state machine.
//!
//! Pure: no tokio, no clock, no channel, no process, no file. Whoever calls brings the text, the events and the
//! time, so that every order of events, also the absurd ones, is a unit test.

pub mod backoff;
pub mod failpoint;
pub mod graph;
pub mod machine;
pub mod manifest;

pub use graph::{Graph, Id, Options};
pub use machine::{Effect, Event, Machine};
pub use manifest::Manifest;
