//! What happens, and what is to be done about it.

use std::time::Duration;

use ratatui::crossterm::event::{KeyEvent, MouseEvent};
use shopctl_protocol::{Action, StopMode, Update};

use crate::{checkout, flow, kafka, log, orders, shop::Edge, traces};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    Resized {
        columns: u16,
        rows: u16,
    },
    /// From the supervisor.
    Update(Box<Update>),
    /// The supervisor is gone without saying that all is down.
    Lost,
    /// Which resource needs which.
    Edges(Vec<Edge>),
    /// Which service knows the address of which resource.
    Calls(Vec<(String, String)>),
    /// Which calls were seen, by whoever reads traces.
    Traffic(Vec<flow::Call>),
    Orders(orders::News),
    /// What each resource was asked for, by the same; who was asked for nothing is not there.
    Rates(Vec<traces::Rate>),
    /// What traces tell of an order, or of one of them.
    Spans(traces::Told),
    Log(log::Answer),
    Kafka(kafka::News),
    Checkout(checkout::News),
    /// Something to be told in passing.
    Note(String),
    /// Something did not work.
    Failed(String),
    /// SIGINT, SIGTERM or SIGHUP from outside.
    Interrupted,
    /// Whoever served the dashboard is done: so is it.
    Ended,
    /// Time goes by: nothing else has happened.
    Tick,
}

/// A message with the time at which it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the dashboard was opened.
    pub since: Duration,
    /// Nanoseconds since 1970.
    pub wall: u64,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Leave the dashboard. What that means for the instance was said before.
    Quit,
    /// Draw everything anew.
    Redraw,
    /// Freeze this client, as Ctrl-Z does.
    Suspend,
    /// Start, stop or restart a resource.
    Act {
        action: Action,
        resource: String,
    },
    /// Stop everything.
    Stop(StopMode),
    /// Let the instance live on without this client.
    Release,
    Log(log::Request),
    Kafka(kafka::Ask),
    /// Which orders are looked at.
    Orders(orders::Look),
    /// What of the traces is looked at now.
    Traces(traces::Look),
    /// List the checkouts that can be played.
    Stories,
    Play(checkout::Wish),
    /// To the clipboard of whoever sits at the terminal.
    Copy(String),
}
