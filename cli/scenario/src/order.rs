//! One order as the shop's databases have it now.

use std::time::Duration;

use serde::Deserialize;
use shopctl_trace::{
    Delivery, Facts, Interactions, Missing, Order, Refund, Stamp, Taken, Telling, Transaction, Unpublished, Webhook,
};
use sqlx::{Connection as _, FromRow, PgConnection, Row as _, postgres::PgRow};
use tokio::time::timeout;
use uuid::Uuid;

use crate::invariants::history;

/// A database of this machine that takes longer is paused, or has no room for one more.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the databases are, as `shopctl env --json` tells it; one that the instance does not have is missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Databases {
    order_db: Option<String>,
    payment_db: Option<String>,
    recommender_db: Option<String>,
}

/// What two databases say of an event.
const TAKEN: &str =
    "SELECT consumer, event_id, extract(epoch FROM received_at)::float8 FROM inbox WHERE event_id = ANY($1)";

/// Everything that is known of an order but [what was taken in](taken), and which databases could not be asked.
pub async fn read(databases: &Databases, id: i64) -> (Facts, Vec<Missing>) {
    let mut facts = Facts::default();
    let (order, payment, recommender) = tokio::join!(
        ask("order_db", databases.order_db.as_deref(), async |c: &mut PgConnection| of_order(c, id).await),
        ask("payment_db", databases.payment_db.as_deref(), async |c: &mut PgConnection| of_payment(c, id).await),
        ask("recommender_db", databases.recommender_db.as_deref(), async |c: &mut PgConnection| {
            of_recommender(c, id).await
        }),
    );
    let mut missing = Vec::new();
    match order {
        Ok((order, unpublished)) => (facts.order, facts.unpublished) = (order, unpublished),
        Err(why) => missing.push(why),
    }
    match payment {
        Ok(payment) => facts = Facts { order: facts.order, unpublished: facts.unpublished, ..payment },
        Err(why) => missing.push(why),
    }
    match recommender {
        Ok(interactions) => facts.interactions = interactions,
        Err(why) => missing.push(why),
    }
    (facts, missing)
}

/// Which of these events (by `ce_id`) have had their effect on payment's and recommender's databases. What cannot be asked
/// has taken nothing.
pub async fn taken(databases: &Databases, events: &[Uuid]) -> Vec<Taken> {
    let of = async |name: &'static str, url: Option<&str>| {
        let rows = ask(name, url, async |connection: &mut PgConnection| {
            sqlx::query_as::<_, (String, Uuid, f64)>(TAKEN).bind(events).fetch_all(connection).await
        });
        rows.await.unwrap_or_default()
    };
    let (payment, recommender) = tokio::join!(
        of("payment_db", databases.payment_db.as_deref()),
        of("recommender_db", databases.recommender_db.as_deref())
    );
    let taken = |(group, event, at): (String, Uuid, f64)| Taken {
        group,
        event: event.to_string(),
        at: Stamp::from_seconds(at),
    };
    payment.into_iter().chain(recommender).map(taken).collect()
}

/// The number of the latest order, if there is one.
///
/// # Errors
/// When order's database cannot be asked.
pub async fn latest(databases: &Databases) -> Result<Option<i64>, Missing> {
    ask("order_db", databases.order_db.as_deref(), async |connection: &mut PgConnection| {
        sqlx::query_scalar("SELECT max(id) FROM orders").fetch_one(connection).await
    })
    .await
}

async fn ask<T>(
    name: &str,
    url: Option<&str>,
    question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<T, Missing> {
    let missing = |why: String| Missing { what: format!("rows of {name}"), why };
    let url = url.ok_or_else(|| missing("this instance has no such database".to_owned()))?;
    let answer = async {
        let mut connection = PgConnection::connect(url).await?;
        let answer = question(&mut connection).await;
        // It has changed nothing.
        let _ = connection.close().await;
        answer
    };
    match timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| missing(error.to_string())),
        Err(_) => Err(missing(format!("it has not answered for {} s", PATIENCE.as_secs()))),
    }
}

async fn of_order(connection: &mut PgConnection, id: i64) -> Result<(Option<Order>, Vec<Unpublished>), sqlx::Error> {
    #[derive(FromRow)]
    struct Row {
        account: i64,
        status: String,
        total: i64,
        version: i64,
        lines: i64,
        created: f64,
    }
    let query = "SELECT account_id AS account, status, total_cents::bigint AS total, version, \
                 (SELECT count(*) FROM order_lines WHERE order_id = orders.id) AS lines, \
                 extract(epoch FROM created_at)::float8 AS created FROM orders WHERE id = $1";
    let row: Option<Row> = sqlx::query_as(query).bind(id).fetch_optional(&mut *connection).await?;
    let order = row.map(|Row { account, status, total, version, lines, created }| {
        let created = Stamp::from_seconds(created);
        Order { id, account, status, total_cents: total, version, lines, created }
    });
    let query = "SELECT id, kind, extract(epoch FROM occurred_at)::float8 FROM outbox WHERE key = $1 ORDER BY seq";
    let rows: Vec<(Uuid, String, f64)> = sqlx::query_as(query).bind(id.to_string()).fetch_all(connection).await?;
    let waiting = |(id, kind, occurred): (Uuid, String, f64)| Unpublished {
        id: id.to_string(),
        kind,
        occurred: Stamp::from_seconds(occurred),
    };
    Ok((order, rows.into_iter().map(waiting).collect()))
}

async fn of_payment(connection: &mut PgConnection, id: i64) -> Result<Facts, sqlx::Error> {
    Ok(Facts {
        transactions: rows(connection, id, TRANSACTIONS, transaction).await?,
        deliveries: rows(connection, id, DELIVERIES, delivery).await?,
        webhooks: rows(connection, id, WEBHOOKS, webhook).await?,
        tellings: rows(connection, id, TELLINGS, telling).await?,
        refunds: rows(connection, id, REFUNDS, refund).await?,
        cancelled: rows(connection, id, CANCELLED, |row| moment(row, "at")).await?.into_iter().next(),
        ..Facts::default()
    })
}

const TRANSACTIONS: &str = "SELECT id, status, amount_cents::bigint AS amount, \
     extract(epoch FROM created_at)::float8 AS created, extract(epoch FROM settled_at)::float8 AS settled \
     FROM transactions WHERE order_id = $1 ORDER BY created_at, id";

fn transaction(row: &PgRow) -> Result<Transaction, sqlx::Error> {
    Ok(Transaction {
        id: shown(row, "id")?,
        status: row.try_get("status")?,
        amount_cents: row.try_get("amount")?,
        created: moment(row, "created")?,
        settled: row.try_get::<Option<f64>, _>("settled")?.map(Stamp::from_seconds),
    })
}

const DELIVERIES: &str = "SELECT d.transaction_id, d.outcome, d.attempts, extract(epoch FROM d.due_at)::float8 AS due, \
     d.last_answer, extract(epoch FROM d.created_at)::float8 AS created, d.traceparent \
     FROM provider_deliveries d JOIN transactions t ON t.id = d.transaction_id \
     WHERE t.order_id = $1 ORDER BY d.created_at";

fn delivery(row: &PgRow) -> Result<Delivery, sqlx::Error> {
    Ok(Delivery {
        transaction: shown(row, "transaction_id")?,
        outcome: row.try_get("outcome")?,
        attempts: count(row, "attempts")?,
        due: row.try_get::<Option<f64>, _>("due")?.map(Stamp::from_seconds),
        answer: row.try_get("last_answer")?,
        created: moment(row, "created")?,
        traceparent: row.try_get("traceparent")?,
    })
}

const WEBHOOKS: &str = "SELECT w.transaction_id, w.outcome, w.status_before, w.status_after, w.deliveries, \
     extract(epoch FROM w.first_at)::float8 AS first, extract(epoch FROM w.last_at)::float8 AS last \
     FROM webhooks w JOIN transactions t ON t.id = w.transaction_id WHERE t.order_id = $1 ORDER BY w.first_at";

fn webhook(row: &PgRow) -> Result<Webhook, sqlx::Error> {
    Ok(Webhook {
        transaction: shown(row, "transaction_id")?,
        outcome: row.try_get("outcome")?,
        before: row.try_get("status_before")?,
        after: row.try_get("status_after")?,
        deliveries: count(row, "deliveries")?,
        first: moment(row, "first")?,
        last: moment(row, "last")?,
    })
}

const TELLINGS: &str = "SELECT l.transaction_id, l.attempts, extract(epoch FROM l.due_at)::float8 AS due, l.last_error, \
     l.traceparent FROM tellings l JOIN transactions t ON t.id = l.transaction_id WHERE t.order_id = $1 ORDER BY l.due_at";

fn telling(row: &PgRow) -> Result<Telling, sqlx::Error> {
    Ok(Telling {
        transaction: shown(row, "transaction_id")?,
        attempts: count(row, "attempts")?,
        due: moment(row, "due")?,
        error: row.try_get("last_error")?,
        traceparent: row.try_get("traceparent")?,
    })
}

const REFUNDS: &str = "SELECT r.transaction_id, r.amount_cents::bigint AS amount, \
     extract(epoch FROM r.created_at)::float8 AS at \
     FROM refunds r JOIN transactions t ON t.id = r.transaction_id WHERE t.order_id = $1 ORDER BY r.created_at";

fn refund(row: &PgRow) -> Result<Refund, sqlx::Error> {
    let (transaction, amount_cents) = (shown(row, "transaction_id")?, row.try_get("amount")?);
    Ok(Refund { transaction, amount_cents, at: moment(row, "at")? })
}

const CANCELLED: &str =
    "SELECT extract(epoch FROM cancelled_at)::float8 AS at FROM orders WHERE id = $1 AND cancelled_at IS NOT NULL";

async fn rows<T>(
    connection: &mut PgConnection,
    id: i64,
    query: &'static str,
    read: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, sqlx::Error> {
    sqlx::query(query).bind(id).fetch_all(connection).await?.iter().map(read).collect()
}

fn moment(row: &PgRow, column: &str) -> Result<Stamp, sqlx::Error> {
    row.try_get(column).map(Stamp::from_seconds)
}

fn shown(row: &PgRow, column: &str) -> Result<String, sqlx::Error> {
    row.try_get(column).map(history::Transaction::shown)
}

fn count(row: &PgRow, column: &str) -> Result<u32, sqlx::Error> {
    row.try_get(column).map(i32::unsigned_abs)
}

async fn of_recommender(connection: &mut PgConnection, id: i64) -> Result<Option<Interactions>, sqlx::Error> {
    let query = "SELECT cardinality(product_ids)::bigint, cancelled, version FROM orders WHERE id = $1";
    let row: Option<(i64, bool, i64)> = sqlx::query_as(query).bind(id).fetch_optional(connection).await?;
    Ok(row.map(|(lines, cancelled, version)| Interactions { lines, cancelled, version }))
}
