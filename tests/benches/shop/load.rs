use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use hdrhistogram::Histogram;
use tokio::time::sleep_until;

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
        Self::added(begun, try_join_all(each).await?)
    }

    /// `rate` requests a second come, for `time`, whatever becomes of those before, and are asked by whoever is free. A time
    /// counts from when its request came.
    pub(crate) async fn at<C>(
        clients: &mut [C],
        rate: f64,
        time: Duration,
        ask: impl AsyncFn(&mut C) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let (begun, came, ask) = (Instant::now(), Cell::new(0_u32), &ask);
        let came = &came;
        let each = clients.iter_mut().map(async |client| {
            let mut seen = times();
            loop {
                let after = Duration::from_secs_f64(f64::from(came.get()) / rate);
                if after >= time {
                    return anyhow::Ok(seen);
                }
                came.set(came.get() + 1);
                let mut due = begun + after;
                if Instant::now() < due {
                    sleep_until(due.into()).await;
                    // That the timer is late is not the shop's fault.
                    due = Instant::now();
                }
                ask(client).await?;
                record(&mut seen, due.elapsed());
            }
        });
        Self::added(begun, try_join_all(each).await?)
    }

    fn added(begun: Instant, seen: Vec<Histogram<u64>>) -> anyhow::Result<Self> {
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
