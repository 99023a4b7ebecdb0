//! Rubbish in the topics, between what belongs there.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use rdkafka::{
    Message as _,
    message::{Header, Headers as _, OwnedHeaders, OwnedMessage},
    producer::FutureRecord,
};
use serde_json::json;
use shopctl_kafka::topics::{ORDER_EVENTS, PRODUCT_EVENTS};
use testkit::eventually;

use super::{
    client::Client,
    ledger,
    part::Database,
    site::{self, Site},
    topic,
};
use crate::promise::limit;

/// From the last record to the last of the dead letters.
const PROMISED: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(20);
const BOTH: &[&str] = &["payment", "recommender"];
/// Payment reads no more than the id of an order.
const RECOMMENDER: &[&str] = &["recommender"];
/// By which a letter is known again.
const MARK: &str = "attack";

struct Record {
    topic: &'static str,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(&'static str, Vec<u8>)>,
    /// The groups that refuse it.
    refused: &'static [&'static str],
}

impl Record {
    fn new(topic: &'static str, value: impl Into<Vec<u8>>) -> Self {
        let key = Some(b"attack".to_vec());
        Self { topic, key, value: Some(value.into()), headers: Vec::new(), refused: BOTH }
    }

    fn event(topic: &'static str, kind: &str, data: &serde_json::Value) -> Self {
        Self::new(topic, json!({ "type": kind, "data": data }).to_string())
    }

    fn refused_by(self, refused: &'static [&'static str]) -> Self {
        Self { refused, ..self }
    }

    fn with(mut self, headers: &[(&'static str, &[u8])]) -> Self {
        self.headers.extend(headers.iter().map(|(name, value)| (*name, value.to_vec())));
        self
    }
}

/// What is no event, whichever topic it stands in.
fn rubbish(topic: &'static str, kind: &str) -> Vec<Record> {
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    let mut all: Vec<Record> = [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "\"text\"",
        r#"{"type": 1, "data": {}}"#,
        r#"{"type": "x", "data": 7}"#,
        r#"{"type": "x", "data": null}"#,
        r#"{"type": "x", "data": []}"#,
        r#"{"type": "x"}"#,
        r#"{"type": "x", "data": {"n": 1e999}}"#,
        r#"{"type": "x", "data": {}} trailing"#,
        &deep("[", "]"),
        &format!(r#"{{"type": "x", "data": {{"deep": {}}}}}"#, deep("[", "]")),
    ]
    .into_iter()
    .chain([&*format!(r#"{{"type": "{kind}", "data": {{}}}}"#), &format!(r#"{{"type": "{kind}", "data": null}}"#)])
    .map(|value| Record::new(topic, value))
    .collect();
    all.push(Record::new(topic, [0, 255, 254, 0, 1]).with(&[("odd", b"\xff\xfe"), ("empty", b"")]));
    all.push(Record::new(topic, b"{\"type\": \"\xc3\x28\", \"data\": {}}".as_slice()));
    // Nearly the largest that the topic takes.
    all.push(Record::new(topic, vec![b'x'; 1_048_300]));
    // A tombstone, and no key at all.
    all.push(Record { value: None, ..Record::new(topic, "") });
    all.push(Record { key: None, ..Record::new(topic, "no key") });
    all
}

/// What is said to have happened to a product, and cannot have.
fn impossible_products() -> Vec<Record> {
    let mug = |change: serde_json::Value| {
        let mut data =
            json!({ "product_id": "mug", "name": "Mug", "description": "", "price_cents": 150, "version": 3 });
        data.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        Record::event(PRODUCT_EVENTS, "product_updated", &data)
    };
    let mut all: Vec<Record> = [
        json!({ "product_id": 7 }),
        json!({ "product_id": null }),
        json!({ "name": ["Mug"] }),
        json!({ "name": "M\0g" }),
        json!({ "price_cents": "150" }),
        json!({ "price_cents": -1 }),
        json!({ "price_cents": 1.5 }),
        json!({ "price_cents": null, "price": 0.001 }),
        json!({ "price_cents": null }),
        json!({ "version": -1 }),
        json!({ "version": "3" }),
        json!({ "version": 1e30 }),
    ]
    .into_iter()
    .map(mug)
    .collect();
    for data in [json!({ "product_id": "mug", "version": -1 }), json!({ "product_id": {} })] {
        all.push(Record::event(PRODUCT_EVENTS, "product_deleted", &data));
    }
    all
}

/// The same of an order.
fn impossible_orders() -> Vec<Record> {
    let order = |change: serde_json::Value| {
        let line = json!({ "product_id": "mug", "quantity": 1 });
        let mut data = json!({ "order_id": 1, "account_id": 1, "products": [line], "version": 3 });
        data.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        Record::event(ORDER_EVENTS, "order_paid", &data)
    };
    let ids =
        [json!({ "order_id": null }), json!({ "order_id": "1" }), json!({ "order_id": 0 }), json!({ "order_id": -1 })];
    let rest = [
        json!({ "products": [] }),
        json!({ "products": {} }),
        json!({ "products": [{ "product_id": "mug" }] }),
        json!({ "products": [{ "product_id": "mug", "quantity": 0 }] }),
        json!({ "products": [{ "product_id": "", "quantity": 1 }] }),
        json!({ "account_id": null }),
        json!({ "version": -1 }),
        json!({ "version": 1.5 }),
    ];
    ids.into_iter().map(order).chain(rest.into_iter().map(|change| order(change).refused_by(RECOMMENDER))).collect()
}

/// What looks odd and is taken: from producers that know no CloudEvents, or more than we do.
fn oddities() -> Vec<Record> {
    let product = |id: &str| {
        let data = json!({ "product_id": id, "name": "Odd", "description": "", "price_cents": 150, "version": 1,
            "colour": { "of": ["the", "future"] } });
        Record::event(PRODUCT_EVENTS, "product_created", &data).refused_by(&[])
    };
    vec![
        product("odd-1"),
        Record { key: None, ..product("odd-2") },
        product("odd-3").with(&[("ce_id", b"not a UUID"), ("ce_source", b"elsewhere")]),
        product("odd-4").with(&[("ce_id", b"\xff\xfe"), ("ce_time", b"soon"), ("traceparent", b"00-zz")]),
        product("odd-5").with(&[("ce_specversion", b"7.0"), ("ce_type", b"another")]),
        product("odd-6").with(&[("ce_id", b"one"), ("ce_id", b"two"), ("ce_id", b"two")]),
        Record::event(PRODUCT_EVENTS, "product_repainted", &json!({})).refused_by(&[]),
        Record::event(ORDER_EVENTS, "order_admired", &json!({ "order_id": "x" })).refused_by(&[]),
    ]
}

async fn send(site: &Site, records: &[Record]) {
    let producer = topic::producer(&site.brokers());
    for (mark, record) in records.iter().enumerate() {
        let mark = mark.to_string();
        let headers = OwnedHeaders::new().insert(Header { key: MARK, value: Some(mark.as_bytes()) });
        let own = |all: OwnedHeaders, (key, value): &(&str, Vec<u8>)| all.insert(Header { key, value: Some(value) });
        let mut sent = FutureRecord::<[u8], [u8]>::to(record.topic).headers(record.headers.iter().fold(headers, own));
        (sent.key, sent.payload) = (record.key.as_deref(), record.value.as_deref());
        producer.send(sent, LIMIT).await.map_err(|(error, _)| error).expect("the broker takes it");
    }
}

fn header<'a>(letter: &'a OwnedMessage, name: &str) -> &'a str {
    let found = letter.headers().into_iter().flat_map(|headers| headers.iter()).find(|header| header.key == name);
    let text = found.and_then(|header| std::str::from_utf8(header.value?).ok());
    text.unwrap_or_else(|| panic!("a dead letter has {name}"))
}

/// Whether the letter has all that the record had.
fn is_whole(letter: &OwnedMessage, record: &Record) -> bool {
    let headers = letter.headers().into_iter().flat_map(|headers| headers.iter());
    let own = headers.filter(|header| header.key != MARK && !header.key.starts_with("dlt_"));
    letter.key() == record.key.as_deref()
        && letter.payload().unwrap_or_default() == record.value.as_deref().unwrap_or_default()
        && letter.payload().is_none() == record.value.is_none()
        && own.map(|header| (header.key, header.value.unwrap_or_default().to_vec())).eq(record.headers.iter().cloned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_a_dead_letter_within_two_seconds_while_the_rest_flows() {
    let mut site = site::exclusive().await;
    let site = site.as_mut().expect("it was booted");
    let client = Client::of(site).await;
    ledger::quiet(site).await;
    let brokers = site.brokers();
    let mut dead = topic::Reader::at_the_end(&brokers, &["product_events.dlt", "order_events.dlt"]);
    let mut records = rubbish(PRODUCT_EVENTS, "product_created");
    records.extend(rubbish(ORDER_EVENTS, "order_cancelled"));
    records.extend(impossible_products());
    records.extend(impossible_orders());
    records.extend(oddities());

    // The shop goes on selling meanwhile.
    let (bought, ()) = tokio::join!(client.buy(0), send(site, &records));
    let began = Instant::now();
    let expected: usize = records.iter().map(|record| record.refused.len()).sum();
    let letters = tokio::task::spawn_blocking(move || (dead.next(expected, LIMIT), dead)).await;
    let (letters, mut dead) = letters.expect("reading does not panic");
    let took = began.elapsed();
    eprintln!("the last of {expected} dead letters came {took:?} after the last of {} records", records.len());
    assert!(took < limit(PROMISED, LIMIT), "it took {took:?}");
    let mut refused: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for letter in &letters {
        let mark: usize = header(letter, MARK).parse().expect("a place in the list");
        assert!(is_whole(letter, &records[mark]), "{letter:?} is not what was sent");
        assert_eq!(format!("{}.dlt", header(letter, "dlt_topic")), letter.topic());
        refused.entry(mark).or_default().insert(header(letter, "dlt_group"));
    }
    for (mark, record) in records.iter().enumerate() {
        let groups = refused.remove(&mark).unwrap_or_default();
        let value = record.value.as_deref().map(|value| String::from_utf8_lossy(&value[..value.len().min(200)]));
        assert_eq!(groups, record.refused.iter().copied().collect(), "{value:?} with {:?}", record.headers);
    }
    for (database, query) in [
        (Database::Recommender, "SELECT count(*) FROM products WHERE id LIKE 'odd-%'"),
        (Database::Payment, "SELECT count(*) FROM price_list WHERE product_id LIKE 'odd-%'"),
    ] {
        let all = async || (ledger::count(site, database, query).await == 6).then_some(());
        eventually(LIMIT, "what is only odd is taken", all).await;
    }
    super::load::agrees(&[bought].into(), &ledger::holds(site).await);
    let rest = tokio::task::spawn_blocking(move || dead.rest()).await.expect("reading does not panic");
    assert_eq!(rest.len(), 0, "nothing else is dead: {rest:?}");
}
