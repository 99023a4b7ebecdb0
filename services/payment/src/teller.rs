//! Tells order how payments ended, until order has answered.

use std::time::Duration;

use futures::future::join_all;
use kit::database::traced;
use kit::{Shutdown, crash, telemetry};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, field};

use crate::backoff;
use crate::domain::{OrderStatus, Outcome};
use crate::orders::{self, Orders, Told};
use crate::store::{self, Settlement, Store, Telling};
use crate::worker::{self, Pass, Queue};

/// How many are told at once.
const BATCH: usize = 16;
/// Longer than the two calls that one telling takes: nobody else tells it meanwhile. It is also how long an order waits
/// whose telling was killed.
pub(crate) const LEASE: Duration = Duration::from_secs(5);
/// How often order is asked again about an order that it does not know, though it did when the session was opened.
const LOST: Duration = Duration::from_secs(10 * 60);

/// The durable worker. Replicas may run beside each other: what one has claimed the other passes over.
#[derive(Clone)]
pub(crate) struct Teller {
    store: Store,
    orders: Orders,
    telling: TaskTracker,
}

impl Teller {
    pub(crate) fn new(store: Store, orders: Orders) -> Self {
        Self { store, orders, telling: TaskTracker::new() }
    }

    /// Tells what nobody has told in time, until the shutdown drains.
    pub(crate) async fn run(&self, shutdown: Shutdown) {
        // Nothing wakes it: a webhook's outcome is told at once, and only what failed waits here.
        worker::run(self, &shutdown).await;
    }

    /// Waits until all is told that was begun; nobody may begin anything any more.
    pub(crate) async fn finish(&self) {
        self.telling.close();
        self.telling.wait().await;
    }

    /// Tells a new outcome at once, beside the caller. Whatever becomes of that, it stays in the queue until it is settled.
    pub(crate) fn begin(&self, telling: Telling) {
        let (teller, id) = (self.clone(), telling.id.clone());
        let telling = async move {
            let span = span(&telling);
            if let Err(error) = teller.tell(telling).instrument(span).await {
                tracing::warn!(transaction = ?id, %error, "order's answer could not be recorded, it is told again");
            }
        };
        self.telling.spawn(telling);
    }

    async fn tell(&self, telling: Telling) -> Result<(), store::Error> {
        telemetry::attribute("shop.attempt", i64::from(telling.attempts));
        if let Some(reason) = &telling.last_error {
            telemetry::attribute("shop.retry.reason", reason.clone());
        }
        let answer = self.ask(&telling).await;
        if let Err(error) = &answer {
            telemetry::exception(error.word(), error);
            telemetry::failed(error.word(), error);
        }
        match answer {
            Ok(settlement) => {
                tracing::info!(status = telling.status.as_str(), ?settlement, "order has answered");
                traced("UPDATE transactions", self.store.settle(&telling.id, settlement)).await
            }
            // It has lost its data, and may get them back. Whoever restores it must find the money: it is neither given back
            // nor forgotten, shows as not settled, and nobody is busy with it.
            Err(error @ orders::Error::NotFound(_)) => {
                tracing::error!(%error, "money was taken for an order that is lost");
                self.store.retry_telling(&telling.id, LOST, &error.to_string()).await
            }
            Err(error) => {
                let delay = backoff::delay(telling.attempts, rand::random());
                tracing::warn!(%error, attempts = telling.attempts, ?delay, "order was not told, again later");
                self.store.retry_telling(&telling.id, delay, &error.to_string()).await
            }
        }
    }

    async fn ask(&self, telling: &Telling) -> Result<Settlement, orders::Error> {
        let Some(outcome) = telling.status.tells() else {
            // Settled by another replica after our claim was read.
            return Ok(Settlement::Stands);
        };
        let told = match (self.orders.tell(telling.order_id, outcome).await, outcome) {
            // Nothing was taken: there is nobody left to care.
            (Err(orders::Error::NotFound(_)), Outcome::Failed) => return Ok(Settlement::Stands),
            (told, _) => told?,
        };
        match (told, outcome) {
            (Told::Taken, _) => Ok(Settlement::Stands),
            // Paid by another try or cancelled meanwhile: the order need not know of this one.
            (Told::Refused, Outcome::Failed) => Ok(Settlement::Stands),
            (Told::Refused, Outcome::Success) => match self.orders.get(telling.order_id).await?.status {
                OrderStatus::Cancelled => Ok(Settlement::Refunded),
                OrderStatus::Paid => Ok(Settlement::Stands),
                status @ (OrderStatus::Pending | OrderStatus::PaymentFailed) => {
                    Err(orders::Error::Undecided(telling.order_id, status))
                }
            },
        }
    }
}

impl Queue for Teller {
    const NAME: &'static str = "the teller";

    async fn pass(&self) -> Result<Pass, store::Error> {
        let claimed = self.store.claim_tellings(BATCH as i64, LEASE).await?;
        let pass = if claimed.len() == BATCH { Pass::Full } else { Pass::Done };
        let told = join_all(claimed.into_iter().map(|telling| {
            let span = span(&telling);
            crash::point("telling-after-claim");
            self.tell(telling).instrument(span)
        }));
        told.await.into_iter().collect::<Result<(), _>>()?;
        Ok(pass)
    }
}

fn span(telling: &Telling) -> Span {
    let span = tracing::info_span!(
        "tell order",
        order = telling.order_id,
        transaction = ?telling.id,
        trace_id = field::Empty
    );
    if let Some(traceparent) = &telling.traceparent {
        telemetry::set_parent(&span, traceparent);
    }
    telemetry::record_trace_id(&span);
    span
}
