//! Traces and metrics of one instance: the receiver for OTLP, the bounded store behind it, and who reads that.
//!
//! Whoever can send OTLP is served. It must never depend on a service or the runtime, nor make one of them wait: what is
//! too much is let go, counted and told.

pub mod reader;
pub mod span;
pub mod tally;

pub use reader::{Counts, Latest, Reader, Subject};
pub use span::{Span, SpanId, TraceId};
pub use tally::{Edge, Hop, Quantiles, Rate};
