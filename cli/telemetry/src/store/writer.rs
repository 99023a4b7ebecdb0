//! The thread that writes: takes what has come, and commits it a few times a second.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Error, Limits, Store};
use crate::{chunk::Chunk, counting::PATIENCE, figures::Figures, seldom::Seldom, shed::ROOM};

/// How long the first span of a commit waits for others.
const GATHERING: Duration = Duration::from_millis(100);
/// Between two looks for what is too old.
const LOOK: Duration = Duration::from_secs(300);

/// Where chunks wait. The writer ends with the last one of these.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    sender: Sender<Vec<Chunk>>,
    figures: Arc<Figures>,
}

impl Queue {
    /// Hands over the chunks that there is room for, and answers how many spans there was none for.
    pub(crate) fn put(&self, chunks: Vec<Chunk>) -> u64 {
        let (queued, mut left_out) = (&self.figures.queued, 0);
        let fits = |chunk: &Chunk| {
            let spans = u64::from(chunk.spans);
            let fits = queued.get() + spans <= ROOM;
            if fits {
                queued.add(spans)
            } else {
                left_out += spans
            }
            fits
        };
        let chunks: Vec<Chunk> = chunks.into_iter().filter(fits).collect();
        if !chunks.is_empty() && self.sender.send(chunks).is_err() {
            // Only while everything ends.
            tracing::debug!("spans came after the writer had ended");
        }
        left_out
    }
}

/// The writing thread.
#[derive(Debug)]
pub(crate) struct Writer {
    thread: JoinHandle<()>,
}

impl Writer {
    /// # Errors
    /// When the store cannot be opened.
    pub(crate) fn start(folder: PathBuf, limits: Limits, figures: Arc<Figures>) -> Result<(Queue, Self), Error> {
        let store = Store::open(&folder, limits)?;
        let (sender, receiver) = mpsc::channel();
        let queue = Queue { sender, figures: Arc::clone(&figures) };
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || {
            Writing { store, receiver, figures, dropped: 0, failure: Seldom::default(), shedding: Seldom::default() }
                .run();
        });
        let thread = thread.map_err(|source| Error::Io { path: folder, source })?;
        Ok((queue, Self { thread }))
    }

    /// Waits until all that was put into the queue is written. Blocks.
    pub(crate) fn ended(self) {
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes spans has panicked");
        }
    }
}

struct Writing {
    store: Store,
    receiver: Receiver<Vec<Chunk>>,
    figures: Arc<Figures>,
    /// How many of the spans that were let go are written down.
    dropped: u64,
    failure: Seldom,
    shedding: Seldom,
}

impl Writing {
    fn run(mut self) {
        self.figures.bytes.set(self.store.bytes());
        loop {
            let patience = if self.store.is_waiting() { PATIENCE } else { LOOK };
            match self.receiver.recv_timeout(patience) {
                Ok(first) => self.commit(first),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.store.tick() {
                        self.lost(&error, 0);
                    }
                    self.figures.bytes.set(self.store.bytes());
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn commit(&mut self, mut chunks: Vec<Chunk>) {
        let size = |chunks: &[Chunk]| chunks.iter().map(|chunk| chunk.data.len() as u64).sum::<u64>();
        let (end, most) = (Instant::now() + GATHERING, self.store.batch());
        let mut bytes = size(&chunks);
        while bytes < most
            && let Ok(more) = self.receiver.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            bytes += size(&more);
            chunks.extend(more);
        }
        let shed = self.figures.shed.get();
        self.tell_shed(shed);
        // Only where the store was made small: by default it takes whatever a message can hold.
        let large: u64 =
            chunks.extract_if(.., |chunk| chunk.data.len() as u64 > most).map(|chunk| u64::from(chunk.spans)).sum();
        if large > 0 {
            self.figures.queued.subtract(large);
            self.lost("what came of one trace at once is too large for so small a store", large);
        }
        // Nothing larger than a batch goes into one transaction: the store's size is looked at in between.
        while !chunks.is_empty() {
            let mut rest = chunks.split_off(fitting(&chunks, most));
            let spans = chunks.iter().map(|chunk| u64::from(chunk.spans)).sum();
            match self.store.write(&mut chunks, shed - self.dropped) {
                Ok(()) => {
                    self.dropped = shed;
                    self.figures.stored.add(spans);
                }
                Err(error) => self.lost(&error, spans),
            }
            self.figures.queued.subtract(spans);
            std::mem::swap(&mut chunks, &mut rest);
        }
        self.figures.bytes.set(self.store.bytes());
    }

    fn lost(&mut self, why: impl fmt::Display, spans: u64) {
        self.figures.lost.add(spans);
        if self.failure.is_due(Instant::now()) {
            tracing::error!(lost = self.figures.lost.get(), "spans are lost: {why}");
        }
    }

    fn tell_shed(&mut self, shed: u64) {
        if shed > self.dropped && self.shedding.is_due(Instant::now()) {
            tracing::warn!(
                dropped = shed,
                stored = self.figures.stored.get(),
                "more spans come than can be stored: some traces are dropped, by their ids"
            );
        }
    }
}

/// How many of the first chunks make up a batch; at least one.
fn fitting(chunks: &[Chunk], most: u64) -> usize {
    let mut bytes = 0;
    let fits = |chunk: &&Chunk| {
        bytes += chunk.data.len() as u64;
        bytes <= most
    };
    chunks.iter().take_while(fits).count().max(1)
}
