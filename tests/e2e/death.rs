//! What is in the databases when everything around them is killed.

use std::time::{Duration, Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection as _, PgConnection};
use testkit::eventually;

use crate::{processes::marked, stack::Stack};

/// A busy machine gets more than the 2 s that are promised; unasked, nothing here would end at all.
const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_database_whose_supervisor_is_killed_while_it_is_written_comes_back_whole() {
    let stack = Stack::new("whole");
    stack.succeeds(&["up", "account_db", "--isolated", "--detach"]);
    let (status, _) = stack.json(&["status"]);
    let supervisor = status["supervisor"]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).expect("a pid");
    let (marker, url) = (stack.marker(), url(&stack));
    let mut database = PgConnection::connect(&url).await.expect("the database answers");
    sqlx::query("CREATE TABLE written (n BIGINT PRIMARY KEY)").execute(&mut database).await.expect("a table is made");

    let begin = Instant::now();
    let (mut committed, mut killed) = (0_i64, None);
    while insert(&mut database, committed + 1).await.is_ok() {
        committed += 1;
        if killed.is_none() && committed >= 100 {
            kill(Pid::from_raw(supervisor), Signal::SIGKILL).expect("it runs");
            killed = Some(begin.elapsed());
        }
    }
    eventually(LIMIT, "nothing is left", async || marked(&marker).is_empty().then_some(())).await;
    let took = begin.elapsed().saturating_sub(killed.expect("it was killed before the database"));
    eprintln!("{committed} rows; nothing is left {took:?} after the kill");

    stack.succeeds(&["up", "account_db", "--detach"]);
    let mut database = PgConnection::connect(&url).await.expect("the database answers again");
    let kept: Vec<i64> =
        sqlx::query_scalar("SELECT n FROM written ORDER BY n").fetch_all(&mut database).await.expect("it can be read");
    // The last one may have been committed without an answer.
    let whole = |last: i64| kept == (1..=last).collect::<Vec<_>>();
    assert!(whole(committed) || whole(committed + 1), "{committed} were committed, {} are there", kept.len());
    stack.succeeds(&["down", "--volumes"]);
}

fn url(stack: &Stack) -> String {
    stack.json(&["env"]).0["account_db"].as_str().expect("an address").to_owned()
}

async fn insert(database: &mut PgConnection, n: i64) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO written VALUES ($1)").bind(n).execute(database).await.map(drop)
}
