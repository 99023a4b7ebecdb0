//! What must hold between the databases and the topics once the shop is quiet, whatever happened to it before.

use std::collections::{BTreeMap, BTreeSet};

use shopctl_kafka::{
    Event, Tail,
    tail::Start,
    topics::{ORDER_EVENTS, PRODUCT_EVENTS},
};
use sqlx::{Connection as _, PgConnection, Row as _};
use testkit::eventually;
use uuid::Uuid;

use super::{part::Database, site::Site, topic::Group};
use crate::shop::SETTLED;

/// The groups that the shop's events are for.
pub(super) const GROUPS: [(&str, Database); 2] =
    [("recommender", Database::Recommender), ("payment", Database::Payment)];

struct Order {
    account: i64,
    status: String,
    total: i64,
    version: i64,
    lines: BTreeMap<String, i64>,
}

pub(super) async fn connect(site: &Site, database: Database) -> PgConnection {
    PgConnection::connect(site.url(database)).await.expect("the database answers")
}

pub(super) async fn count(site: &Site, database: Database, query: &'static str) -> i64 {
    let mut connection = connect(site, database).await;
    sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("the query is right")
}

/// The orders that an account has.
pub(super) async fn orders_of(site: &Site, account: i64) -> BTreeSet<i64> {
    of(site, Database::Order, "SELECT id FROM orders WHERE account_id = $1", account).await
}

/// The orders of an account that can be paid now.
pub(super) async fn sessions_of(site: &Site, account: i64) -> BTreeSet<i64> {
    let query = "SELECT order_id FROM transactions WHERE account_id = $1 AND status = 'PENDING'";
    of(site, Database::Payment, query, account).await
}

async fn of(site: &Site, database: Database, query: &'static str, account: i64) -> BTreeSet<i64> {
    let mut connection = connect(site, database).await;
    let ids: Vec<i64> =
        sqlx::query_scalar(query).bind(account).fetch_all(&mut connection).await.expect("the query is right");
    ids.into_iter().collect()
}

/// Waits until nobody has anything left to tell or to hear.
pub(super) async fn quiet(site: &Site) {
    let groups = GROUPS.map(|(group, _)| Group::at(&site.brokers(), group));
    eventually(SETTLED, "the shop is quiet", async || {
        // In the direction in which the work goes: what is told to order between the looks waits in its outbox by the second.
        let in_payment = "SELECT (SELECT count(*) FROM tellings) + \
                          (SELECT count(*) FROM provider_deliveries WHERE due_at IS NOT NULL)";
        let waiting = count(site, Database::Payment, in_payment).await
            + count(site, Database::Order, "SELECT count(*) FROM outbox").await;
        (waiting == 0 && groups.iter().all(|group| group.lag() == 0)).then_some(())
    })
    .await;
}

/// Waits for quiet and compares everything with everything. Answers with the orders' statuses.
pub(super) async fn holds(site: &Site) -> BTreeMap<i64, String> {
    quiet(site).await;
    let orders = orders(site).await;
    let tail = Tail::open(&site.brokers(), &[PRODUCT_EVENTS, ORDER_EVENTS], Start::Earliest).await;
    let events = tail.expect("the topics can be read").rest().await.expect("the topics can be read");
    each_change_is_one_event_in_order(&orders, &events);
    each_event_was_applied_once(site, &events).await;
    the_recommender_knows_what_was_bought(site, &orders).await;
    what_was_taken_is_what_was_sold(site, &orders).await;
    orders.into_iter().map(|(id, order)| (id, order.status)).collect()
}

async fn orders(site: &Site) -> BTreeMap<i64, Order> {
    let mut database = connect(site, Database::Order).await;
    let query = "SELECT id, account_id, status, total_cents, version, array_agg(product_id ORDER BY position) AS ids, \
                 array_agg(quantity ORDER BY position) AS quantities FROM orders JOIN order_lines ON order_id = id \
                 GROUP BY id";
    let rows = sqlx::query(query).fetch_all(&mut database).await.expect("the query is right");
    let order = |row: &sqlx::postgres::PgRow| {
        let (ids, quantities): (Vec<String>, Vec<i64>) = (row.get("ids"), row.get("quantities"));
        let order = Order {
            account: row.get("account_id"),
            status: row.get("status"),
            total: row.get("total_cents"),
            version: row.get("version"),
            lines: ids.into_iter().zip(quantities).collect(),
        };
        (row.get("id"), order)
    };
    rows.iter().map(order).collect()
}

/// A redelivery may follow later: it has the id of the first.
fn each_change_is_one_event_in_order(orders: &BTreeMap<i64, Order>, events: &[Event]) {
    let mut seen = BTreeSet::new();
    let mut told: BTreeMap<i64, Vec<(i64, &str)>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.topic == ORDER_EVENTS) {
        let (Some(id), Some(kind)) = (event.id.as_deref(), event.kind.as_deref()) else { continue };
        if seen.insert(id) {
            let order = event.data["order_id"].as_i64().expect("an order's event");
            assert_eq!(event.key, Some(order.to_string()), "{event:?}");
            told.entry(order).or_default().push((event.data["version"].as_i64().expect("a version"), kind));
        }
    }
    assert_eq!(told.keys().collect::<Vec<_>>(), orders.keys().collect::<Vec<_>>(), "each order is told of");
    for (id, order) in orders {
        let told = &told[id];
        let versions: Vec<i64> = told.iter().map(|(version, _)| *version).collect();
        assert_eq!(versions, (1..=order.version).collect::<Vec<_>>(), "order {id}: {told:?}");
        assert_eq!(told[0].1, "order_created");
        let last = match order.status.as_str() {
            "PENDING" => "order_created",
            "PAID" => "order_paid",
            "PAYMENT_FAILED" => "order_payment_failed",
            "CANCELLED" => "order_cancelled",
            other => panic!("order {id} is {other}"),
        };
        assert_eq!(told.last().map(|(_, kind)| *kind), Some(last), "order {id}: {told:?}");
    }
}

async fn each_event_was_applied_once(site: &Site, events: &[Event]) {
    for (group, database) in GROUPS {
        let concerning = events.iter().filter(|event| concerns(group, event));
        let ids: BTreeSet<Uuid> = concerning.filter_map(|event| Uuid::parse_str(event.id.as_deref()?).ok()).collect();
        let mut connection = connect(site, database).await;
        let query = sqlx::query_scalar("SELECT event_id FROM inbox WHERE consumer = $1").bind(group);
        let known: Vec<Uuid> = query.fetch_all(&mut connection).await.expect("the query is right");
        let known: BTreeSet<Uuid> = known.into_iter().collect();
        assert_eq!(ids.difference(&known).count(), 0, "{group} did not apply all events");
    }
}

/// Whether the group remembers the event: of an order, payment does only that it was cancelled.
fn concerns(group: &str, event: &Event) -> bool {
    (group, event.topic.as_str()) != ("payment", ORDER_EVENTS) || event.kind.as_deref() == Some("order_cancelled")
}

async fn the_recommender_knows_what_was_bought(site: &Site, orders: &BTreeMap<i64, Order>) {
    let mut database = connect(site, Database::Recommender).await;
    let query = "SELECT id, account_id, product_ids, quantities, cancelled, version FROM orders";
    let rows = sqlx::query(query).fetch_all(&mut database).await.expect("the query is right");
    assert_eq!(rows.len(), orders.len());
    for row in rows {
        let id: i64 = row.get("id");
        let order = orders.get(&id).unwrap_or_else(|| panic!("there is no order {id}"));
        let (ids, quantities): (Vec<String>, Vec<i64>) = (row.get("product_ids"), row.get("quantities"));
        let lines: BTreeMap<String, i64> = ids.into_iter().zip(quantities).collect();
        assert_eq!(lines, order.lines, "order {id}");
        assert_eq!(row.get::<i64, _>("account_id"), order.account, "order {id}");
        assert_eq!(row.get::<i64, _>("version"), order.version, "order {id}");
        assert_eq!(row.get::<bool, _>("cancelled"), order.status == "CANCELLED", "order {id}");
    }
}

/// SUCCESS if and only if the order is PAID; REFUNDED if and only if the provider took the money and it is CANCELLED.
async fn what_was_taken_is_what_was_sold(site: &Site, orders: &BTreeMap<i64, Order>) {
    let mut database = connect(site, Database::Payment).await;
    let query = "SELECT t.order_id, t.status, t.amount_cents, r.amount_cents AS refunded, \
                 COALESCE(d.outcome = 'SUCCESS', FALSE) AS taken FROM transactions t \
                 LEFT JOIN provider_deliveries d ON d.transaction_id = t.id \
                 LEFT JOIN refunds r ON r.transaction_id = t.id";
    let rows = sqlx::query(query).fetch_all(&mut database).await.expect("the query is right");
    let mut paid = BTreeSet::new();
    for row in rows {
        let (id, status, amount): (i64, String, i64) =
            (row.get("order_id"), row.get("status"), row.get("amount_cents"));
        let (taken, refunded): (bool, Option<i64>) = (row.get("taken"), row.get("refunded"));
        let order = orders.get(&id).unwrap_or_else(|| panic!("there is no order {id}"));
        assert_eq!(amount, order.total, "order {id}");
        assert_eq!(status == "REFUNDED", taken && order.status == "CANCELLED", "order {id} {}: {status}", order.status);
        assert_eq!(refunded, (status == "REFUNDED").then_some(amount), "order {id}");
        if status == "SUCCESS" {
            assert!(taken, "order {id} was paid by nobody");
            assert!(paid.insert(id), "order {id} was paid twice");
        }
    }
    let sold: BTreeSet<i64> = orders.iter().filter(|(_, order)| order.status == "PAID").map(|(id, _)| *id).collect();
    assert_eq!(paid, sold, "SUCCESS if and only if PAID");
}
