//! Planted bugs: each is named, by its claim and by what it is about, and nothing else is accused.

use uuid::Uuid;

use super::{
    model::{self, Model},
    violations,
};
use crate::invariants::{
    Claim,
    history::{Column, History, Line, Owed, Place, Record, Topic, Transaction, Unreadable, Waiting, Worker},
    told::{Change, Fault, Told},
    violation::Object,
};

/// Orders of the rich history by what happened to them.
const PAID: i64 = 1;
const DECLINED: i64 = 3;
const DECLINED_THEN_PAID: i64 = 4;
const CANCELLED: i64 = 5;
const VOIDED: i64 = 6;
const REFUNDED: i64 = 7;

/// Plants a bug; answers with what it is about.
type Bug = fn(&mut History) -> Vec<Object>;

const BUGS: &[(&str, Claim, Bug)] = &[
    ("an order is PAID and nobody took money", Claim::Paid, |history| {
        history.payment.transactions.retain(|one| one.order != PAID);
        vec![Object::Order(PAID)]
    }),
    ("money was taken and the order does not know", Claim::Paid, |history| {
        order(history, PAID).status = "PENDING".to_owned();
        vec![Object::Order(PAID)]
    }),
    ("an order is charged twice", Claim::ChargedOnce, |history| {
        let mut twin = transaction(history, PAID).clone();
        twin.id = "twin-of-the-first".to_owned();
        let mut webhook = history.payment.webhooks[0].clone();
        twin.id.clone_into(&mut webhook.transaction);
        history.payment.webhooks.push(webhook);
        history.payment.transactions.push(twin);
        vec![Object::Order(PAID)]
    }),
    ("another sum was charged", Claim::Charged, |history| {
        transaction(history, PAID).amount += 1;
        vec![Object::Order(PAID)]
    }),
    ("another account was charged", Claim::Charged, |history| {
        transaction(history, PAID).account += 1;
        vec![Object::Order(PAID)]
    }),
    ("something else was charged", Claim::Charged, |history| {
        let lines = transaction(history, PAID).lines.as_mut().expect("it has some");
        lines[0].quantity += 1;
        vec![Object::Order(PAID)]
    }),
    ("a transaction is over an order that is lost", Claim::Charged, |history| {
        history.orders.retain(|order| order.id != PAID);
        vec![Object::Order(PAID)]
    }),
    ("money of a PAID order was given back", Claim::Returned, |history| {
        transaction(history, PAID).status = "REFUNDED".to_owned();
        vec![Object::Order(PAID)]
    }),
    ("a transaction was voided and its order stands", Claim::Returned, |history| {
        transaction(history, DECLINED).status = "VOIDED".to_owned();
        vec![Object::Order(DECLINED)]
    }),
    ("money was to be given back and was not", Claim::Returned, |history| {
        history.payment.refunds.remove(0);
        vec![Object::Order(REFUNDED)]
    }),
    ("too little was given back", Claim::Returned, |history| {
        history.payment.refunds[0].amount -= 1;
        vec![Object::Order(REFUNDED)]
    }),
    ("payment never heard of a cancellation", Claim::Returned, |history| {
        history.payment.cancelled.remove(&CANCELLED);
        vec![Object::Order(CANCELLED)]
    }),
    ("a cancelled order can still be paid", Claim::Returned, |history| {
        transaction(history, VOIDED).status = "PENDING".to_owned();
        vec![Object::Order(VOIDED)]
    }),
    ("a payment that the provider never told of", Claim::Decided, |history| {
        let id = transaction(history, PAID).id.clone();
        history.payment.webhooks.retain(|webhook| webhook.transaction != id);
        vec![Object::Order(PAID)]
    }),
    ("a webhook that was applied twice", Claim::Decided, |history| {
        let webhook = history.payment.webhooks[0].clone();
        history.payment.webhooks.push(webhook);
        vec![Object::Order(PAID)]
    }),
    ("an order forgot that a payment failed", Claim::Status, |history| {
        order(history, DECLINED).status = "PENDING".to_owned();
        vec![Object::Order(DECLINED)]
    }),
    ("a step that no order may take", Claim::Status, |history| {
        change(history, DECLINED_THEN_PAID, 2, |change| change.status = "CANCELLED".to_owned());
        vec![Object::Order(DECLINED_THEN_PAID)]
    }),
    ("a total that was changed", Claim::Totals, |history| {
        order(history, CANCELLED).total += 1;
        vec![Object::Order(CANCELLED)]
    }),
    ("a line that was lost", Claim::Totals, |history| {
        order(history, CANCELLED).lines.pop();
        vec![Object::Order(CANCELLED)]
    }),
    ("a line at another price", Claim::Totals, |history| {
        order(history, CANCELLED).lines[0].price += 1;
        vec![Object::Order(CANCELLED)]
    }),
    ("an event that was lost", Claim::Told, |history| {
        history.records.retain(|record| !is_change(record, PAID, 2));
        vec![Object::Order(PAID)]
    }),
    ("the first event of an order was lost", Claim::Told, |history| {
        history.records.retain(|record| !is_change(record, CANCELLED, 1));
        vec![Object::Order(CANCELLED)]
    }),
    ("a change that was told twice, by two events", Claim::Told, |history| {
        let mut twin = find(history, PAID, 2).clone();
        twin.id = Some(ANOTHER.to_string());
        twin.place.offset = end(history, twin.place);
        history.records.push(twin);
        applied(history, ANOTHER);
        vec![Object::Order(PAID)]
    }),
    ("events in the wrong order", Claim::Ordered, |history| {
        let (first, second) = (find(history, PAID, 1).place, find(history, PAID, 2).place);
        find_mut(history, PAID, 1).place = second;
        find_mut(history, PAID, 2).place = first;
        history.records.sort_by_key(|record| record.place);
        vec![Object::Order(PAID)]
    }),
    ("events of one key in two partitions", Claim::Ordered, |history| {
        let place = find(history, PAID, 2).place;
        let moved = Place { partition: (place.partition + 1) % 3, ..place };
        find_mut(history, PAID, 2).place = Place { offset: end(history, moved), ..moved };
        history.records.sort_by_key(|record| record.place);
        vec![Object::Order(PAID)]
    }),
    ("an event under a foreign key", Claim::Ordered, |history| {
        find_mut(history, PAID, 2).key = Some("99".to_owned());
        vec![Object::Order(PAID)]
    }),
    ("an event of an order that does not exist", Claim::Founded, |history| {
        add(history, "99", ANOTHER, |change| change.order = 99);
        vec![Object::Order(99)]
    }),
    ("an event whose state change was undone", Claim::Founded, |history| {
        add(history, "3", ANOTHER, |change| {
            (change.version, change.status, change.kind) = (3, "PAID".into(), "order_paid".into())
        });
        vec![Object::Order(DECLINED)]
    }),
    ("an event of a type that the shop does not know", Claim::Founded, |history| {
        add(history, "3", ANOTHER, |_| ());
        let last = history.records.last_mut().expect("it was added");
        last.told = Err(Fault::Kind("order_admired".to_owned()));
        vec![Object::Record(last.place)]
    }),
    ("an event without a ce_id", Claim::Founded, |history| {
        add(history, "3", ANOTHER, |_| ());
        history.records.last_mut().expect("it was added").id = None;
        history.payment.inbox.remove(&ANOTHER);
        history.recommender.inbox.remove(&ANOTHER);
        vec![Object::Record(history.records.last().expect("it was added").place)]
    }),
    ("an event with another total", Claim::Contents, |history| {
        change(history, PAID, 2, |change| change.total += 1);
        vec![Object::Order(PAID)]
    }),
    ("an event with other lines", Claim::Contents, |history| {
        change(history, PAID, 1, |change| change.lines.push(Line { product: "x".into(), quantity: 1, price: 0 }));
        vec![Object::Order(PAID)]
    }),
    ("two events with one ce_id", Claim::Contents, |history| {
        let id: Uuid = find(history, PAID, 1).id.as_deref().expect("it has one").parse().expect("a UUID");
        add(history, "2", id, |change| (change.order, change.version) = (2, 2));
        vec![Object::Event(id.to_string())]
    }),
    ("the catalog changed without an event", Claim::Contents, |history| {
        history.catalog[0].price += 1;
        vec![Object::Product(history.catalog[0].id.clone())]
    }),
    ("a product was created without an event", Claim::Told, |history| {
        let id = history.catalog[1].id.clone();
        history.records.retain(|record| record.key.as_ref() != Some(&id));
        vec![Object::Product(id)]
    }),
    ("an event of a product was lost", Claim::Told, |history| {
        let id = history.catalog[0].id.clone();
        let at = history.records.iter().position(|record| record.key.as_ref() == Some(&id));
        history.records.remove(at.expect("it was told of"));
        vec![Object::Product(id)]
    }),
    ("recommender did not take an event in", Claim::Applied, |history| {
        let id: Uuid = find(history, PAID, 2).id.as_deref().expect("it has one").parse().expect("a UUID");
        history.recommender.inbox.remove(&id);
        vec![Object::Event(id.to_string())]
    }),
    ("payment did not take an event in", Claim::Applied, |history| {
        let id: Uuid = find(history, PAID, 1).id.as_deref().expect("it has one").parse().expect("a UUID");
        history.payment.inbox.remove(&id);
        vec![Object::Event(id.to_string())]
    }),
    ("recommender has another price", Claim::Replicas, |history| {
        history.recommender.products[0].price += 1;
        vec![Object::Product(history.recommender.products[0].id.clone())]
    }),
    ("payment lacks a product", Claim::Replicas, |history| {
        vec![Object::Product(history.payment.products.remove(0).id)]
    }),
    ("payment has an older version", Claim::Replicas, |history| {
        let replica = history.payment.products.iter_mut().find(|replica| replica.version == 3).expect("there is one");
        replica.version = 2;
        vec![Object::Product(replica.id.clone())]
    }),
    ("a deleted product is back", Claim::Replicas, |history| {
        let replica = history.recommender.products.iter_mut().find(|replica| replica.deleted).expect("there is one");
        replica.deleted = false;
        vec![Object::Product(replica.id.clone())]
    }),
    ("recommender learned another quantity", Claim::Interactions, |history| {
        history.recommender.orders[0].lines[0].1 += 1;
        vec![Object::Order(PAID)]
    }),
    ("recommender learns from a cancelled order", Claim::Interactions, |history| {
        let order = history.recommender.orders.iter_mut().find(|order| order.order == CANCELLED).expect("it is there");
        order.cancelled = false;
        vec![Object::Order(CANCELLED)]
    }),
    ("recommender lacks an order", Claim::Interactions, |history| {
        vec![Object::Order(history.recommender.orders.remove(0).order)]
    }),
    ("an event is stuck in the outbox", Claim::Outbox, |history| {
        let (id, kind, key) = (ANOTHER, "order_paid".to_owned(), PAID.to_string());
        history.outbox.push(Waiting { id, key, kind, age: 5.1 });
        vec![Object::Event(ANOTHER.to_string())]
    }),
    ("order was never told of a payment", Claim::Settled, |history| {
        let transaction = transaction(history, PAID).id.clone();
        let owed = Owed { transaction: transaction.clone(), to: Worker::Teller, error: None };
        history.payment.owed.push(owed);
        vec![Object::Transaction(transaction)]
    }),
    ("a dead letter", Claim::DeadLetters, |history| {
        let mut letter = history.letters[0].clone();
        letter.key = Some("1".to_owned());
        let place = letter.origin.expect("it tells");
        history.letters.push(letter);
        vec![Object::Letter(place.to_string())]
    }),
    ("an event with money that is no integer", Claim::Money, |history| {
        add(history, "3", ANOTHER, |_| ());
        let last = history.records.last_mut().expect("it was added");
        last.told = Err(Fault::Money("total_cents is 1.5".to_owned()));
        vec![Object::Record(last.place)]
    }),
    ("a column with money that is no integer", Claim::Money, |history| {
        let name = "payment_db.transactions.fee".to_owned();
        history.columns.push(Column { name: name.clone(), kind: "numeric".to_owned() });
        vec![Object::Column(name)]
    }),
    ("lines of a transaction with money that is no integer", Claim::Money, |history| {
        transaction(history, PAID).lines = None;
        let object = "the lines of a transaction".to_owned();
        let fault = Fault::Money("price_cents is 1.5".to_owned());
        history.unreadable.push(Unreadable { object: object.clone(), fault });
        vec![Object::Column(object)]
    }),
];

/// An event that nothing else in the history has.
const ANOTHER: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);

fn order(history: &mut History, id: i64) -> &mut crate::invariants::history::Order {
    history.orders.iter_mut().find(|order| order.id == id).expect("it is there")
}

/// The newest transaction of an order.
fn transaction(history: &mut History, order: i64) -> &mut Transaction {
    let found = history.payment.transactions.iter_mut().filter(|transaction| transaction.order == order);
    found.last().expect("it has one")
}

fn is_change(record: &Record, order: i64, version: i64) -> bool {
    matches!(&record.told, Ok(Told::Order(change)) if change.order == order && change.version == version)
}

fn find(history: &History, order: i64, version: i64) -> &Record {
    history.records.iter().find(|record| is_change(record, order, version)).expect("it was told")
}

fn find_mut(history: &mut History, order: i64, version: i64) -> &mut Record {
    history.records.iter_mut().find(|record| is_change(record, order, version)).expect("it was told")
}

fn change(history: &mut History, order: i64, version: i64, edit: impl FnOnce(&mut Change)) {
    if let Ok(Told::Order(change)) = &mut find_mut(history, order, version).told {
        edit(change);
    }
}

/// The offset behind all that stands in a partition.
fn end(history: &History, place: Place) -> i64 {
    let same = |record: &&Record| (record.place.topic, record.place.partition) == (place.topic, place.partition);
    history.records.iter().filter(same).map(|record| record.place.offset + 1).max().unwrap_or_default()
}

/// Adds an event like one of a DECLINED order, and everybody takes it in.
fn add(history: &mut History, key: &str, id: Uuid, edit: impl FnOnce(&mut Change)) {
    let mut record = find(history, DECLINED, 2).clone();
    if let Ok(Told::Order(change)) = &mut record.told {
        edit(change);
    }
    record.place.partition = history
        .records
        .iter()
        .find(|other| other.place.topic == Topic::Orders && other.key.as_deref() == Some(key))
        .map_or(0, |other| other.place.partition);
    record.place.offset = end(history, record.place);
    (record.key, record.id) = (Some(key.to_owned()), Some(id.to_string()));
    history.records.push(record);
    applied(history, id);
}

fn applied(history: &mut History, id: Uuid) {
    history.payment.inbox.insert(id);
    history.recommender.inbox.insert(id);
}

/// The orders and products that something is about, also through their transactions, events and records.
fn owners(model: &Model, object: &Object) -> Vec<Object> {
    let of_record = |record: &Record| match &record.told {
        Ok(Told::Order(change)) => Some(Object::Order(change.order)),
        Ok(Told::Standing { product, .. }) => Some(Object::Product(product.id.clone())),
        Ok(Told::Gone { id, .. }) => Some(Object::Product(id.clone())),
        Err(_) => None,
    };
    let records = model.history.records.iter();
    match object {
        Object::Order(_) | Object::Product(_) | Object::Letter(_) | Object::Column(_) => vec![object.clone()],
        Object::Transaction(id) => {
            let transactions = model.history.payment.transactions.iter().filter(|one| one.id == *id);
            transactions.map(|one| Object::Order(one.order)).collect()
        }
        Object::Event(id) => records.filter(|one| one.id.as_ref() == Some(id)).filter_map(of_record).collect(),
        Object::Record(place) => records.filter(|one| one.place == *place).filter_map(of_record).collect(),
    }
}

#[test]
fn each_planted_bug_is_named_and_nothing_else_is_accused() {
    assert!(BUGS.len() >= 25);
    for (name, claim, plant) in BUGS {
        let mut model = model::rich();
        assert_eq!(violations(&model), [], "before: {name}");
        let clean = model::rich();
        let about = plant(&mut model.history);
        let found = violations(&model);
        let named = found.iter().any(|violation| {
            violation.claim == *claim && about.iter().any(|object| violation.objects.contains(object))
        });
        assert!(named, "{name}: {claim:?} of {about:?} is not among {found:#?}");
        let guilty: Vec<Object> =
            about.iter().flat_map(|object| [owners(&model, object), owners(&clean, object)].concat()).collect();
        for violation in &found {
            let accused = violation.objects.iter().flat_map(|object| {
                let owners = [owners(&model, object), owners(&clean, object)].concat();
                if owners.is_empty() { vec![object.clone()] } else { owners }
            });
            let accused: Vec<Object> = accused.collect();
            let fits = accused.iter().any(|object| guilty.contains(object) || about.contains(object));
            assert!(fits, "{name}: {violation:?} accuses {accused:?}, guilty are {guilty:?}");
            assert!(!violation.next.is_empty() && violation.next.contains("`shopctl "), "{violation:?}");
        }
    }
}

#[test]
fn a_transaction_is_never_shown_whole() {
    let mut model = model::rich();
    let transaction = transaction(&mut model.history, PAID);
    transaction.amount += 1;
    let secret = transaction.id.clone();
    let shown = serde_json::to_string(&violations(&model)).expect("it has a JSON form");
    assert!(shown.contains(&secret[..6]) && !shown.contains(&secret), "{shown}");
}
