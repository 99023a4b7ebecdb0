//! Looks at the shop.

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{
    Play, guard,
    json::{trimmed, word},
    patience::Look,
};
use crate::{
    file::{Checks, Database, DeadLetters, EventsAre, LinesAre, Lived, OrderIs, Recommended, Replica, RowsAre},
    report::Failure,
};

/// What is expected of one thing, and what it is.
type Pair = (Value, Value);

impl Play<'_> {
    /// Looks at all of it once. What cannot be seen for the moment is found as an `error`.
    ///
    /// # Errors
    /// What will be wrong however often one looks.
    pub(super) async fn look(&self, checks: &Checks) -> Result<Look, Failure> {
        let Checks { order, rows, events, live, recommended, recommender, logs, dead_letters, ready } = checks;
        let mut parts: Vec<(&str, Result<Pair, Failure>)> = Vec::new();
        if let Some(order) = order {
            self.number(&order.of, "id")?;
            parts.push(("order", self.order_is(order).await));
        }
        if let Some(rows) = rows {
            parts.push(("rows", self.rows_are(rows).await));
        }
        if let Some(events) = events {
            parts.push(("events", Ok(self.events_are(events))));
        }
        if let Some(live) = live {
            parts.push(("live", Ok(self.lived(live)?)));
        }
        if let Some(recommended) = recommended {
            self.number(&recommended.to, "id")?;
            parts.push(("recommended", self.recommended(recommended).await));
        }
        if let Some(replica) = recommender {
            parts.push(("recommender", self.replica(replica).await));
        }
        if let Some(lines) = logs {
            parts.push(("logs", Ok(self.lines_are(lines)?)));
        }
        if let Some(letters) = dead_letters {
            parts.push(("dead_letters", Ok(self.dead_letters(letters))));
        }
        if !ready.is_empty() {
            parts.push(("ready", self.ready(ready).await));
        }
        let (mut expected, mut found) = (Map::new(), Map::new());
        for (name, part) in parts {
            let (wanted, seen) = part.unwrap_or_else(|failure| (Value::Null, json!({ "error": failure.observed })));
            found.insert(name.to_owned(), trimmed(&wanted, &seen));
            expected.insert(name.to_owned(), wanted);
        }
        Ok(Look { expected: expected.into(), found: found.into() })
    }

    async fn order_is(&self, wanted: &OrderIs) -> Result<Pair, Failure> {
        let operation = "query ($id: Int!) { order(id: $id) { status totalCents transactions { status } } }";
        let (id, by) = (self.number(&wanted.of, "id")?, self.text(&wanted.of, "by")?);
        let order: Value = self.gateway(&by)?.run("order", operation, json!({ "id": id })).await?;
        let transactions: Vec<&Value> =
            order["transactions"].as_array().into_iter().flatten().map(|one| &one["status"]).collect();
        let found = json!({
            "status": order["status"], "total_cents": order["totalCents"], "transactions": transactions,
        });
        let mut expected = serde_json::to_value(wanted).unwrap_or_default();
        expected.as_object_mut().map(|fields| fields.remove("of"));
        Ok((expected, found))
    }

    async fn rows_are(&self, wanted: &RowsAre) -> Result<Pair, Failure> {
        let rows = self.select(wanted.database, &wanted.query, &wanted.args).await?;
        Ok(match (&wanted.are, wanted.count) {
            (Some(are), _) => (are.clone().into(), rows.into()),
            (None, Some(count)) => (json!({ "count": count }), json!({ "count": rows.len() })),
            (None, None) => (json!({ "any": true }), json!({ "any": !rows.is_empty() })),
        })
    }

    fn events_are(&self, wanted: &EventsAre) -> Pair {
        let events = self.stage.events.events(self.mark, &word(&wanted.topic), Some(&wanted.key));
        let types: Vec<&str> = events.iter().map(|(_, event)| event.kind.as_deref().unwrap_or("(malformed)")).collect();
        let last = events.last().map(|(_, event)| event.data.clone()).unwrap_or_default();
        match &wanted.data {
            Some(data) => {
                (json!({ "types": wanted.are, "data": data }), json!({ "types": types, "data": trimmed(data, &last) }))
            }
            None => (json!({ "types": wanted.are }), json!({ "types": types })),
        }
    }

    fn lived(&self, wanted: &Lived) -> Result<Pair, Failure> {
        let lives = guard(&self.lives);
        let expected = || format!("a subscription to {}", wanted.of);
        let live = lives.get(&wanted.of).ok_or_else(|| Failure::new(expected(), "nobody has subscribed to it"))?;
        let saw: Vec<String> = live.since(0).into_iter().map(|(_, status)| status).collect();
        Ok((wanted.saw.clone().into(), saw.into()))
    }

    async fn recommended(&self, wanted: &Recommended) -> Result<Pair, Failure> {
        let products = self.recommendations(&wanted.to, &[]).await?;
        let is_among = |name: &&String| {
            let id = self.product(name);
            products.iter().any(|product| product["id"] == id)
        };
        let among: Vec<&String> = wanted.with.iter().filter(is_among).collect();
        let absent: Vec<&String> = wanted.without.iter().filter(|name| !is_among(name)).collect();
        let expected = json!({ "any": true, "among_them": wanted.with, "not_among_them": wanted.without });
        Ok((expected, json!({ "any": !products.is_empty(), "among_them": among, "not_among_them": absent })))
    }

    async fn replica(&self, wanted: &Replica) -> Result<Pair, Failure> {
        let first = async |query: &str, id: Value| {
            let rows = self.select(Database::RecommenderDb, query, &[id]).await?;
            Ok(rows.into_iter().next().unwrap_or_default())
        };
        match wanted {
            Replica::Product(wanted) => {
                let query = "SELECT price_cents, deleted FROM products WHERE id = $1";
                let found = first(query, self.product(&wanted.of).into()).await?;
                let mut expected = json!({ "deleted": wanted.deleted });
                if let Some(cents) = &wanted.price_cents {
                    expected["price_cents"] = cents.clone();
                }
                Ok((expected, found))
            }
            Replica::Order(wanted) => {
                let lines = self.field(&wanted.of, "lines")?;
                let column = |name: &str| -> Vec<Value> {
                    lines.as_array().into_iter().flatten().map(|line| line[name].clone()).collect()
                };
                let expected = json!({
                    "cancelled": wanted.cancelled,
                    "product_ids": column("product_id"), "quantities": column("quantity"),
                });
                let query = "SELECT cancelled, product_ids, quantities FROM orders WHERE id = $1";
                Ok((expected, first(query, self.number(&wanted.of, "id")?.into()).await?))
            }
        }
    }

    fn lines_are(&self, wanted: &LinesAre) -> Result<Pair, Failure> {
        let pattern = Regex::new(&wanted.pattern).map_err(|error| Failure::new("a regular expression", error))?;
        let lines = self.lines.as_ref().map(|lines| lines.of(&wanted.of)).unwrap_or_default();
        let count = lines.iter().filter(|line| pattern.is_match(line)).count();
        Ok(match wanted.count {
            Some(wanted) => (json!({ "matching_lines": wanted }), json!({ "matching_lines": count })),
            None => (json!({ "a_line_matches": true }), json!({ "a_line_matches": count > 0 })),
        })
    }

    fn dead_letters(&self, wanted: &DeadLetters) -> Pair {
        let topic = format!("{}.dlt", word(&wanted.of));
        // Each refusal counts: a letter keeps the id of its event.
        let letters = self.stage.events.since(self.mark).into_iter().filter(|(_, event)| {
            event.topic == topic && wanted.key.as_deref().is_none_or(|key| event.key.as_deref() == Some(key))
        });
        (json!({ "letters": wanted.count }), json!({ "letters": letters.count() }))
    }

    async fn ready(&self, wanted: &[String]) -> Result<Pair, Failure> {
        let resources = self.stage.control()?.resources().await?;
        let is_ready = |name: &&String| resources.iter().any(|resource| resource.name == **name && resource.ready);
        let ready: Vec<&String> = wanted.iter().filter(is_ready).collect();
        Ok((wanted.to_vec().into(), json!(ready)))
    }
}
