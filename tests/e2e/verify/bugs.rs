//! Bugs that no service has, planted by hand, each on an order or a product that no other one is about.

use serde_json::json;
use uuid::Uuid;

use super::scene::Scene;
use crate::stack::Stack;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    PaidByNobody,
    PaymentUnknown,
    ChargedTwice,
    AnotherSum,
    AnotherAccount,
    RefundedAndKept,
    VoidedAndKept,
    CancellationUnheard,
    PaymentForged,
    FailureForgotten,
    TotalChanged,
    LineLost,
    PriceChanged,
    EventLost,
    ChangeToldTwice,
    EventsReordered,
    EventOfNothing,
    EventTooMany,
    EventNameless,
    RedeliveryChanged,
    CatalogToldOtherwise,
    EventNotTakenIn,
    ReplicaChanged,
    ReplicaLost,
    TombstoneLost,
    InteractionsChanged,
    CancelledLearnedFrom,
    EventWithFloat,
    ColumnOfFloats,
    LinesWithFloat,
    Poison,
    TellingStuck,
    OutboxStuck,
}

impl Bug {
    /// What keeps the shop from ever being quiet again comes last.
    pub(super) const ALL: [Self; 33] = [
        Self::PaidByNobody,
        Self::PaymentUnknown,
        Self::ChargedTwice,
        Self::AnotherSum,
        Self::AnotherAccount,
        Self::RefundedAndKept,
        Self::VoidedAndKept,
        Self::CancellationUnheard,
        Self::PaymentForged,
        Self::FailureForgotten,
        Self::TotalChanged,
        Self::LineLost,
        Self::PriceChanged,
        Self::EventLost,
        Self::ChangeToldTwice,
        Self::EventsReordered,
        Self::EventOfNothing,
        Self::EventTooMany,
        Self::EventNameless,
        Self::RedeliveryChanged,
        Self::CatalogToldOtherwise,
        Self::EventNotTakenIn,
        Self::ReplicaChanged,
        Self::ReplicaLost,
        Self::TombstoneLost,
        Self::InteractionsChanged,
        Self::CancelledLearnedFrom,
        Self::EventWithFloat,
        Self::ColumnOfFloats,
        Self::LinesWithFloat,
        Self::Poison,
        Self::TellingStuck,
        Self::OutboxStuck,
    ];

    /// What is violated then.
    pub(super) fn claim(self) -> &'static str {
        match self {
            Self::PaidByNobody | Self::PaymentUnknown => "paid",
            Self::ChargedTwice => "charged-once",
            Self::AnotherSum | Self::AnotherAccount => "charged",
            Self::RefundedAndKept | Self::VoidedAndKept | Self::CancellationUnheard => "returned",
            Self::PaymentForged => "decided",
            Self::FailureForgotten => "status",
            Self::TotalChanged | Self::LineLost | Self::PriceChanged => "totals",
            Self::EventLost | Self::ChangeToldTwice => "told",
            Self::EventsReordered => "ordered",
            Self::EventOfNothing | Self::EventTooMany | Self::EventNameless => "founded",
            Self::RedeliveryChanged | Self::CatalogToldOtherwise => "contents",
            Self::EventNotTakenIn => "applied",
            Self::ReplicaChanged | Self::ReplicaLost | Self::TombstoneLost => "replicas",
            Self::InteractionsChanged | Self::CancelledLearnedFrom => "interactions",
            Self::EventWithFloat | Self::ColumnOfFloats | Self::LinesWithFloat => "money",
            Self::Poison => "dead-letters",
            Self::TellingStuck => "settled",
            Self::OutboxStuck => "outbox",
        }
    }

    /// How long the check may wait for quiet.
    pub(super) fn wait(self) -> &'static str {
        match self {
            Self::TellingStuck | Self::OutboxStuck => "1s",
            _ => "1m",
        }
    }

    /// Plants it; answers with what it is about, as a report shows it.
    pub(super) async fn plant(self, scene: &Scene, stack: &Stack) -> String {
        match self {
            Self::PaidByNobody => {
                let id = scene.paid(0);
                let of = format!("(SELECT id FROM transactions WHERE order_id = {id})");
                let delete = format!(
                    "DELETE FROM webhooks WHERE transaction_id IN {of};
                     DELETE FROM provider_deliveries WHERE transaction_id IN {of};
                     DELETE FROM transactions WHERE order_id = {id}"
                );
                scene.sql("payment_db", &delete).await;
                order(id)
            }
            Self::PaymentUnknown => scene.change_order(scene.paid(1), "status = 'PENDING'").await,
            Self::ChargedTwice => {
                let id = scene.paid(2);
                let twice = format!(
                    "DROP INDEX transactions_one_open_or_paid;
                     INSERT INTO transactions (id, order_id, account_id, amount_cents, lines, status, settled_at)
                     SELECT 'again' || id, order_id, account_id, amount_cents, lines, status, settled_at
                     FROM transactions WHERE order_id = {id}"
                );
                scene.sql("payment_db", &twice).await;
                order(id)
            }
            Self::AnotherSum => scene.change_transaction(scene.paid(3), "amount_cents = amount_cents + 1").await,
            Self::AnotherAccount => scene.change_transaction(scene.paid(4), "account_id = account_id + 1").await,
            Self::RefundedAndKept => scene.change_transaction(scene.paid(5), "status = 'REFUNDED'").await,
            Self::VoidedAndKept => scene.change_transaction(scene.declined(1), "status = 'VOIDED'").await,
            Self::CancellationUnheard => {
                let id = scene.cancelled(1);
                scene.sql("payment_db", &format!("UPDATE orders SET cancelled_at = NULL WHERE id = {id}")).await;
                order(id)
            }
            Self::PaymentForged => {
                let id = scene.paid(6);
                let of = format!("(SELECT id FROM transactions WHERE order_id = {id})");
                scene.sql("payment_db", &format!("DELETE FROM webhooks WHERE transaction_id IN {of}")).await;
                order(id)
            }
            Self::FailureForgotten => scene.change_order(scene.declined(2), "status = 'PENDING'").await,
            Self::TotalChanged => scene.change_order(scene.paid(7), "total_cents = total_cents + 1").await,
            Self::LineLost => {
                let id = scene.paid(8);
                scene.sql("order_db", &format!("DELETE FROM order_lines WHERE order_id = {id}")).await;
                order(id)
            }
            Self::PriceChanged => {
                let id = scene.paid(9);
                let change = format!("UPDATE order_lines SET price_cents = price_cents + 1 WHERE order_id = {id}");
                scene.sql("order_db", &change).await;
                order(id)
            }
            // A topic gives nothing back: its change was made and not told.
            Self::EventLost => scene.change_order(scene.paid(10), "version = version + 1").await,
            Self::ChangeToldTwice => {
                scene.tell(scene.paid(11), |_| ()).await;
                order(scene.paid(11))
            }
            Self::EventsReordered => {
                let id = scene.paid(12);
                scene.tell(id, |event| event["data"]["version"] = json!(4)).await;
                scene.tell(id, |event| event["data"]["version"] = json!(3)).await;
                scene.change_order(id, "version = 4").await
            }
            Self::EventOfNothing => {
                let id = 2_000_000_000;
                let line = json!({ "product_id": "x", "quantity": 1, "price_cents": 5 });
                let data = json!({ "order_id": id, "account_id": 1, "total_price": 0.05, "total_cents": 5,
                    "status": "PENDING", "version": 1, "products": [line] });
                let value = json!({ "type": "order_created", "data": data }).to_string();
                scene.publish("order_events", &id.to_string(), Some(&Uuid::new_v4().to_string()), &value).await;
                order(id)
            }
            Self::EventTooMany => {
                scene.tell(scene.paid(13), |event| event["data"]["version"] = json!(3)).await;
                order(scene.paid(13))
            }
            Self::EventNameless => {
                let key = scene.paid(14).to_string();
                let last = scene.events("order_events", &key).await.pop().expect("it was told of");
                let value = json!({ "type": last.kind, "data": last.data }).to_string();
                scene.publish("order_events", &key, None, &value).await
            }
            Self::RedeliveryChanged => {
                let key = scene.paid(15).to_string();
                let mut last = scene.events("order_events", &key).await.pop().expect("it was told of");
                last.data["account_id"] = json!(77);
                let (id, value) = (last.id.expect("an id"), json!({ "type": last.kind, "data": last.data }));
                scene.publish("order_events", &key, Some(&id), &value.to_string()).await;
                format!("event {id}")
            }
            Self::CatalogToldOtherwise => {
                let key = scene.product(3);
                let mut last = scene.events("product_events", key).await.pop().expect("it was told of");
                (last.data["version"], last.data["price"], last.data["price_cents"]) =
                    (json!(2), json!(0.5), json!(50));
                let value = json!({ "type": "product_updated", "data": last.data }).to_string();
                scene.publish("product_events", key, Some(&Uuid::new_v4().to_string()), &value).await;
                format!("product {key}")
            }
            Self::EventNotTakenIn => {
                let last = scene.events("order_events", &scene.paid(16).to_string()).await.pop();
                let id = last.and_then(|event| event.id).expect("it was told of");
                scene.sql("recommender_db", &format!("DELETE FROM inbox WHERE event_id = '{id}'")).await;
                format!("event {id}")
            }
            Self::ReplicaChanged => {
                let id = scene.product(4);
                let change = format!("UPDATE products SET price_cents = price_cents + 1 WHERE id = '{id}'");
                scene.sql("recommender_db", &change).await;
                format!("product {id}")
            }
            Self::ReplicaLost => {
                let id = scene.product(5);
                scene.sql("payment_db", &format!("DELETE FROM price_list WHERE product_id = '{id}'")).await;
                format!("product {id}")
            }
            Self::TombstoneLost => {
                let id = scene.product(1);
                scene.sql("recommender_db", &format!("UPDATE products SET deleted = FALSE WHERE id = '{id}'")).await;
                format!("product {id}")
            }
            Self::InteractionsChanged => {
                let id = scene.paid(17);
                scene.sql("recommender_db", &format!("UPDATE orders SET quantities = '{{3}}' WHERE id = {id}")).await;
                order(id)
            }
            Self::CancelledLearnedFrom => {
                let id = scene.cancelled(3);
                scene.sql("recommender_db", &format!("UPDATE orders SET cancelled = FALSE WHERE id = {id}")).await;
                order(id)
            }
            Self::EventWithFloat => {
                let key = scene.declined(3).to_string();
                let mut last = scene.events("order_events", &key).await.pop().expect("it was told of");
                last.data["total_cents"] = json!(6.5);
                let value = json!({ "type": last.kind, "data": last.data }).to_string();
                scene.publish("order_events", &key, Some(&Uuid::new_v4().to_string()), &value).await
            }
            Self::ColumnOfFloats => {
                scene.sql("payment_db", "ALTER TABLE refunds ADD COLUMN fee NUMERIC").await;
                "payment_db.refunds.fee".to_owned()
            }
            Self::LinesWithFloat => {
                let id = scene.declined(3);
                scene.change_transaction(id, "lines = jsonb_set(lines, '{0,price_cents}', '1.5')").await;
                format!("the lines of {}", scene.transaction(id).await)
            }
            Self::Poison => {
                let record = scene.publish("order_events", "poison", None, "{").await;
                record.replace("record", "dead letter of")
            }
            Self::TellingStuck => {
                let id = scene.paid(3);
                let owed = format!(
                    "INSERT INTO tellings (transaction_id, due_at)
                     SELECT id, now() + interval '1 day' FROM transactions WHERE order_id = {id}"
                );
                scene.sql("payment_db", &owed).await;
                scene.transaction(id).await
            }
            Self::OutboxStuck => {
                // The relay would publish it at once.
                stack.succeeds(&["stop", "order"]);
                let id = Uuid::new_v4();
                let stuck = format!(
                    "INSERT INTO outbox (id, topic, key, kind, source, occurred_at, value)
                     VALUES ('{id}', 'order_events', '{}', 'order_paid', 'order', now() - interval '1 minute', '{{}}')",
                    scene.paid(3)
                );
                scene.sql("order_db", &stuck).await;
                format!("event {id}")
            }
        }
    }
}

impl Scene {
    async fn change_order(&self, id: i64, change: &str) -> String {
        self.sql("order_db", &format!("UPDATE orders SET {change} WHERE id = {id}")).await;
        order(id)
    }

    async fn change_transaction(&self, id: i64, change: &str) -> String {
        self.sql("payment_db", &format!("UPDATE transactions SET {change} WHERE order_id = {id}")).await;
        order(id)
    }
}

fn order(id: i64) -> String {
    format!("order {id}")
}
