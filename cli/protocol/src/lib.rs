//! The messages of an instance's control socket: JSON lines, versioned, and the framing that carries them.
//!
//! A client says hello, then asks; each request is answered by one reply, in order. After [`Request::Watch`] the
//! connection carries [`Update`]s instead and takes no more requests. It must never depend on processes, on files
//! or on how any of this is shown.

mod fault;
mod message;
#[cfg(test)]
mod readme;
mod status;
mod wire;

pub use fault::{Answer, Fault, FaultKind, Order, POISON, share};
pub use message::{Action, BootOutcome, LogFilter, Reply, Request, StopMode, Stream, Update};
pub use status::{Cause, Figure, Phase, Progress, Resource, Snapshot, Supervisor};
pub use wire::{Connection, Error, MAX_MESSAGE};

/// Version of the messages; client and supervisor must agree on it.
pub const VERSION: u32 = 4;
