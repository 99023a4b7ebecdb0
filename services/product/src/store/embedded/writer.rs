//! The one thread that writes. redb has one writer at a time and each commit waits for the disk, so whatever was asked
//! while a commit ran goes into the next one together.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::Error;
use super::file::File;
use super::transaction::Transaction;

/// Requests that may wait; more wait outside.
const QUEUE: usize = 1024;
/// Requests in one transaction.
const BATCH: usize = 256;

const STOPPED: Error = Error::Stopped("writer");

type Job = Box<dyn FnOnce(&mut Transaction<'_>) -> Result<Answer, Error> + Send>;
/// Tells the asker; called after the commit only.
type Answer = Box<dyn FnOnce() + Send>;

pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// `committed` is called after each commit.
    pub(super) fn start(file: Arc<File>, committed: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let thread = std::thread::Builder::new().name("catalog-writer".to_owned()).spawn(move || {
            let mut batch = Vec::with_capacity(BATCH);
            while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
                match write(&file, &mut batch) {
                    Ok(answers) => {
                        answers.into_iter().for_each(|answer| answer());
                        committed();
                    }
                    // The askers learn of it because their answers are dropped.
                    Err(error) => tracing::error!(%error, "can't write to the catalog's file"),
                }
                batch.clear();
            }
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` in a transaction, maybe with others' work, and returns when it is on the disk. `work` must either do
    /// all or, when it refuses something, have written nothing: only an error undoes the transaction, and everybody's.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        // Events made in the work belong to the asker's trace.
        let span = Span::current();
        let job: Job = Box::new(move |transaction| {
            let done = span.in_scope(|| work(transaction))?;
            // An asker who went away does not need the answer.
            Ok(Box::new(move || drop(answer.send(done))) as Answer)
        });
        let jobs = self.jobs.as_ref().ok_or(STOPPED)?;
        jobs.send(job).await.map_err(|_| STOPPED)?;
        answered.await.map_err(|_| Error::NotWritten)
    }

    /// Whether its thread still runs: only a panic ends it.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) { Err(STOPPED) } else { Ok(()) }
    }
}

impl Drop for Writer {
    /// Waits until all that was asked is on the disk.
    fn drop(&mut self) {
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the catalog panicked");
        }
    }
}

fn write(file: &File, batch: &mut Vec<Job>) -> Result<Vec<Answer>, Error> {
    file.write(|transaction| {
        let mut transaction = Transaction::begin(transaction)?;
        let answers = batch.drain(..).map(|job| job(&mut transaction)).collect::<Result<Vec<_>, _>>()?;
        transaction.finish()?;
        Ok(answers)
    })
}
