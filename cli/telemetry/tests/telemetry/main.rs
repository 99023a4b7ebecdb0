//! The receiver as those see it who send to it, and its store as those who read.

mod forward;
mod grpc;
mod http;
mod sent;
mod store;
mod support;
