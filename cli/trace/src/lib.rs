//! What happened to one order, and who speaks with whom: spans put together to trees, the critical path, the time in queues,
//! what an order waits for, and how all that is laid out as text, as a page and as JSON.
//!
//! It is pure: no I/O, no clock, no tokio, no clap, and neither the store of spans nor the shop's interfaces. Whoever has a
//! part of the story brings it in this crate's own types, and whoever shows it (the command line, the dashboard) gives the
//! lines its own colours.

mod event;
mod facts;
pub mod graph;
mod html;
mod moment;
mod money;
mod path;
mod scale;
mod span;
mod story;
pub mod text;
mod tree;
mod wait;

pub use event::{Event, Reading, Taken};
pub use facts::{
    Delivery, Facts, Interactions, LogLine, Missing, Order, Refund, Resource, Row, Telling, Transaction, Unpublished,
    Webhook,
};
pub use html::html;
pub use moment::{Stamp, Took};
pub use span::{Kind, Link, Mark, Span};
pub use story::{Change, Milestones, Parts, Story};
pub use tree::{Node, Trace, traces};
pub use wait::{For, Wait};
