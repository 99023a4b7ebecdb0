use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::slice;
use std::sync::Arc;

use futures::FutureExt;
use kit::database::{Asked, Pool};
use kit::telemetry::{self, attribute_of};
use kit::{crash, text};
use rdkafka::message::{Message, OwnedMessage};
use sqlx::Connection as _;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field};
use uuid::Uuid;

use crate::backoff;
use crate::dead_letter::DeadLetters;
use crate::handler::{HandleError, Handler};
use crate::received::{Malformed, Received, processes};

/// What is done with each record.
pub(crate) struct Work {
    pub(crate) pool: Pool,
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
        let (parsed, span) = begin(record, &self.group);
        let refused = match parsed {
            Ok(event) => {
                let job = Job { event, span: span.clone() };
                self.until_decided(&job, stop).instrument(span.clone()).await
            }
            Err(malformed) => Some(Err(malformed.to_string())),
        };
        let done = match refused {
            None => false,
            Some(Ok(())) => true,
            Some(Err(reason)) => self.bury(record, &reason, stop).instrument(span).await,
        };
        if done {
            telemetry::consumed(record.topic(), &self.group, 1);
        }
        done
    }

    /// Applies records of one partition in one transaction: when many wait, that saves most of the work. Returns `false`,
    /// and nothing has been applied, if anything is wrong with one of them: only one after the other tells with which.
    pub(crate) async fn apply_together(&self, records: &[OwnedMessage]) -> bool {
        let jobs = records.iter().map(|record| {
            let (parsed, span) = begin(record, &self.group);
            parsed.map(|event| Job { event, span })
        });
        match jobs.collect::<Result<Vec<_>, _>>() {
            Ok(jobs) => {
                for job in &jobs {
                    attribute_of(&job.span, "messaging.batch.message_count", jobs.len() as i64);
                }
                let done = self.once(&jobs).await.is_ok();
                if let Some(record) = records.first().filter(|_| done) {
                    telemetry::consumed(record.topic(), &self.group, records.len() as u64);
                }
                done
            }
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
                    let error = telemetry::chain(error.as_ref());
                    tracing::warn!(failures, "the partition waits: {error}");
                    telemetry::exception("unavailable", error);
                    telemetry::attribute("shop.attempts", i64::from(failures) + 1);
                }
            }
            stop.run_until_cancelled(sleep(backoff::after(failures))).await?;
        }
    }

    /// The events' ids and their effects in one transaction. Whatever goes wrong around the handler is no event's fault.
    async fn once(&self, jobs: &[Job]) -> Result<(), HandleError> {
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
        // Of those that are applied together, the first stands for all.
        let asked = Asked::new(&concerning[0].span, "INSERT inbox");
        let result = self.transact(&concerning).await;
        asked.answered(match &result {
            Err(HandleError::Unavailable(error)) => Some(error.as_ref()),
            Ok(()) | Err(HandleError::Refused(_)) => None,
        });
        result
    }

    async fn transact(&self, jobs: &[&Job]) -> Result<(), HandleError> {
        let away = |error: sqlx::Error| HandleError::Unavailable(error.into());
        let mut connection = self.pool.acquire().await.map_err(away)?;
        let mut transaction = connection.begin().await.map_err(away)?;
        let ids: Vec<Uuid> = jobs.iter().map(|job| job.event.id).collect();
        let inbox = "INSERT INTO inbox (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS id
                     ON CONFLICT DO NOTHING RETURNING event_id";
        let new = sqlx::query_scalar(inbox).bind(&self.group).bind(ids).fetch_all(&mut *transaction).await;
        let mut new: HashSet<Uuid> = new.map_err(away)?.into_iter().collect();
        let nothing_new = new.is_empty();
        // An event may also stand there twice.
        let (jobs, known): (Vec<_>, Vec<_>) = jobs.iter().copied().partition(|job: &&Job| new.remove(&job.event.id));
        for Job { span, .. } in known {
            attribute_of(span, "shop.redelivered", true);
        }
        if nothing_new {
            tracing::debug!("known already");
            transaction.rollback().await.map_err(away)?;
            connection.done();
            return Ok(());
        }
        for Job { event, span } in jobs {
            let handling = self.handler.handle(&mut transaction, event).instrument(span.clone());
            match AssertUnwindSafe(handling).catch_unwind().await {
                Ok(handled) => handled?,
                Err(_) => return Err(panicked()),
            }
        }
        crash::point("consumer-before-commit");
        transaction.commit().await.map_err(away)?;
        crash::point("consumer-after-commit");
        connection.done();
        Ok(())
    }

    /// Tries until the dead letter is safe: only then may the offset advance.
    async fn bury(&self, record: &OwnedMessage, reason: &str, stop: &CancellationToken) -> bool {
        tracing::warn!("goes to the dead letters: {}", text::escape_control(reason));
        telemetry::exception("refused", reason);
        telemetry::failed("refused", reason);
        telemetry::attribute("shop.dead_letter", format!("{}.dlt", record.topic()));
        crash::point("letter-before-publish");
        let mut failures: u32 = 0;
        while let Err(error) = self.dead_letters.send(record, reason).await {
            failures = failures.saturating_add(1);
            tracing::warn!(failures, "the dead letter can't be sent: {}", telemetry::chain(error.as_ref()));
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

fn begin(record: &OwnedMessage, group: &str) -> (Result<Received, Malformed>, Span) {
    let span = tracing::info_span!(
        "event",
        topic = record.topic(),
        partition = record.partition(),
        offset = record.offset(),
        kind = field::Empty,
        trace_id = field::Empty,
        otel.name = format!("process {}", record.topic()),
        otel.kind = "consumer"
    );
    let parsed = Received::parse(record);
    if let Ok(event) = &parsed {
        event.describe(&span);
    }
    telemetry::record_trace_id(&span);
    processes(&span);
    if telemetry::is_exporting() {
        attribute_of(&span, "messaging.consumer.group.name", group.to_owned());
    }
    (parsed, span)
}
