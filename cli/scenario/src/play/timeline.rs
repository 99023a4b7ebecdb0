//! What happened to an order, from everyone who has a part in it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::{Play, guard};
use crate::{
    file::Database,
    report::{Moment, Outcome, Timeline},
};

/// What payment knows, by the time of each.
const PAYMENT: &str = "SELECT extract(epoch FROM at)::float8 AS at, what FROM ( \
     SELECT created_at AS at, 'a transaction of ' || amount_cents || ' cents, which is ' || status || ' now' AS what \
       FROM transactions WHERE order_id = $1 \
     UNION ALL SELECT settled_at, 'order knows that it is ' || status FROM transactions \
       WHERE order_id = $1 AND settled_at IS NOT NULL \
     UNION ALL SELECT first_at, 'webhook ' || outcome || ': ' || status_before || ' -> ' || status_after || \
       ', delivered ' || deliveries || ' times' FROM webhooks JOIN transactions t ON t.id = transaction_id \
       WHERE order_id = $1 \
     UNION ALL SELECT d.created_at, 'the provider was told ' || outcome || ' on the page, its last answer: ' || \
       COALESCE(last_answer, 'none') FROM provider_deliveries d JOIN transactions t ON t.id = transaction_id \
       WHERE order_id = $1 \
     UNION ALL SELECT r.created_at, 'refunded ' || r.amount_cents || ' cents' FROM refunds r \
       JOIN transactions t ON t.id = transaction_id WHERE order_id = $1 \
     UNION ALL SELECT cancelled_at, 'heard that it is cancelled' FROM orders \
       WHERE id = $1 AND cancelled_at IS NOT NULL \
     ) AS found";

const ORDER: &str = "SELECT extract(epoch FROM created_at)::float8 AS at, 'made; now it is ' || status || ', version ' || \
     version || ', ' || total_cents || ' cents' AS what FROM orders WHERE id = $1";

impl Play<'_> {
    /// Of every order that was made. What cannot be asked is left out.
    pub(super) async fn timelines(&self) -> Vec<Timeline> {
        let orders = guard(&self.orders).clone();
        futures::future::join_all(orders.into_iter().map(|id| self.timeline(id))).await
    }

    async fn timeline(&self, order_id: i64) -> Timeline {
        let mut moments = self.own_moments();
        for (database, source, query) in
            [(Database::OrderDb, "order_db", ORDER), (Database::PaymentDb, "payment_db", PAYMENT)]
        {
            match self.select(database, query, &[json!(order_id)]).await {
                Ok(rows) => moments.extend(rows.iter().map(|row| Moment {
                    seconds: self.since_began(row["at"].as_f64().unwrap_or_default()),
                    source: source.to_owned(),
                    what: row["what"].as_str().unwrap_or_default().to_owned(),
                })),
                Err(failure) => {
                    let seconds = self.began.elapsed().as_secs_f64();
                    moments.push(Moment { seconds, source: source.to_owned(), what: failure.observed });
                }
            }
        }
        let key = order_id.to_string();
        for (at, event) in self.stage.events.events(self.mark, "order_events", Some(&key)) {
            let kind = event.kind.as_deref().unwrap_or("(malformed)");
            let what = format!("{kind}, version {}, ce_id {}", event.data["version"], event.id.unwrap_or_default());
            // The broker's clock is the same, and was there first.
            let published = event.timestamp.map(|milliseconds| self.since_began(milliseconds as f64 / 1000.0));
            moments.push(Moment { seconds: published.unwrap_or_else(|| self.since(at)), source: event.topic, what });
        }
        for (name, live) in &*guard(&self.lives) {
            let is_of = guard(&self.values).get(name).is_some_and(|order| order["id"] == order_id);
            let told = if is_of { live.since(0) } else { Vec::new() };
            let moment = |(at, status)| Moment { seconds: self.since(at), source: "gateway".to_owned(), what: status };
            moments.extend(told.into_iter().map(moment));
        }
        moments.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        Timeline { order_id, moments }
    }

    /// The story's steps, by when they ended.
    fn own_moments(&self) -> Vec<Moment> {
        let steps = guard(&self.steps);
        let moment = |(seconds, step): &(f64, crate::Step)| {
            let what = match step.outcome {
                Outcome::Held { .. } => step.name.clone(),
                Outcome::Failed { .. } => format!("{} FAILED", step.name),
            };
            Moment { seconds: *seconds, source: "story".to_owned(), what }
        };
        steps.iter().map(moment).collect()
    }

    fn since(&self, at: SystemTime) -> f64 {
        self.since_began(at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
    }

    fn since_began(&self, epoch: f64) -> f64 {
        epoch - self.began_at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }
}
