//! One file per command.

pub(crate) mod act;
pub(crate) mod build;
pub(crate) mod checkout;
pub(crate) mod completions;
pub(crate) mod container;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod images;
pub(crate) mod internal;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod postgres;
pub(crate) mod proto;
pub(crate) mod prune;
pub(crate) mod ps;
pub(crate) mod psql;
pub(crate) mod seed;
pub(crate) mod status;
pub(crate) mod topics;
pub(crate) mod ui;
pub(crate) mod up;
pub(crate) mod wait;
pub(crate) mod watch;
pub(crate) mod why;
