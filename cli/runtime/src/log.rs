//! The log store: every line of every resource, in segments of one folder each.
//!
//! A record is what one read of a pipe gave: whole lines, byte for byte, in front of them one header line (see
//! [`Header`]): stamp, stream, whether the record goes on with an open line and leaves one open, how many lines the
//! resource had before, how many end here, the length, and a check over all that, the segment's number and the place
//! in it. So a line costs nothing of its own, a line of any length or without end is never held back, and:
//!
//! - the header is the index: a check that only fits in its place finds records from any offset, hence a search for a
//!   stamp or for the last lines bisects the segment, and what a resource writes is never taken for a header, not even
//!   if it prints its own log;
//! - the count of lines tells what is missing, be it dropped (the oldest segments go), never written (a full disk) or
//!   torn: damage costs only what it hit.
//!
//! Stamps are nanoseconds since 1970 and rise strictly within an instance, so a stamp is time and sequence in one: the
//! lines of a record have consecutive ones.

mod header;
mod history;
mod pump;
mod read;
mod recent;
mod segment;
mod store;

pub use header::Header;
pub use history::{Assembler, Entry, History};
pub use pump::pump;
pub use segment::resources;
pub use shopctl_protocol::Stream;
pub use store::{Log, Store};

/// A line, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Nanoseconds since 1970, rising strictly within an instance.
    pub stamp: u64,
    pub stream: Stream,
    /// It goes on in the next one of this stream.
    pub partial: bool,
    pub bytes: Vec<u8>,
}
