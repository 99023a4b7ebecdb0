//! The dashboard as somebody at a terminal sees and uses it.

mod boot;
mod desk;
mod home;
mod keys;
mod sample;
mod sizes;
