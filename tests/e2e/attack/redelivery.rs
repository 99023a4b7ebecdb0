//! Everything comes again, and again.

use std::collections::BTreeSet;

use sqlx::Row as _;

use super::{
    client::Client,
    ledger,
    part::{Database, Part},
    site::{self, Site},
    topic::{self, Group},
};

/// All that a consumer keeps, every table, as text.
async fn kept(site: &Site) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for database in [Database::Recommender, Database::Payment] {
        let mut connection = ledger::connect(site, database).await;
        let tables =
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'";
        let tables: Vec<String> =
            sqlx::query_scalar(tables).fetch_all(&mut connection).await.expect("the query is right");
        assert!(tables.len() > 4, "{database:?} has {tables:?}");
        for table in tables {
            // The names are the database's own.
            let query = sqlx::AssertSqlSafe(format!("SELECT '{table} ' || t::text AS line FROM {table} t"));
            let rows = sqlx::query(query).fetch_all(&mut connection).await.expect("the query is right");
            found.extend(rows.iter().map(|row| row.get::<String, _>("line")));
        }
    }
    found
}

fn assert_same(after: &BTreeSet<String>, before: &BTreeSet<String>, when: &str) {
    let differ: Vec<_> = after.symmetric_difference(before).collect();
    assert!(differ.is_empty(), "{when}: {differ:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_redeliveries_and_a_rewound_group_leave_all_tables_as_they_were() {
    let mut site = site::exclusive().await;
    let site = site.as_mut().expect("it was booted");
    let client = Client::of(site).await;
    for n in 0..12 {
        client.buy(n).await;
    }
    ledger::holds(site).await;
    let brokers = site.brokers();
    let before = kept(site).await;

    let records: Vec<_> = topic::records(&brokers).into_iter().filter(topic::is_event).collect();
    assert!(records.len() >= 20, "there is something to deliver again");
    for _ in 0..5 {
        topic::republish(&brokers, &records).await;
    }
    ledger::quiet(site).await;
    assert_same(&kept(site).await, &before, "after five redeliveries");

    let doubles = (site.double(Part::Recommender).await, site.double(Part::Payment).await);
    topic::republish(&brokers, &records).await;
    ledger::quiet(site).await;
    assert_same(&kept(site).await, &before, "after one that two consumers share");
    tokio::join!(doubles.0.terminate(), doubles.1.terminate());

    for part in [Part::Recommender, Part::Payment] {
        site.terminate(part).await;
    }
    for group in ["recommender", "payment"] {
        Group::at(&brokers, group).rewind();
        assert!(Group::at(&brokers, group).lag() > 0, "{group} is at the start");
    }
    for part in [Part::Recommender, Part::Payment] {
        site.start(part).await;
    }
    ledger::holds(site).await;
    assert_same(&kept(site).await, &before, "after the rewind");
}
