//! One way of a connection: what is to be written, and when.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt as _,
    net::tcp::WriteHalf,
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use crate::{
    link::Cut,
    rules::{Passage, Rules},
};

/// Pieces that may wait: whoever sends more waits, too.
const WAITING: usize = 256;

/// The near end of a lane. What is put in arrives in this order, but for what is [`Lane::overtaken`].
#[derive(Debug)]
pub(crate) struct Lane {
    pieces: mpsc::Sender<Piece>,
    last: Instant,
    count: u64,
    /// When the last one of each that was held back is due.
    held_back: BTreeMap<Name, Instant>,
}

/// What must stay in order: a topic and a partition.
pub(crate) type Name = (String, i32);

/// The far end.
#[derive(Debug)]
pub(crate) struct Exit(mpsc::Receiver<Piece>);

#[derive(Debug)]
struct Piece {
    due: Instant,
    number: u64,
    is_held: bool,
    bytes: Bytes,
}

pub(crate) fn lane() -> (Lane, Exit) {
    let (pieces, exit) = mpsc::channel(WAITING);
    (Lane { pieces, last: Instant::now(), count: 0, held_back: BTreeMap::new() }, Exit(exit))
}

impl Lane {
    /// Puts it behind all that is in the lane.
    ///
    /// # Errors
    /// When the connection is over, or this ends it.
    pub(crate) async fn put(&mut self, bytes: Bytes, passage: Passage) -> Result<(), Cut> {
        let (late, is_held) = match passage {
            Passage::After(late) => (late, false),
            Passage::Held => (Duration::ZERO, true),
            Passage::Reset => return Err(Cut),
        };
        self.last = self.last.max(Instant::now() + late);
        self.send(self.last, is_held, bytes).await
    }

    /// Puts it behind what is in the lane, where later things may overtake it for this long: but not what has one of its
    /// names, and it does not overtake that.
    ///
    /// # Errors
    /// When the connection is over.
    pub(crate) async fn overtaken(&mut self, names: Vec<Name>, late: Duration, bytes: Bytes) -> Result<(), Cut> {
        let now = Instant::now();
        let before = names.iter().filter_map(|name| self.held_back.get(name)).max();
        let due = before.map_or(self.last, |before| self.last.max(*before)).max(now + late);
        self.held_back.extend(names.into_iter().map(|name| (name, due)));
        self.send(due, false, bytes).await
    }

    /// Whether something with one of these names is still held back.
    pub(crate) fn holds_back(&mut self, names: &[Name]) -> bool {
        let now = Instant::now();
        self.held_back.retain(|_, due| *due > now);
        names.iter().any(|name| self.held_back.contains_key(name))
    }

    async fn send(&mut self, due: Instant, is_held: bool, bytes: Bytes) -> Result<(), Cut> {
        self.count += 1;
        let piece = Piece { due, number: self.count, is_held, bytes };
        self.pieces.send(piece).await.map_err(|_| Cut)
    }
}

impl Exit {
    /// Writes each piece when it is due, and ends with the last one: so does what is written to.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) async fn write(
        mut self,
        to: &mut WriteHalf<'_>,
        edge: &str,
        mut rules: watch::Receiver<Rules>,
    ) -> Result<(), Cut> {
        let mut waiting: BinaryHeap<Reverse<Piece>> = BinaryHeap::new();
        let mut is_open = true;
        loop {
            let due = waiting.peek().map(|Reverse(piece)| piece.due);
            // A timer would take up to a millisecond for what is due already.
            if due.is_some_and(|due| due <= Instant::now()) {
                let Some(Reverse(piece)) = waiting.pop() else { continue };
                if piece.is_held {
                    rules.wait_for(|rules| !rules.is_black_hole(edge)).await.map_err(|_| Cut)?;
                }
                to.write_all(&piece.bytes).await.map_err(|_| Cut)?;
                continue;
            }
            tokio::select! {
                piece = self.0.recv(), if is_open && waiting.len() < WAITING => match piece {
                    Some(piece) => waiting.push(Reverse(piece)),
                    None => is_open = false,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                else => break,
            }
        }
        // Who is gone already needs no farewell.
        let _ = to.shutdown().await;
        Ok(())
    }
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Piece {}
