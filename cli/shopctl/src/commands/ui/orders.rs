//! What the databases know of the latest orders, read for a dashboard while somebody looks at them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use shopctl_tui::{
    Msg,
    orders::{Database, Known, Look, News, Payment},
};
use sqlx::{
    PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);
/// For a database to let us in, and for one answer of it.
const ENTRY: Duration = Duration::from_secs(1);
const ANSWER: &str = "2s";
/// A connection that nobody needs is given back.
const IDLE: Duration = Duration::from_secs(10);

/// Orders whose events are not published yet, the oldest first. The second is in nanoseconds since 1970, like all times.
const OUTBOX: &str = "SELECT key, (extract(epoch FROM occurred_at) * 1000000)::bigint * 1000 AS at FROM outbox \
                      WHERE topic = 'order_events' ORDER BY seq LIMIT 1000";
/// Orders about which payment owes somebody something.
const OWED: &str = "SELECT DISTINCT order_id FROM transactions WHERE id IN (SELECT transaction_id FROM tellings \
                    UNION ALL SELECT transaction_id FROM provider_deliveries WHERE due_at IS NOT NULL) LIMIT 300";
/// The latest, and those of these ids.
const ORDERS: &str = "SELECT id, account_id, status, total_cents::bigint AS total, version, \
                      (extract(epoch FROM created_at) * 1000000)::bigint * 1000 AS created FROM orders \
                      WHERE id = ANY($1) OR id > (SELECT COALESCE(max(id), 0) - 300 FROM orders)";
/// The transaction that counts: the open or paid one, else the last.
const PAYMENTS: &str = "SELECT DISTINCT ON (t.order_id) t.order_id, t.status, \
     (extract(epoch FROM t.created_at) * 1000000)::bigint * 1000 AS opened, \
     (extract(epoch FROM d.created_at) * 1000000)::bigint * 1000 AS decided, \
     (extract(epoch FROM w.first_at) * 1000000)::bigint * 1000 AS heard, \
     (extract(epoch FROM t.settled_at) * 1000000)::bigint * 1000 AS told, \
     COALESCE(l.last_error, CASE WHEN d.due_at IS NOT NULL THEN d.last_answer END) AS error, \
     COALESCE(l.attempts, CASE WHEN d.due_at IS NOT NULL THEN d.attempts END) AS attempts, \
     (extract(epoch FROM COALESCE(l.due_at, d.due_at)) * 1000000)::bigint * 1000 AS due \
     FROM transactions t LEFT JOIN provider_deliveries d ON d.transaction_id = t.id \
     LEFT JOIN webhooks w ON w.webhook_id = d.webhook_id AND w.transaction_id = t.id AND w.outcome = d.outcome \
     LEFT JOIN tellings l ON l.transaction_id = t.id \
     WHERE t.order_id = ANY($1) \
     ORDER BY t.order_id, (t.status IN ('PENDING', 'SUCCESS')) DESC, t.created_at DESC";
const APPLIED: &str = "SELECT id, version FROM orders WHERE id = ANY($1)";

/// Tells of the orders that `looks` says somebody looks at, until nobody can say any more.
pub(super) async fn read(
    addresses: BTreeMap<String, Value>,
    mut looks: mpsc::UnboundedReceiver<Look>,
    messages: mpsc::Sender<Msg>,
) {
    let of = |database: Database| open(addresses.get(database.name()).and_then(Value::as_str));
    let (Some(order), Some(payment), Some(recommender)) =
        (of(Database::Order), of(Database::Payment), of(Database::Recommender))
    else {
        let _ = messages.send(Msg::Failed("this instance has no orders' databases".to_owned())).await;
        return;
    };
    let shop = Shop { order, payment, recommender };
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut look, mut told) = (Look::Nothing, None);
    loop {
        tokio::select! {
            wanted = looks.recv() => match wanted {
                Some(wanted) => {
                    look = wanted;
                    ticks.reset_immediately();
                }
                None => return,
            },
            _ = ticks.tick(), if look != Look::Nothing => {
                let and = match look {
                    Look::Nothing => None,
                    Look::Latest { and } => and,
                };
                let news = shop.look(and).await;
                if told.as_ref() != Some(&news) {
                    if messages.send(Msg::Orders(news.clone())).await.is_err() {
                        return;
                    }
                    told = Some(news);
                }
            }
        }
    }
}

/// A pool of one: it connects when it is first asked.
fn open(address: Option<&str>) -> Option<PgPool> {
    let options: PgConnectOptions = address?.parse().ok()?;
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(ENTRY).idle_timeout(IDLE);
    Some(pool.connect_lazy_with(options.options([("statement_timeout", ANSWER)])))
}

struct Shop {
    order: PgPool,
    payment: PgPool,
    recommender: PgPool,
}

impl Shop {
    /// The latest orders, and this one. What comes first in an order's way is read first: nothing seems to have happened
    /// before its cause.
    async fn look(&self, and: Option<i64>) -> News {
        let mut away = Vec::new();
        let mut wanted: Vec<i64> = match sqlx::query_scalar(OWED).fetch_all(&self.payment).await {
            Ok(ids) => ids,
            Err(error) => {
                away.push((Database::Payment, error.to_string()));
                Vec::new()
            }
        };
        wanted.extend(and);
        let mut orders = match self.orders(wanted).await {
            Ok(orders) => orders,
            Err(error) => {
                away.push((Database::Order, error.to_string()));
                return News { orders: Vec::new(), away };
            }
        };
        let ids: Vec<i64> = orders.keys().copied().collect();
        if away.is_empty()
            && let Err(error) = self.payments(&ids, &mut orders).await
        {
            away.push((Database::Payment, error.to_string()));
        }
        if let Err(error) = self.applied(&ids, &mut orders).await {
            away.push((Database::Recommender, error.to_string()));
        }
        News { orders: orders.into_values().collect(), away }
    }

    async fn orders(&self, mut ids: Vec<i64>) -> sqlx::Result<BTreeMap<i64, Known>> {
        let mut unpublished: BTreeMap<i64, u64> = BTreeMap::new();
        for row in sqlx::query(OUTBOX).fetch_all(&self.order).await? {
            let (key, at): (String, i64) = (row.try_get("key")?, row.try_get("at")?);
            if let Ok(id) = key.parse() {
                unpublished.entry(id).or_insert(at.unsigned_abs());
            }
        }
        ids.extend(unpublished.keys());
        let mut orders = BTreeMap::new();
        for row in sqlx::query(ORDERS).bind(&ids).fetch_all(&self.order).await? {
            let id = row.try_get("id")?;
            let known = Known {
                id,
                account: row.try_get("account_id")?,
                status: row.try_get("status")?,
                cents: row.try_get("total")?,
                version: row.try_get("version")?,
                created: row.try_get::<i64, _>("created")?.unsigned_abs(),
                unpublished: unpublished.get(&id).copied(),
                payment: None,
                applied: None,
            };
            orders.insert(id, known);
        }
        Ok(orders)
    }

    async fn payments(&self, ids: &[i64], orders: &mut BTreeMap<i64, Known>) -> sqlx::Result<()> {
        for row in sqlx::query(PAYMENTS).bind(ids).fetch_all(&self.payment).await? {
            let time = |name: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(name)?.map(i64::unsigned_abs));
            let payment = Payment {
                status: row.try_get("status")?,
                opened: time("opened")?.unwrap_or_default(),
                decided: time("decided")?,
                heard: time("heard")?,
                told: time("told")?,
                error: row.try_get("error")?,
                attempts: row.try_get::<Option<i32>, _>("attempts")?.map(i32::unsigned_abs),
                due: time("due")?,
            };
            if let Some(order) = orders.get_mut(&row.try_get("order_id")?) {
                order.payment = Some(payment);
            }
        }
        Ok(())
    }

    async fn applied(&self, ids: &[i64], orders: &mut BTreeMap<i64, Known>) -> sqlx::Result<()> {
        let versions: Vec<(i64, i64)> = sqlx::query_as(APPLIED).bind(ids).fetch_all(&self.recommender).await?;
        let versions: BTreeMap<i64, i64> = versions.into_iter().collect();
        for (id, order) in orders {
            // One that it does not have is older than any.
            order.applied = Some(versions.get(id).copied().unwrap_or(-1));
        }
        Ok(())
    }
}
