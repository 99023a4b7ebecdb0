//! Infrastructure that needs no Docker: PostgreSQL clusters from server binaries that are installed or downloaded once.
//!
//! It prepares things on disk and turns into the server; starting, probing and stopping are the supervisor's. It must
//! never depend on a service, on the control socket or on the command line.

pub mod postgres;
