//! Stories of an order as they are told: from spans, events and rows to lines, page and JSON.

mod graph;
mod sample;
mod story;
mod tree;
mod waits;
mod waterfall;
