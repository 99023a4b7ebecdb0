//! The dashboard as somebody at a terminal sees and uses it.

mod boot;
mod desk;
mod home;
mod kafka;
mod keys;
mod sample;
mod sizes;
