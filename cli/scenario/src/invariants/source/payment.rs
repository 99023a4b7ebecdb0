use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::{PgConnection, Row as _};

use crate::invariants::{
    history::{Owed, Payment, Refund, Replica, Transaction, Unreadable, Webhook, Worker},
    told,
};

pub(super) async fn read(connection: &mut PgConnection) -> Result<(Payment, Vec<Unreadable>), sqlx::Error> {
    let (transactions, unreadable) = transactions(connection).await?;
    let cancelled: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM orders WHERE cancelled_at IS NOT NULL").fetch_all(&mut *connection).await?;
    let refunds = sqlx::query_as("SELECT transaction_id, amount_cents::bigint FROM refunds ORDER BY transaction_id")
        .fetch_all(&mut *connection)
        .await?;
    let refund = |(transaction, amount): (String, i64)| Refund { transaction, amount };
    let payment = Payment {
        cancelled: cancelled.into_iter().collect(),
        transactions,
        refunds: refunds.into_iter().map(refund).collect(),
        webhooks: webhooks(connection).await?,
        owed: owed(connection).await?,
        products: products(connection).await?,
        inbox: super::inbox("payment", connection).await?,
    };
    Ok((payment, unreadable))
}

async fn transactions(connection: &mut PgConnection) -> Result<(Vec<Transaction>, Vec<Unreadable>), sqlx::Error> {
    let (mut transactions, mut unreadable) = (Vec::new(), Vec::new());
    let query = "SELECT id, order_id, account_id, amount_cents::bigint, lines, status, settled_at IS NOT NULL AS settled \
                 FROM transactions ORDER BY order_id, created_at, id";
    let mut rows = sqlx::query(query).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let (id, noted): (String, Value) = (row.try_get("id")?, row.try_get("lines")?);
        let lines = match told::lines(&noted) {
            Ok(lines) => Some(lines),
            Err(fault) => {
                unreadable.push(Unreadable { object: format!("the lines of {}", Transaction::shown(&id)), fault });
                None
            }
        };
        transactions.push(Transaction {
            id,
            order: row.try_get("order_id")?,
            account: row.try_get("account_id")?,
            amount: row.try_get("amount_cents")?,
            lines,
            status: row.try_get("status")?,
            settled: row.try_get("settled")?,
        });
    }
    Ok((transactions, unreadable))
}

async fn webhooks(connection: &mut PgConnection) -> Result<Vec<Webhook>, sqlx::Error> {
    let query = "SELECT transaction_id, outcome, status_before, status_after FROM webhooks ORDER BY first_at";
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(query).fetch_all(connection).await?;
    let webhook = |(transaction, outcome, before, after)| Webhook { transaction, outcome, before, after };
    Ok(rows.into_iter().map(webhook).collect())
}

async fn owed(connection: &mut PgConnection) -> Result<Vec<Owed>, sqlx::Error> {
    let query = "SELECT transaction_id, TRUE, last_error FROM tellings UNION ALL \
                 SELECT transaction_id, FALSE, last_answer FROM provider_deliveries WHERE due_at IS NOT NULL";
    let rows: Vec<(String, bool, Option<String>)> = sqlx::query_as(query).fetch_all(connection).await?;
    let owed = |(transaction, tell, error)| {
        let to = if tell { Worker::Teller } else { Worker::Provider };
        Owed { transaction, to, error }
    };
    Ok(rows.into_iter().map(owed).collect())
}

async fn products(connection: &mut PgConnection) -> Result<Vec<Replica>, sqlx::Error> {
    let query = "SELECT product_id, version, name, price_cents::bigint, deleted FROM price_list";
    let rows: Vec<(String, i64, String, i64, bool)> = sqlx::query_as(query).fetch_all(connection).await?;
    let replica =
        |(id, version, name, price, deleted)| Replica { id, name, description: None, price, version, deleted };
    Ok(rows.into_iter().map(replica).collect())
}
