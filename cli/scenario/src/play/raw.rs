//! Below the shop's interfaces: records in its topics, statements in its databases.

use serde_json::Value;
use shopctl_kafka::publish::{Outgoing, Publisher};
use sqlx::{AssertSqlSafe, Row as _, postgres::PgArguments, query::Query};

use super::{Play, guard, json::word};
use crate::{
    file::{Body, Database, Publish, Sql},
    report::{Expect as _, Failure},
};

impl Play<'_> {
    pub(super) async fn publish(&self, publish: &Publish) -> Result<String, Failure> {
        let value = match &publish.value {
            Body::Json(value) => value.to_string(),
            Body::Text(text) => text.clone(),
        };
        // Nobody has to account for what follows, or does not, from what this story has made up.
        guard(&self.foreign).push(publish.key.clone().unwrap_or_default());
        let told = format!("{} bytes, {} times", value.len(), publish.times);
        let header = |(name, value): (&String, &String)| (name.clone(), Some(value.clone().into_bytes()));
        let record = Outgoing {
            partition: None,
            key: publish.key.clone().map(String::into_bytes),
            value: Some(value.into_bytes()),
            headers: publish.headers.iter().map(header).collect(),
        };
        let records = vec![record; usize::try_from(publish.times).unwrap_or(usize::MAX)];
        let publisher = Publisher::new(&self.stage.shop.kafka).expect_that("a client for Kafka")?;
        let published = publisher.publish(&word(&publish.topic), &records, |_, _| {}).await;
        published.expect_that("a broker that takes the record")?;
        Ok(told)
    }

    pub(super) async fn sql(&self, sql: &Sql) -> Result<String, Failure> {
        let count = if is_select(&sql.query) {
            let rows = self.select(sql.database, &sql.query, &sql.args).await?;
            let count = rows.len() as u64;
            if let Some(name) = &sql.keep {
                self.keep(name, rows.into());
            }
            count
        } else {
            let query = bound(sqlx::query(AssertSqlSafe(sql.query.clone())), &sql.args);
            let done = query.execute(self.stage.database(sql.database)).await;
            done.expect_that("a statement that succeeds")?.rows_affected()
        };
        match sql.count {
            Some(wanted) if wanted != count => Err(Failure::new(format_args!("{wanted} rows"), count)),
            Some(_) | None => Ok(format!("{count} rows")),
        }
    }

    /// The rows of a query, as objects.
    pub(super) async fn select(&self, database: Database, query: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let query = format!("SELECT to_jsonb(found) FROM ({query}) AS found");
        let query = bound(sqlx::query(AssertSqlSafe(query)), args);
        let rows = query.fetch_all(self.stage.database(database)).await.expect_that("a query that succeeds")?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// How much is still to be told, by order and by payment.
    pub(super) async fn waiting(&self) -> Result<i64, Failure> {
        let count = async |database, query: &str| {
            let rows = self.select(database, query, &[]).await?;
            Ok::<i64, Failure>(rows.first().and_then(|row| row["n"].as_i64()).unwrap_or(0))
        };
        let order = count(Database::OrderDb, "SELECT count(*) AS n FROM outbox").await?;
        let payment = "SELECT (SELECT count(*) FROM tellings) + \
                       (SELECT count(*) FROM provider_deliveries WHERE due_at IS NOT NULL) AS n";
        Ok(order + count(Database::PaymentDb, payment).await?)
    }
}

fn is_select(query: &str) -> bool {
    let word = query.split_whitespace().next().unwrap_or_default();
    word.eq_ignore_ascii_case("select") || word.eq_ignore_ascii_case("with")
}

type Statement<'q> = Query<'q, sqlx::Postgres, PgArguments>;

/// Numbers as BIGINT, texts as TEXT; what else there is as JSON.
fn bound<'q>(query: Statement<'q>, args: &[Value]) -> Statement<'q> {
    args.iter().fold(query, |query, arg| match arg {
        Value::Bool(value) => query.bind(*value),
        Value::String(text) => query.bind(text.clone()),
        Value::Number(number) if number.is_i64() => query.bind(number.as_i64()),
        other => query.bind(other.clone()),
    })
}
