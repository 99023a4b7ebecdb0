//! The connection pool of a service that owns a PostgreSQL database.

mod asked;
mod pool;

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _};
use tokio::time::{Instant, sleep};

pub use self::asked::{Asked, traced};
use self::pool::FRESH;
pub use self::pool::{Connection, Pool};

/// Connections of one service: more would only wait inside PostgreSQL. They are opened at the start and stay: to open one
/// takes hundreds of turns of a busy runtime (sqlx yields while it computes SCRAM), so that whoever had to wait for that in
/// the middle of a burst would be told that the store is away.
const CONNECTIONS: u32 = 8;
/// How long a request waits for a connection before it is told that the store is away.
const ACQUIRE: Duration = Duration::from_secs(2);
/// How long a migration waits for a database that is not there yet.
const ARRIVAL: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not repeated: it holds a password.
    #[error("the database's URL can't be understood")]
    Url(#[source] sqlx::Error),
    #[error("the database can't be reached")]
    Unreachable(#[source] sqlx::Error),
    #[error("the migration failed")]
    Migration(#[from] MigrateError),
}

/// A pool that connects when it is first used: a service starts also while its database is away, and [`ping`] tells.
/// Statements are bounded to 30 s, and so are transactions that nobody goes on with.
///
/// A page that is read out of order costs what one in order does: the data are in memory or on a solid-state disk. Taken for
/// a disk that turns, a table of some thousand rows would be read as a whole for one of them.
pub async fn connect(url: &str) -> Result<Pool, Error> {
    let options = options(url)?;
    asked::note(&options);
    let options = options
        .options([
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "30s"),
            ("random_page_cost", "1.1"),
        ])
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1));
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(CONNECTIONS)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, seen| {
            Box::pin(async move {
                if seen.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options);
    Ok(Pool::new(pool, ACQUIRE))
}

/// sqlx itself takes any scheme, and would go on with the default port of PostgreSQL.
fn options(url: &str) -> Result<PgConnectOptions, Error> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(Error::Url(sqlx::Error::Configuration("it does not begin with postgres://".into())));
    }
    PgConnectOptions::from_str(url).map_err(Error::Url)
}

/// Asks the database for a sign of life.
pub async fn ping(pool: Pool) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT 1").execute(&pool).await.map(drop)
}

/// Brings the schema up to date; several may try at once. Waits up to 30 s for the database to be there.
pub async fn migrate(url: &str, migrator: &Migrator) -> Result<(), Error> {
    let options = options(url)?;
    let deadline = Instant::now() + ARRIVAL;
    let mut connection = loop {
        match options.connect().await {
            Ok(connection) => break connection,
            Err(error) if is_outage(&error) && Instant::now() < deadline => sleep(Duration::from_millis(100)).await,
            Err(error) => return Err(Error::Unreachable(error)),
        }
    };
    // Not `run`: its generic `Acquire` makes a future that `Service::migrate` can't prove to be `Send`.
    Ok(migrator.run_direct(None, &mut connection, false).await?)
}

/// The name of the unique constraint or index that a statement ran into.
pub fn unique_violation(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().filter(|error| error.is_unique_violation())?.constraint()
}

/// Whether the database was away, or could not do its work for a reason that passes: the same call may succeed later.
pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_outage_code(&code)),
        // sqlx's enum is open: what it adds counts as an error of ours until we look at it.
        _ => false,
    }
}

/// Whether two transactions got into each other's way (serialization failure, deadlock): doing it again is the cure.
pub fn is_conflict(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| matches!(&*code, "40001" | "40P01"))
}

/// SQLSTATE classes: 08 connection, 53 out of resources, 57P operator intervention (shutdown, starting up), 58 system; and
/// a lock or a statement that took too long, a transaction that was idle for too long.
fn is_outage_code(code: &str) -> bool {
    ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class)) || matches!(code, "25P03" | "55P03" | "57014")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_an_outage() {
        for code in ["08006", "53300", "57P01", "57P03", "57014", "58030"] {
            assert!(is_outage_code(code), "{code}");
        }
        for code in ["23505", "42P01", "22003", "40001", "5"] {
            assert!(!is_outage_code(code), "{code}");
        }
        assert!(is_outage(&sqlx::Error::PoolTimedOut));
        assert!(!is_outage(&sqlx::Error::RowNotFound));
        assert!(!is_conflict(&sqlx::Error::PoolTimedOut));
    }

    #[tokio::test]
    async fn a_url_that_means_nothing_is_an_error_that_does_not_repeat_it() {
        let error = connect("mysql://user:hunter2@nowhere").await.expect_err("not PostgreSQL");
        let told = crate::telemetry::chain(&error);
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[tokio::test]
    async fn a_service_starts_without_its_database_and_is_told_of_the_outage() {
        let pool = connect("postgres://shop@127.0.0.1:1/shop").await.expect("lazy");
        let error = ping(pool).await.expect_err("nothing listens there");
        assert!(is_outage(&error), "{error}");
    }
}
