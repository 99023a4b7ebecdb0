use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::slice;
use std::sync::Arc;

use futures::FutureExt;
use kit::crash;
use rdkafka::message::{Message, OwnedMessage};
use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field};
use uuid::Uuid;

use crate::backoff;
use crate::dead_letter::DeadLetters;
use crate::handler::{HandleError, Handler};
use crate::received::{Malformed, Received};

/// What is done with each record.
pub(crate) struct Work {
    pub(crate) pool: PgPool,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) group: String,
}

/// An event, and the span in which it is handled.
struct Job {
    event: Received,
    span: Span,
}

impl Work {
    /// Returns `true` once the record is dealt with for good: applied, known already, or safe among the dead letters;
    /// `false` if it was told to stop before that.
    pub(crate) async fn apply(&self, record: &OwnedMessage, stop: &CancellationToken) -> bool {
        let (parsed, span) = begin(record);
        let refused = match parsed {
            Ok(event) => {
                let job = Job { event, span: span.clone() };
                self.until_decided(&job, stop).instrument(span.clone()).await
            }
            Err(malformed) => Some(Err(malformed.to_string())),
        };
        match refused {
            None => false,
            Some(Ok(())) => true,
            Some(Err(reason)) => self.bury(record, &reason, stop).instrument(span).await,
        }
    }

    /// Applies records of one partition in one transaction: when many wait, that saves most of the work. Returns `false`,
    /// and nothing has been applied, if anything is wrong with one of them: only one after the other tells with which.
    pub(crate) async fn apply_together(&self, records: &[OwnedMessage]) -> bool {
        let jobs = records.iter().map(|record| {
            let (parsed, span) = begin(record);
            parsed.map(|event| Job { event, span })
        });
        match jobs.collect::<Result<Vec<_>, _>>() {
            Ok(jobs) => self.once(&jobs).await.is_ok(),
            Err(_) => false,
        }
    }

    /// The domain's last word: applied, or refused for a reason. `None` if told to stop.
    async fn until_decided(&self, job: &Job, stop: &CancellationToken) -> Option<Result<(), String>> {
        let mut failures: u32 = 0;
        loop {
            match self.once(slice::from_ref(job)).await {
                Ok(()) => return Some(Ok(())),
                Err(HandleError::Refused(reason)) => return Some(Err(reason)),
                Err(HandleError::Unavailable(error)) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(failures, "the partition waits: {}", kit::telemetry::chain(error.as_ref()));
                }
            }
            stop.run_until_cancelled(sleep(backoff::after(failures))).await?;
        }
    }

    /// The events' ids and their effects in one transaction. Whatever goes wrong around the handler is no event's fault.
    async fn once(&self, jobs: &[Job]) -> Result<(), HandleError> {
        let away = |error: sqlx::Error| HandleError::Unavailable(error.into());
        let mut concerning = Vec::with_capacity(jobs.len());
        for job in jobs {
            let concerns = || job.span.in_scope(|| self.handler.concerns(&job.event));
            if std::panic::catch_unwind(AssertUnwindSafe(concerns)).unwrap_or_else(|_| Err(panicked()))? {
                concerning.push(job);
            }
        }
        if concerning.is_empty() {
            return Ok(());
        }
        let mut transaction = self.pool.begin().await.map_err(away)?;
        let ids: Vec<Uuid> = concerning.iter().map(|job| job.event.id).collect();
        let inbox = "INSERT INTO inbox (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS id
                     ON CONFLICT DO NOTHING RETURNING event_id";
        let new = sqlx::query_scalar(inbox).bind(&self.group).bind(ids).fetch_all(&mut *transaction).await;
        let mut new: HashSet<Uuid> = new.map_err(away)?.into_iter().collect();
        if new.is_empty() {
            tracing::debug!("known already");
            return transaction.rollback().await.map_err(away);
        }
        // An event may also stand there twice.
        for Job { event, span } in concerning.into_iter().filter(|job| new.remove(&job.event.id)) {
            let handling = self.handler.handle(&mut transaction, event).instrument(span.clone());
            match AssertUnwindSafe(handling).catch_unwind().await {
                Ok(handled) => handled?,
                Err(_) => return Err(panicked()),
            }
        }
        crash::point("consumer-before-commit");
        transaction.commit().await.map_err(away)?;
        crash::point("consumer-after-commit");
        Ok(())
    }

    /// Tries until the dead letter is safe: only then may the offset advance.
    async fn bury(&self, record: &OwnedMessage, reason: &str, stop: &CancellationToken) -> bool {
        tracing::warn!("goes to the dead letters: {}", kit::text::escape_control(reason));
        crash::point("letter-before-publish");
        let mut failures: u32 = 0;
        while let Err(error) = self.dead_letters.send(record, reason).await {
            failures = failures.saturating_add(1);
            tracing::warn!(failures, "the dead letter can't be sent: {}", kit::telemetry::chain(error.as_ref()));
            if stop.run_until_cancelled(sleep(backoff::after(failures))).await.is_none() {
                return false;
            }
        }
        crash::point("letter-after-publish");
        true
    }
}

fn panicked() -> HandleError {
    HandleError::Refused("the handler panicked".to_owned())
}

fn begin(record: &OwnedMessage) -> (Result<Received, Malformed>, Span) {
    let span = tracing::info_span!(
        "event",
        topic = record.topic(),
        partition = record.partition(),
        offset = record.offset(),
        kind = field::Empty,
        trace_id = field::Empty,
        otel.kind = "consumer"
    );
    let parsed = Received::parse(record);
    if let Ok(event) = &parsed {
        span.record("kind", kit::text::escape_control(&event.kind).as_ref());
        if let Some(traceparent) = &event.traceparent {
            kit::telemetry::set_parent(&span, traceparent);
        }
    }
    kit::telemetry::record_trace_id(&span);
    (parsed, span)
}
