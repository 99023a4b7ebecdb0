//! The embedded broker as clients see it: through librdkafka, through raw frames, and across the end of its process.

mod admin;
mod bombs;
mod connections;
mod consuming;
mod durability;
mod frames;
mod full_disk;
mod fuzz;
mod groups;
mod idempotence;
mod process;
mod requests;
mod support;
mod wire;
