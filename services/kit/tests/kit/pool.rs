//! The connections to a database, and what becomes of one whose user goes in the middle of something.

use std::time::{Duration, Instant};

use kit::database::{self, Pool};
use sqlx::Connection as _;
use testkit::{
    eventually,
    postgres::{Cluster, database},
};
use tokio::time::timeout;

/// As many as one service has.
const CONNECTIONS: usize = 8;
/// Long enough for a machine that is busy with other things.
const LONG: Duration = Duration::from_secs(30);

async fn pool() -> Pool {
    database::connect(&database().await.url).await.expect("a URL")
}

async fn backend(pool: &Pool) -> i32 {
    let mut connection = pool.acquire().await.expect("a connection");
    let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection).await.expect("an answer");
    connection.done();
    pid
}

#[tokio::test]
async fn a_connection_that_is_done_is_the_next_ones() {
    let pool = pool().await;
    let first = backend(&pool).await;
    for _ in 0..CONNECTIONS * 2 {
        assert_eq!(backend(&pool).await, first);
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&pool).await.expect("an answer");
        assert_eq!(pid, first);
    }
    // Also one that has rested for so long that it is tried first.
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(backend(&pool).await, first);
}

#[tokio::test]
async fn what_was_not_committed_is_undone_as_soon_as_its_connection_is_dropped() {
    let pool = pool().await;
    sqlx::query("CREATE TABLE things (id INT PRIMARY KEY)").execute(&pool).await.expect("a table");
    let mut connection = pool.acquire().await.expect("a connection");
    let mut transaction = connection.begin().await.expect("a transaction");
    sqlx::query("INSERT INTO things VALUES (1)").execute(&mut *transaction).await.expect("inserted");
    drop(transaction);
    drop(connection);
    // Whoever inserts the same waits for the end of the first transaction.
    let insert = sqlx::query("INSERT INTO things VALUES (1)").execute(&pool);
    timeout(LONG, insert).await.expect("nobody holds the row").expect("it is not there");
}

#[tokio::test]
async fn a_statement_that_nobody_waits_for_any_more_holds_nobody_up() {
    let pool = pool().await;
    let slow = sqlx::query("SELECT pg_sleep(20)").execute(&pool);
    timeout(Duration::from_millis(100), slow).await.expect_err("it is cut off");
    let begun = Instant::now();
    for _ in 0..CONNECTIONS {
        sqlx::query("SELECT 1").execute(&pool).await.expect("an answer");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_error_of_a_statement_costs_no_connection() {
    let pool = pool().await;
    for _ in 0..CONNECTIONS * 2 {
        sqlx::query("SELECT 1 / 0").execute(&pool).await.expect_err("that has no answer");
    }
    let answers = futures::future::try_join_all(
        (0..CONNECTIONS * 4).map(|_| async { sqlx::query_scalar::<_, i32>("SELECT 1").fetch_one(&pool).await }),
    );
    assert!(answers.await.expect("answers").iter().all(|answer| *answer == 1));
}

#[tokio::test]
async fn whoever_finds_no_connection_in_time_is_told_so() {
    let pool = pool().await;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(pool.acquire().await.expect("a connection"));
    }
    let error = pool.acquire().await.expect_err("all are taken");
    assert!(matches!(error, sqlx::Error::PoolTimedOut) && database::is_outage(&error), "{error:?}");
    // In turn: the one that is waited for is the one that comes free.
    let (waiting, ()) = tokio::join!(pool.acquire(), async { held.remove(0).done() });
    waiting.expect("a connection").done();
}

#[tokio::test]
async fn the_pool_recovers_when_the_server_was_away() {
    let mut cluster = Cluster::start().await;
    let pool = database::connect(&cluster.database().await.url).await.expect("a URL");
    let held = futures::future::try_join_all((0..CONNECTIONS).map(|_| pool.acquire())).await;
    held.expect("connections").into_iter().for_each(database::Connection::done);
    cluster.crash();
    let error = sqlx::query("SELECT 1").execute(&pool).await.expect_err("it is away");
    assert!(database::is_outage(&error), "{error:?}");
    cluster.restart().await;
    eventually(LONG, "an answer", async || sqlx::query("SELECT 1").execute(&pool).await.ok()).await;
    let all = (0..CONNECTIONS * 4).map(|_| async { sqlx::query("SELECT 1").execute(&pool).await });
    futures::future::try_join_all(all).await.expect("all of them are whole");
}

#[tokio::test]
async fn a_pool_that_is_closed_leaves_no_connection_and_gives_none_out() {
    let database = database().await;
    let pool = database::connect(&database.url).await.expect("a URL");
    let held = pool.acquire().await.expect("a connection");
    sqlx::query("SELECT 1").execute(&pool).await.expect("an answer");
    tokio::join!(pool.close(), async { held.done() });
    let error = sqlx::query("SELECT 1").execute(&pool).await.expect_err("it is closed");
    assert!(matches!(error, sqlx::Error::PoolClosed), "{error:?}");
    let mut observer = sqlx::PgConnection::connect(&database.url).await.expect("connected");
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    eventually(LONG, "the server has closed them too", async || {
        let left: i64 = sqlx::query_scalar(others).fetch_one(&mut observer).await.expect("an answer");
        (left == 0).then_some(())
    })
    .await;
}
