//! The dashboard as somebody at a terminal sees and uses it.

mod boot;
mod checkout;
mod desk;
mod flow;
mod home;
mod jumps;
mod kafka;
mod keys;
mod orders;
mod sample;
mod sizes;
