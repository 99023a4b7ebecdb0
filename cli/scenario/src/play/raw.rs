//! Below the shop's interfaces: records in its topics, statements in its databases.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _, postgres::PgArguments, query::Query};

use super::{Play, json::word};
use crate::{
    file::{Body, Database, Publish, Sql},
    report::{Expect as _, Failure},
};

/// For the broker to take a record.
const TAKEN: Duration = Duration::from_secs(10);

impl Play<'_> {
    pub(super) async fn publish(&self, publish: &Publish) -> Result<String, Failure> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.stage.shop.kafka).set("client.id", "shopctl").set("linger.ms", "0");
        let producer: FutureProducer = config.create().expect_that("a client for Kafka")?;
        let value = match &publish.value {
            Body::Json(value) => value.to_string(),
            Body::Text(text) => text.clone(),
        };
        let topic = word(&publish.topic);
        let header = |all: OwnedHeaders, (key, value): (&String, &String)| all.insert(Header { key, value: Some(value) });
        let headers = publish.headers.iter().fold(OwnedHeaders::new(), header);
        for _ in 0..publish.times {
            let mut record = FutureRecord::<str, str>::to(&topic).payload(&value).headers(headers.clone());
            record.key = publish.key.as_deref();
            let sent = producer.send(record, TAKEN).await.map_err(|(error, _)| error);
            sent.expect_that("a broker that takes the record")?;
        }
        // Its threads look only each 100 ms whether they are to end: nobody has to wait for that.
        std::thread::spawn(move || drop(producer));
        Ok(format!("{} bytes, {} times", value.len(), publish.times))
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
