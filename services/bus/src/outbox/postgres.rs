use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use kit::database::Pool;
use sqlx::postgres::PgRow;
use sqlx::{ConnectOptions, PgConnection, Row};
use tokio::time::timeout;

use super::Outbox;
use crate::event::Event;

/// The advisory lock that the publishing relay of a database holds ("outbox" in ASCII).
const LOCK: i64 = 0x6f75_7462_6f78;

/// A statement that takes longer counts as a lost connection, and the lock as lost with it.
const STATEMENT: Duration = Duration::from_secs(10);

/// The table `outbox` of a service's database.
///
/// The relay holds an advisory lock on a connection of its own, and reads and deletes on that very connection: if it is
/// lost, so is the lock, and nothing can be marked any more by a relay that has been replaced.
pub struct PgOutbox {
    pool: Pool,
    holder: Option<Holder>,
}

struct Holder {
    connection: PgConnection,
    holds_lock: bool,
}

impl PgOutbox {
    /// The connection is made beside the pool, with the pool's options.
    pub fn new(pool: Pool) -> Self {
        Self { pool, holder: None }
    }

    /// Takes the connection out: whoever succeeds puts it back, whoever fails or is cut off in the middle has dropped it.
    async fn take(&mut self) -> anyhow::Result<Holder> {
        match self.holder.take() {
            Some(holder) => Ok(holder),
            None => {
                let connection = bounded("connect for the outbox", self.pool.connect_options().connect()).await?;
                Ok(Holder { connection, holds_lock: false })
            }
        }
    }
}

#[async_trait]
impl Outbox for PgOutbox {
    type Mark = i64;

    async fn exclusive(&mut self) -> anyhow::Result<bool> {
        let mut holder = self.take().await?;
        if !holder.holds_lock {
            let lock =
                sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut holder.connection);
            holder.holds_lock = bounded("lock the outbox", lock).await?;
            if holder.holds_lock {
                tracing::debug!("this relay publishes the outbox");
            }
        }
        let exclusive = holder.holds_lock;
        self.holder = Some(holder);
        Ok(exclusive)
    }

    async fn pending(&mut self, limit: usize) -> anyhow::Result<Vec<(i64, Event)>> {
        let mut holder = self.take().await?;
        anyhow::ensure!(holder.holds_lock, "the lock of the outbox was lost");
        let query = "SELECT seq, id, topic, key, kind, source, occurred_at, value, traceparent FROM outbox ORDER BY seq LIMIT $1";
        let rows = sqlx::query(query).bind(i64::try_from(limit)?).fetch_all(&mut holder.connection);
        let rows = bounded("read the outbox", rows).await?;
        self.holder = Some(holder);
        Ok(rows.iter().map(event).collect::<sqlx::Result<_>>()?)
    }

    async fn published(&mut self, marks: Vec<i64>) -> anyhow::Result<()> {
        let mut holder = self.take().await?;
        anyhow::ensure!(holder.holds_lock, "the lock of the outbox was lost");
        let delete = sqlx::query("DELETE FROM outbox WHERE seq = ANY($1)").bind(marks).execute(&mut holder.connection);
        bounded("delete from the outbox", delete).await?;
        self.holder = Some(holder);
        Ok(())
    }
}

async fn bounded<T>(what: &'static str, work: impl Future<Output = sqlx::Result<T>>) -> anyhow::Result<T> {
    match timeout(STATEMENT, work).await {
        Ok(done) => done.with_context(|| format!("can't {what}")),
        Err(_) => anyhow::bail!("can't {what}: no answer within {} s", STATEMENT.as_secs()),
    }
}

fn event(row: &PgRow) -> sqlx::Result<(i64, Event)> {
    let event = Event {
        id: row.try_get("id")?,
        topic: row.try_get("topic")?,
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        source: row.try_get("source")?,
        time: row.try_get("occurred_at")?,
        value: row.try_get("value")?,
        traceparent: row.try_get("traceparent")?,
    };
    Ok((row.try_get("seq")?, event))
}
