//! From the supervisor to everyone who watches. Whoever reads slowly loses updates and is told so; nobody waits for it.

use std::sync::Arc;

use shopctl_protocol::Update;
use tokio::sync::broadcast;

use crate::log::Line;

/// Changes kept for a watcher that is behind.
const CHANGES: usize = 1024;
/// Lines kept for a watcher that is behind.
const LINES: usize = 8192;

/// Two streams, so that a flood of lines never costs anybody a change.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    changes: broadcast::Sender<Arc<Update>>,
    lines: broadcast::Sender<Arc<Update>>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { changes: broadcast::Sender::new(CHANGES), lines: broadcast::Sender::new(LINES) }
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<Arc<Update>> {
        self.changes.subscribe()
    }

    pub(crate) fn lines(&self) -> broadcast::Receiver<Arc<Update>> {
        self.lines.subscribe()
    }

    pub(crate) fn publish(&self, update: Update) {
        // Nobody watches: fine.
        let _ = self.changes.send(Arc::new(update));
    }

    pub(crate) fn publish_lines(&self, resource: &str, lines: Vec<Line>) {
        if self.lines.receiver_count() == 0 {
            return;
        }
        for line in lines {
            let _ = self.lines.send(Arc::new(Update::Line {
                resource: resource.to_owned(),
                stamp: line.stamp,
                stream: line.stream,
                partial: line.partial,
                text: String::from_utf8_lossy(&line.bytes).into_owned(),
            }));
        }
    }
}
