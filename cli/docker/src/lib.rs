//! Infrastructure in Docker: finds the daemon, pulls images, and turns services of `compose/infra.yaml` into containers of
//! one instance. The only user of bollard.
//!
//! It knows nothing of the supervisor: who runs a container attends it here, and is told how it ended.

pub mod compose;
pub mod daemon;
mod error;
pub mod image;
pub mod project;

pub use daemon::Daemon;
pub use error::Error;
