//! Keeps the index up with the file: at the start, whatever happened to it meanwhile, and then after each commit.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kit::crash;
use redb::{ReadTransaction, ReadableTable};

use super::Error;
use super::document::Document;
use super::file::{CHANGES, DOCUMENTS, File};
use super::index::{Index, Indexed};

/// The least time between two commits of the index: each makes a few small files, and a search may lag by a second.
const INTERVAL: Duration = Duration::from_millis(200);
/// The time between attempts while the disk refuses.
const RETRY: Duration = Duration::from_secs(1);
/// Changes read in one transaction of the file.
const BATCH: usize = 1000;

/// The newest index that can be searched: another one after it had to be made again.
pub(super) type Current = Arc<RwLock<Arc<Index>>>;

pub(super) struct Indexer {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

/// Wakes the indexer; calls that come while it works are one.
#[derive(Default)]
pub(super) struct Signal {
    state: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Default)]
struct Wanted {
    work: bool,
    stop: bool,
}

impl Indexer {
    /// Opens the index, or makes it again from the file, and returns when it holds all that the file does.
    pub(super) fn start(file: Arc<File>, directory: PathBuf, signal: Arc<Signal>) -> Result<(Self, Current), Error> {
        let (index, mut indexed) = open(&file, &directory)?;
        catch_up(&file, &index, &mut indexed)?;
        let current = Arc::new(RwLock::new(Arc::new(index)));
        let work = Work { file, directory, current: current.clone(), indexed: Some(indexed) };
        let waits = signal.clone();
        let thread = std::thread::Builder::new().name("catalog-indexer".to_owned()).spawn(move || work.run(&waits))?;
        Ok((Self { signal, thread: Some(thread) }, current))
    }

    /// Whether its thread still runs: only a panic ends it.
    pub(super) fn check(&self) -> Result<(), Error> {
        let stopped = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        if stopped { Err(Error::Stopped("indexer")) } else { Ok(()) }
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.signal.change(|wanted| wanted.stop = true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that indexes the catalog panicked");
        }
    }
}

impl Signal {
    pub(super) fn wake(&self) {
        self.change(|wanted| wanted.work = true);
    }

    fn change(&self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits for work; false when it is time to stop.
    fn wait(&self) -> bool {
        let wanted = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |wanted: &mut Wanted| !wanted.work && !wanted.stop;
        let mut wanted = self.changed.wait_while(wanted, idle).unwrap_or_else(PoisonError::into_inner);
        wanted.work = false;
        !wanted.stop
    }

    /// Rests for `pause`, unless it is time to stop.
    fn rest(&self, pause: Duration) {
        let wanted = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(wanted, pause, |wanted| !wanted.stop));
    }
}

struct Work {
    file: Arc<File>,
    directory: PathBuf,
    current: Current,
    /// `None` after a failure: the index has to be made again.
    indexed: Option<Indexed>,
}

impl Work {
    fn run(mut self, signal: &Signal) {
        while signal.wait() {
            match self.bring_up() {
                Ok(()) => signal.rest(INTERVAL),
                Err(error) => {
                    tracing::error!(%error, "can't make the search index again");
                    signal.rest(RETRY);
                    signal.wake();
                }
            }
        }
    }

    fn bring_up(&mut self) -> Result<(), Error> {
        // Given back only when all went well.
        if let Some(mut indexed) = self.indexed.take() {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
            match catch_up(&self.file, &current, &mut indexed) {
                Ok(()) => {
                    self.indexed = Some(indexed);
                    return Ok(());
                }
                Err(error) => tracing::error!(%error, "can't bring the search index up to date; making it again"),
            }
        }
        let (index, mut indexed) = Index::create(&self.directory, self.file.identity())?;
        // Searched only when it is whole: until then the old one answers.
        catch_up(&self.file, &index, &mut indexed)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
        self.indexed = Some(indexed);
        Ok(())
    }
}

/// Brings all that changed since the index's last commit into it.
fn catch_up(file: &File, index: &Index, indexed: &mut Indexed) -> Result<(), Error> {
    let begun = Instant::now();
    let mut last = indexed.change;
    let mut count = 0;
    loop {
        let changed = file.read(|transaction| changed(transaction, last))?;
        let Some(newest) = changed.last() else { break };
        last = newest.change;
        count += changed.len();
        for document in &changed {
            indexed.put(document)?;
        }
    }
    if last > indexed.change {
        crash::point("index-before-commit");
        indexed.commit(last)?;
        crash::point("index-after-commit");
        index.reader.reload()?;
        tracing::debug!(count, elapsed = ?begun.elapsed(), "indexed");
    }
    Ok(())
}

fn open(file: &File, directory: &std::path::Path) -> Result<(Index, Indexed), Error> {
    let last_change = file.read(last_change)?;
    if directory.exists() {
        match Index::open(directory, file.identity(), last_change) {
            Ok(opened) => return Ok(opened),
            Err(reason) => tracing::warn!(%reason, "the search index can't be used; making it again"),
        }
    }
    Ok(Index::create(directory, file.identity())?)
}

fn last_change(transaction: &ReadTransaction) -> Result<u64, Error> {
    Ok(transaction.open_table(CHANGES)?.last()?.map_or(0, |(change, _)| change.value()))
}

/// Documents whose last change came after `after`, in that order.
fn changed(transaction: &ReadTransaction, after: u64) -> Result<Vec<Document>, Error> {
    let documents = transaction.open_table(DOCUMENTS)?;
    let changes = transaction.open_table(CHANGES)?;
    let mut changed = Vec::new();
    for change in changes.range(after.saturating_add(1)..)?.take(BATCH) {
        let (_, id) = change?;
        let id = id.value();
        changed.push(Document::find(&documents, id)?.ok_or(Error::Damaged("a change has no document"))?);
    }
    Ok(changed)
}
