//! A proxy between real sockets, and between Kafka's own client library and a broker.

mod kafka;
mod setup;
mod tcp;
