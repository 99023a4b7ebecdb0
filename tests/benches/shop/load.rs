use std::time::{Duration, Instant};

use futures::future::try_join_all;
use hdrhistogram::Histogram;

use crate::figure::{real, record, times};

/// What clients saw that asked without pause.
pub(crate) struct Load {
    pub(crate) times: Histogram<u64>,
    /// Until the last answer.
    pub(crate) elapsed: Duration,
}

impl Load {
    /// Each of these asks again as soon as it is answered, until `time` is over.
    pub(crate) async fn of<C>(
        clients: &mut [C],
        time: Duration,
        ask: impl AsyncFn(&mut C) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let (begun, ask) = (Instant::now(), &ask);
        let each = clients.iter_mut().map(async |client| {
            let mut seen = times();
            while begun.elapsed() < time {
                let asked = Instant::now();
                ask(client).await?;
                record(&mut seen, asked.elapsed());
            }
            anyhow::Ok(seen)
        });
        let seen = try_join_all(each).await?;
        let mut load = Self { times: times(), elapsed: begun.elapsed() };
        for one in seen {
            load.times.add(one)?;
        }
        Ok(load)
    }

    pub(crate) fn count(&self) -> f64 {
        real(self.times.len())
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.count() / self.elapsed.as_secs_f64()
    }
}
