//! The log store: every line of every resource, in one file each.
//!
//! A record is one line: stamp, stream, a space, the bytes as the resource wrote them. The stamp is microseconds since
//! 1970, rising strictly within an instance, so it is time and sequence in one. The stream is `o` (stdout) or `e`
//! (stderr); the capital says that the line goes on in the next record of its stream, so that neither a line of any
//! length nor a partial one is ever held back.

mod pump;
mod read;
mod store;

pub use pump::pump;
pub use read::{Assembler, History};
pub use shopctl_protocol::Stream;
pub use store::{Line, Log, Store};
