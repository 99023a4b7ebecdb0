//! Events that were committed together with the state they tell of, and wait to be published.

mod postgres;

use async_trait::async_trait;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres};

pub use postgres::PgOutbox;

use crate::event::Event;

/// What a [`crate::Relay`] publishes from. Its events stand in the order in which they are to be published; that order
/// has to be right for each key, and only for each key.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// How the outbox finds an event again.
    type Mark: Send + Sync + 'static;

    /// Whether this relay may publish now. With several replicas only one may; asked before each batch.
    async fn exclusive(&mut self) -> anyhow::Result<bool>;

    /// The first `limit` events that were not published yet.
    async fn pending(&mut self, limit: usize) -> anyhow::Result<Vec<(Self::Mark, Event)>>;

    /// The broker has these: they need not be published again.
    async fn published(&mut self, marks: Vec<Self::Mark>) -> anyhow::Result<()>;
}

/// Puts an event into the table `outbox`, in the transaction that changes the entity and after its row was locked: that
/// lock is what keeps the events of one key in order.
pub async fn insert(connection: &mut PgConnection, event: &Event) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(
        "INSERT INTO outbox (id, topic, key, kind, source, occurred_at, value, traceparent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    bind(insert, event).execute(connection).await.map(drop)
}

/// Binds an event's eight columns, in the order in which [`insert`] names them: for whoever writes the row in the very
/// statement that changes the entity, which saves the round trips of a transaction.
pub fn bind<'q>(query: Query<'q, Postgres, PgArguments>, event: &'q Event) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(event.id)
        .bind(&event.topic)
        .bind(&event.key)
        .bind(&event.kind)
        .bind(&event.source)
        .bind(event.time)
        .bind(&event.value)
        .bind(&event.traceparent)
}
