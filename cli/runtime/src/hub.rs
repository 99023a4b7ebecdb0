//! From the supervisor to everyone who watches. Whoever reads slowly loses updates and is told so; nobody waits for it.

use std::{fmt::Write as _, sync::Arc};

use shopctl_protocol::{Figure, Update};
use tokio::sync::{broadcast, watch};

use crate::log::Header;

/// Changes kept for a watcher that is behind.
const CHANGES: usize = 1024;
/// Lines kept for a watcher that is behind.
const LINES: usize = 4096;
/// Of a line, or a part of one: what is kept for all watchers together stays below 32 MiB.
const LINE_BYTES: usize = 8 << 10;

/// Figures kept for a watcher that is behind: old ones are of no interest.
const FIGURES: usize = 2;

/// Several streams, so that a flood of lines never costs anybody a change.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    changes: broadcast::Sender<Arc<Update>>,
    lines: broadcast::Sender<Arc<Update>>,
    figures: broadcast::Sender<Arc<Update>>,
    logged: watch::Sender<()>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            changes: broadcast::Sender::new(CHANGES),
            lines: broadcast::Sender::new(LINES),
            figures: broadcast::Sender::new(FIGURES),
            logged: watch::Sender::new(()),
        }
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<Arc<Update>> {
        self.changes.subscribe()
    }

    pub(crate) fn lines(&self) -> broadcast::Receiver<Arc<Update>> {
        self.lines.subscribe()
    }

    pub(crate) fn figures(&self) -> broadcast::Receiver<Arc<Update>> {
        self.figures.subscribe()
    }

    /// Changes whenever something was logged.
    pub(crate) fn logged(&self) -> watch::Receiver<()> {
        self.logged.subscribe()
    }

    pub(crate) fn publish_figures(&self, figures: Vec<Figure>) {
        let _ = self.figures.send(Arc::new(Update::Figures { figures }));
    }

    pub(crate) fn has_watchers_of_figures(&self) -> bool {
        self.figures.receiver_count() > 0
    }

    pub(crate) fn publish(&self, update: Update) {
        // Nobody watches: fine.
        let _ = self.changes.send(Arc::new(update));
    }

    /// Whether anybody wants to know of a record.
    pub(crate) fn has_readers(&self) -> bool {
        self.lines.receiver_count() > 0 || self.logged.receiver_count() > 0
    }

    /// The lines of one record.
    pub(crate) fn publish_lines(&self, resource: &str, header: &Header, body: &[u8]) {
        // Cheap even where nobody is waiting; a watcher that is busy is told once.
        self.logged.send_replace(());
        if self.lines.receiver_count() == 0 {
            return;
        }
        for (stamp, piece, partial) in header.split(body) {
            let shown = &piece[..piece.len().min(LINE_BYTES)];
            let mut text = String::from_utf8_lossy(shown).into_owned();
            if shown.len() < piece.len() {
                let _ = write!(text, " … ({} bytes are only in the log)", piece.len() - shown.len());
            }
            let resource = resource.to_owned();
            let line = Update::Line { resource, stamp, stream: header.stream, partial, text };
            let _ = self.lines.send(Arc::new(line));
        }
    }
}
