//! The loop behind both queues of this service. Whoever puts work into one does it at once; the loop finds what that left,
//! here or in another replica.

use std::time::Duration;

use kit::Shutdown;

use crate::{backoff, store};

/// How late something that is due may be noticed.
const POLL: Duration = Duration::from_millis(500);

/// Whether a pass left something that is due.
#[derive(PartialEq, Eq)]
pub(crate) enum Pass {
    Full,
    Done,
}

/// Work that the database keeps.
pub(crate) trait Queue {
    /// Names the worker in logs.
    const NAME: &'static str;

    /// Claims what is due and does it once.
    fn pass(&self) -> impl Future<Output = Result<Pass, store::Error>> + Send;
}

/// Passes over the queue again and again until the shutdown drains; what is claimed by then is finished first.
pub(crate) async fn run<Q: Queue>(queue: &Q, shutdown: &Shutdown) {
    let draining = shutdown.draining();
    tokio::pin!(draining);
    let mut failures = 0;
    loop {
        let pause = match queue.pass().await {
            Ok(Pass::Full) => Duration::ZERO,
            Ok(Pass::Done) => {
                failures = 0;
                POLL
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(%error, failures, "{} could not look for work", Q::NAME);
                backoff::delay(failures, rand::random())
            }
        };
        tokio::select! {
            () = &mut draining => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
