//! Traces and metrics of one instance: the receiver for OTLP, the bounded store behind it, and who reads that.
//!
//! Whoever can send OTLP is served. It must never depend on a service or the runtime, nor make one of them wait: what is
//! too much is let go, counted and told.

mod chunk;
mod counting;
mod durations;
mod facts;
mod figures;
pub mod forward;
mod intake;
mod metrics;
mod otlp;
pub mod reader;
pub mod receiver;
mod seldom;
mod shed;
pub mod span;
mod store;
mod subject;
pub mod tally;

pub use forward::Target;
pub use reader::{Counts, Latest, Reader};
pub use receiver::{Receiver, Settings};
pub use span::{Span, SpanId, TraceId};
pub use store::{Error as StoreError, Limits};
pub use subject::Subject;
pub use tally::{Edge, Hop, Quantiles, Rate};
