//! A shop of which everything is true: what happens to it is written down in all places that know of it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use crate::invariants::{
    Expected, Letters,
    history::{
        Column, History, Interactions, Letter, Line, Order, Place, Product, Record, Refund, Replica, Topic,
        Transaction, Webhook,
    },
    told::{Change, Fault, Told},
};

/// Something that happens. The numbers choose among what there is.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Create,
    Update(usize),
    Delete(usize),
    Order(i64, Vec<(usize, i64)>),
    Open(usize),
    Pay(usize),
    Decline(usize),
    Cancel(usize),
    /// The money for a voided transaction comes after all.
    PayLate(usize),
    /// The order is cancelled after the money was taken and before order has heard of it.
    CancelPaid(usize),
    /// A webhook comes again under another id.
    Replay(usize),
    /// A record comes again.
    Redeliver(usize),
    /// Somebody writes rubbish, and both groups refuse it.
    Poison,
    /// An event is refused by one group and, once that has been mended, sent again.
    Redrive(usize),
    Import,
}

/// The key of what is expected among the dead letters.
const POISON: &str = "poison";

#[derive(Default)]
pub(super) struct Model {
    pub(super) history: History,
    /// By topic and partition.
    ends: BTreeMap<(Topic, i32), i64>,
    ids: u128,
}

/// A history in which everything has happened once.
pub(super) fn rich() -> Model {
    use Step::{
        Cancel, CancelPaid, Create, Decline, Delete, Import, Open, Order, Pay, PayLate, Poison, Redeliver, Redrive,
        Replay, Update,
    };
    let basket = |account, first: usize| Order(account, vec![(first, 2), (first + 1, 3)]);
    let mut steps = vec![Create, Create, Create, Create, Create, Update(0), Update(0), Delete(4)];
    steps.extend((0..8).map(|at| basket(10 + at, usize::try_from(at % 3).expect("small"))));
    steps.extend([Open(0), Pay(0), Open(1), Pay(1), Open(2), Decline(2), Open(3), Decline(3), Open(3), Pay(3)]);
    steps.extend([Cancel(4), Open(5), Cancel(5), Open(6), Cancel(6), PayLate(6), Open(7), CancelPaid(7)]);
    steps.extend([Replay(0), Redeliver(3), Poison, Redrive(2), Import]);
    Model::after(&steps)
}

impl Step {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let at = || any::<usize>();
        prop_oneof![
            3 => Just(Self::Create),
            2 => at().prop_map(Self::Update),
            1 => at().prop_map(Self::Delete),
            6 => (1..5_i64, proptest::collection::vec((at(), 1..9_i64), 1..4)).prop_map(|(who, what)| Self::Order(who, what)),
            5 => at().prop_map(Self::Open),
            4 => at().prop_map(Self::Pay),
            2 => at().prop_map(Self::Decline),
            2 => at().prop_map(Self::Cancel),
            1 => at().prop_map(Self::PayLate),
            1 => at().prop_map(Self::CancelPaid),
            1 => at().prop_map(Self::Replay),
            2 => at().prop_map(Self::Redeliver),
            1 => Just(Self::Poison),
            1 => at().prop_map(Self::Redrive),
            1 => Just(Self::Import),
        ]
    }
}

impl Model {
    pub(super) fn after(steps: &[Step]) -> Self {
        let mut model = Self::default();
        for name in ["order_db.orders.total_cents", "order_db.order_lines.price_cents"] {
            model.history.columns.push(Column { name: name.to_owned(), kind: "bigint".to_owned() });
        }
        for step in steps {
            model.step(step);
        }
        model.history.records.sort_by_key(|record| record.place);
        model
    }

    pub(super) fn expected(&self) -> Expected {
        Expected { letters: Letters::Of([POISON.to_owned()].into()), foreign: BTreeSet::new() }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Create => self.create(),
            Step::Update(at) => self.update(*at),
            Step::Delete(at) => self.delete(*at),
            Step::Order(account, picks) => self.order(*account, picks),
            Step::Open(at) => self.open(*at),
            Step::Pay(at) => self.decide(*at, "SUCCESS"),
            Step::Decline(at) => self.decide(*at, "FAILED"),
            Step::Cancel(at) => self.cancel(*at),
            Step::PayLate(at) => self.pay_late(*at),
            Step::CancelPaid(at) => self.cancel_paid(*at),
            Step::Replay(at) => self.replay(*at),
            Step::Redeliver(at) => self.redeliver(*at),
            Step::Poison => self.poison(),
            Step::Redrive(at) => self.redrive(*at),
            Step::Import => self.history.recommender.imported += 1,
        }
    }

    /// A random-looking UUID of version 4.
    fn id(&mut self) -> Uuid {
        self.ids += 1;
        uuid::Builder::from_random_bytes(self.ids.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
            .into_uuid()
    }

    fn place(&mut self, topic: Topic, key: &str) -> Place {
        let partition = key.bytes().map(i32::from).sum::<i32>() % 3;
        let end = self.ends.entry((topic, partition)).or_default();
        *end += 1;
        Place { topic, partition, offset: *end - 1 }
    }

    fn publish(&mut self, topic: Topic, key: &str, told: Told) {
        let (id, place) = (self.id(), self.place(topic, key));
        let record = Record { place, key: Some(key.to_owned()), id: Some(id.to_string()), told: Ok(told) };
        self.history.records.push(record);
        self.history.recommender.inbox.insert(id);
        self.history.payment.inbox.insert(id);
    }

    fn create(&mut self) {
        let id = self.id().simple().to_string();
        let number = i64::try_from(self.ids).expect("small");
        let (name, description) = (format!("thing {number}"), String::new());
        let product = Product { id, account: 1, name, description, price: 100 + number, sku: None };
        self.history.catalog.push(product.clone());
        self.stand(product, 1);
    }

    /// Tells of a product as it now stands.
    fn stand(&mut self, product: Product, version: i64) {
        let Product { id, name, description, price, .. } = product.clone();
        let known = Replica { id: id.clone(), name, description: None, price, version, deleted: false };
        for (replicas, description) in
            [(&mut self.history.recommender.products, Some(description)), (&mut self.history.payment.products, None)]
        {
            replicas.retain(|replica| replica.id != id);
            replicas.push(Replica { description, ..known.clone() });
        }
        self.publish(Topic::Products, &id, Told::Standing { created: version == 1, version, product });
    }

    fn version(&self, id: &str) -> i64 {
        let replica = self.history.payment.products.iter().find(|replica| replica.id == id);
        replica.expect("it was told of").version
    }

    fn update(&mut self, at: usize) {
        let count = self.history.catalog.len();
        let Some(product) = self.history.catalog.get_mut(at % count.max(1)) else { return };
        product.price += 7;
        let product = product.clone();
        let version = self.version(&product.id) + 1;
        self.stand(product, version);
    }

    fn delete(&mut self, at: usize) {
        let count = self.history.catalog.len();
        if count == 0 {
            return;
        }
        let Product { id, .. } = self.history.catalog.remove(at % count);
        let version = self.version(&id) + 1;
        for replica in self.history.recommender.products.iter_mut().chain(&mut self.history.payment.products) {
            if replica.id == id {
                (replica.deleted, replica.version) = (true, version);
            }
        }
        self.publish(Topic::Products, &id.clone(), Told::Gone { id, version });
    }

    fn order(&mut self, account: i64, picks: &[(usize, i64)]) {
        let count = self.history.catalog.len();
        if count == 0 {
            return;
        }
        let picks: BTreeMap<usize, i64> = picks.iter().map(|(at, quantity)| (at % count, *quantity)).collect();
        let line = |(at, quantity): (&usize, &i64)| {
            let product = &self.history.catalog[*at];
            Line { product: product.id.clone(), quantity: *quantity, price: product.price }
        };
        let lines: Vec<Line> = picks.iter().map(line).collect();
        let total = lines.iter().map(|line| line.quantity * line.price).sum();
        let id = i64::try_from(self.history.orders.len()).expect("small") + 1;
        self.history.recommender.orders.push(Interactions {
            order: id,
            account,
            lines: lines.iter().map(|line| (line.product.clone(), line.quantity)).collect(),
            cancelled: false,
            version: 1,
        });
        self.history.orders.push(Order { id, account, status: "PENDING".to_owned(), total, version: 1, lines });
        self.tell(self.history.orders.len() - 1);
    }

    /// Publishes the order as it stands.
    fn tell(&mut self, at: usize) {
        let Order { id, account, status, total, version, lines } = self.history.orders[at].clone();
        let kind = match status.as_str() {
            "PENDING" => "order_created",
            "PAID" => "order_paid",
            "PAYMENT_FAILED" => "order_payment_failed",
            _ => "order_cancelled",
        };
        let change = Change { kind: kind.to_owned(), order: id, account, status, total, version, lines };
        self.publish(Topic::Orders, &id.to_string(), Told::Order(change));
    }

    fn advance(&mut self, at: usize, status: &str) {
        let order = &mut self.history.orders[at];
        if order.status == status {
            return;
        }
        status.clone_into(&mut order.status);
        order.version += 1;
        let learned = &mut self.history.recommender.orders[at];
        (learned.version, learned.cancelled) = (order.version, status == "CANCELLED");
        self.tell(at);
    }

    fn which(&self, at: usize) -> Option<usize> {
        at.checked_rem(self.history.orders.len())
    }

    /// The transaction of an order that has this status.
    fn transaction(&mut self, at: usize, status: &str) -> Option<&mut Transaction> {
        let order = self.history.orders[self.which(at)?].id;
        self.history.payment.transactions.iter_mut().find(|one| one.order == order && one.status == status)
    }

    fn open(&mut self, at: usize) {
        let Some(place) = self.which(at) else { return };
        let Order { id: order, account, status, total, lines, .. } = self.history.orders[place].clone();
        if !["PENDING", "PAYMENT_FAILED"].contains(&status.as_str()) || self.transaction(at, "PENDING").is_some() {
            return;
        }
        let (id, status) = (self.id().simple().to_string(), "PENDING".to_owned());
        let lines = Some(lines);
        let transaction = Transaction { id, order, account, amount: total, lines, status, settled: false };
        self.history.payment.transactions.push(transaction);
    }

    fn webhook(&mut self, transaction: &str, outcome: &str, before: &str, after: &str) {
        let [transaction, outcome, before, after] = [transaction, outcome, before, after].map(str::to_owned);
        self.history.payment.webhooks.push(Webhook { transaction, outcome, before, after });
    }

    fn decide(&mut self, at: usize, outcome: &str) {
        let Some(transaction) = self.transaction(at, "PENDING") else { return };
        outcome.clone_into(&mut transaction.status);
        transaction.settled = true;
        let id = transaction.id.clone();
        self.webhook(&id, outcome, "PENDING", outcome);
        if let Some(at) = self.which(at) {
            self.advance(at, if outcome == "SUCCESS" { "PAID" } else { "PAYMENT_FAILED" });
        }
    }

    fn cancel(&mut self, at: usize) {
        let Some(place) = self.which(at) else { return };
        let Order { id, status, .. } = &self.history.orders[place];
        if !["PENDING", "PAYMENT_FAILED"].contains(&status.as_str()) {
            return;
        }
        self.history.payment.cancelled.insert(*id);
        self.advance(place, "CANCELLED");
        if let Some(transaction) = self.transaction(at, "PENDING") {
            (transaction.status, transaction.settled) = ("VOIDED".to_owned(), true);
        }
    }

    fn refund(&mut self, transaction: &str, amount: i64) {
        self.history.payment.refunds.push(Refund { transaction: transaction.to_owned(), amount });
    }

    fn pay_late(&mut self, at: usize) {
        let Some(transaction) = self.transaction(at, "VOIDED") else { return };
        "REFUNDED".clone_into(&mut transaction.status);
        let (id, amount) = (transaction.id.clone(), transaction.amount);
        self.webhook(&id, "SUCCESS", "VOIDED", "REFUNDED");
        self.refund(&id, amount);
    }

    fn cancel_paid(&mut self, at: usize) {
        let Some(transaction) = self.transaction(at, "PENDING") else { return };
        (transaction.status, transaction.settled) = ("REFUNDED".to_owned(), true);
        let (id, amount) = (transaction.id.clone(), transaction.amount);
        self.webhook(&id, "SUCCESS", "PENDING", "SUCCESS");
        self.refund(&id, amount);
        self.cancel(at);
    }

    fn replay(&mut self, at: usize) {
        let webhooks = &self.history.payment.webhooks;
        let Some(Webhook { transaction, outcome, after, .. }) = webhooks.get(at % webhooks.len().max(1)).cloned()
        else {
            return;
        };
        self.webhook(&transaction, &outcome, &after, &after);
    }

    fn redeliver(&mut self, at: usize) {
        let count = self.history.records.len();
        let record = self.history.records.get(at % count.max(1)).filter(|record| record.told.is_ok()).cloned();
        let Some(record) = record else { return };
        let place = self.place(record.place.topic, record.key.as_deref().unwrap_or_default());
        self.history.records.push(Record { place, ..record });
    }

    fn poison(&mut self) {
        let (place, key) = (self.place(Topic::Orders, POISON), Some(POISON.to_owned()));
        self.history.records.push(Record { place, key: key.clone(), id: None, told: Err(Fault::Malformed) });
        for group in ["recommender", "payment"] {
            self.letter(place, key.clone(), None, group);
        }
    }

    fn letter(&mut self, place: Place, key: Option<String>, id: Option<String>, group: &str) {
        let (group, error) = (Some(group.to_owned()), Some("the value is no JSON".to_owned()));
        self.history.letters.push(Letter { topic: place.topic, key, id, origin: Some(place), group, error });
    }

    fn redrive(&mut self, at: usize) {
        let records: Vec<&Record> = self.history.records.iter().filter(|record| record.id.is_some()).collect();
        let Some(Record { place, key, id, .. }) =
            records.get(at % records.len().max(1)).map(|record| (*record).clone())
        else {
            return;
        };
        self.letter(place, key, id, "payment");
        let at = self.history.records.iter().position(|record| record.place == place);
        self.redeliver(at.expect("it is there"));
    }
}
