//! The dashboard: the whole shop in one terminal, drawn with ratatui.
//!
//! What happens becomes a [`Msg`]; [`update`] takes it into the [`Model`] and answers with [`Command`]s, which somebody
//! else carries out; [`view`] draws the model. All three are pure: the time, too, comes as data. The model mirrors what
//! the control socket tells, so the dashboard of `up` and an attached one are the same code. It must never depend on
//! processes, sockets, log files or Kafka: whoever opens a dashboard brings what they say as messages.

pub mod action;
pub mod checkout;
mod dialogue;
pub mod event;
pub mod flow;
pub mod kafka;
mod line;
pub mod log;
mod mentions;
mod model;
pub mod msg;
mod options;
pub mod orders;
mod palette;
pub mod run;
mod shop;
pub mod subject;
pub mod terminal;
pub mod text;
mod theme;
pub mod traces;
mod trail;
mod update;
mod view;

pub use log::Level;
pub use model::{Model, Tab};
pub use msg::{Command, Msg};
pub use options::{Colours, Options, Owner, is_utf8};
pub use shop::Edge;
pub use update::update;
pub use view::view;
