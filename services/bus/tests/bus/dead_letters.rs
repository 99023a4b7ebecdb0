use rdkafka::Message;
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{FutureProducer, FutureRecord};
use testkit::brokers::Kind;
use testkit::cases;
use testkit::trials::Case;

use crate::setup::{LONG, Ledger, Shop, header};

pub(crate) const CASES: &[Case<Kind>] = cases![
    what_the_domain_refuses_is_a_dead_letter_and_the_rest_goes_on,
    a_dead_letter_that_is_driven_again_is_applied,
    poison_of_every_kind_is_a_dead_letter_as_it_is,
    a_handler_that_panics_costs_one_event,
    the_largest_record_that_a_topic_takes_is_kept_whole,
    a_record_too_large_for_its_dead_letters_leaves_one_without_its_value_and_the_rest_goes_on,
    a_long_reason_is_cut,
];

async fn letters(shop: &Shop, count: usize) -> Vec<OwnedMessage> {
    testkit::eventually(LONG, &format!("{count} dead letters"), async || {
        let letters = shop.records(&shop.dead).await;
        (letters.len() >= count).then_some(letters)
    })
    .await
}

async fn what_the_domain_refuses_is_a_dead_letter_and_the_rest_goes_on(on: Kind) {
    let shop = Shop::open(on).await;
    let _consumer = shop.consumer(&Ledger::default());
    let (before, refused, after) = (shop.event("a", 1), shop.event("a", -1), shop.event("a", 2));
    for event in [&before, &refused, &after] {
        shop.publish_event(event).await;
    }
    shop.eventually_applied("a", &[1, 2]).await;
    let letters = letters(&shop, 1).await;
    let [letter] = &letters[..] else { panic!("one letter, not {}", letters.len()) };
    assert_eq!(letter.key(), Some(&b"a"[..]));
    assert_eq!(letter.payload(), Some(&refused.value[..]));
    assert_eq!(header(letter, "ce_id"), Some(refused.id.to_string()));
    assert_eq!(header(letter, "ce_type").as_deref(), Some("counted"));
    let origin = shop
        .records(&shop.topic)
        .await
        .into_iter()
        .find(|record| header(record, "ce_id") == Some(refused.id.to_string()))
        .expect("it stays");
    assert_eq!(header(letter, "dlt_topic").as_deref(), Some(&*shop.topic));
    assert_eq!(header(letter, "dlt_partition"), Some(origin.partition().to_string()));
    assert_eq!(header(letter, "dlt_offset"), Some(origin.offset().to_string()));
    assert_eq!(header(letter, "dlt_group").as_deref(), Some(&*shop.group));
    assert_eq!(header(letter, "dlt_error").as_deref(), Some("it is negative"));
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM inbox WHERE event_id = $1")
        .bind(refused.id)
        .fetch_one(&shop.pool)
        .await
        .expect("read");
    assert_eq!(known, 0, "a redrive must find it unknown");
}

async fn a_dead_letter_that_is_driven_again_is_applied(on: Kind) {
    let shop = Shop::open(on).await;
    let ledger = Ledger::default();
    let _consumer = shop.consumer(&ledger);
    let refused = shop.event("a", -1);
    shop.publish_event(&refused).await;
    letters(&shop, 1).await;
    // Still refused: another letter, from where it stands now.
    shop.publish_event(&refused).await;
    let again = letters(&shop, 2).await;
    assert_eq!(again.iter().filter_map(|letter| header(letter, "dlt_offset")).collect::<Vec<_>>(), ["0", "1"]);
    ledger.tolerate();
    shop.publish_event(&refused).await;
    shop.eventually_applied("a", &[-1]).await;
}

async fn poison_of_every_kind_is_a_dead_letter_as_it_is(on: Kind) {
    let shop = Shop::open(on).await;
    let _consumer = shop.consumer(&Ledger::default());
    let poison: [Option<&[u8]>; 9] = [
        None,
        Some(b""),
        Some(b"\x00\xff\xfe\x80"),
        Some(b"{"),
        Some(b"[1, 2]"),
        Some(br#"{"data": {"n": 1}}"#),
        Some(br#"{"type": "counted"}"#),
        Some(br#"{"type": "counted", "data": {"n": "many"}}"#),
        Some(br#"{"type": "counted", "data": {"n": 99999999999}}"#),
    ];
    for value in poison {
        shop.publish(Some("a"), value, &[("odd", b"\xff")]).await;
    }
    shop.publish(None, Some(b"no key"), &[]).await;
    // As kafka-python sends it: no headers at all.
    shop.publish(Some("a"), Some(br#"{"type": "counted", "data": {"n": 1}}"#), &[]).await;
    shop.publish(Some("a"), Some(br#"{"type": "unheard_of", "data": {}}"#), &[]).await;
    shop.publish_event(&shop.event("a", 2)).await;
    shop.eventually_applied("a", &[1, 2]).await;
    let letters = letters(&shop, 10).await;
    assert_eq!(letters.len(), 10);
    let kept: Vec<_> = letters.iter().filter(|letter| letter.key() == Some(b"a")).map(Message::payload).collect();
    assert_eq!(kept, poison);
    assert!(letters.iter().all(|letter| header(letter, "dlt_error").is_some()));
    assert!(letters.iter().any(|letter| letter.key().is_none() && letter.payload() == Some(b"no key")));
}

async fn a_handler_that_panics_costs_one_event(on: Kind) {
    let shop = Shop::open(on).await;
    let _consumer = shop.consumer(&Ledger::default());
    for n in [1, -13, 2] {
        shop.publish_event(&shop.event("a", n)).await;
    }
    shop.eventually_applied("a", &[1, 2]).await;
    let letters = letters(&shop, 1).await;
    assert_eq!(header(&letters[0], "dlt_error").as_deref(), Some("the handler panicked"));
}

async fn the_largest_record_that_a_topic_takes_is_kept_whole(on: Kind) {
    let shop = Shop::open(on).await;
    let _consumer = shop.consumer(&Ledger::default());
    // Beyond the library's own limit; and so near Kafka's that there is room for nothing.
    let values = [vec![b'x'; 1_020_000], vec![b'x'; 1_048_400]];
    for value in &values {
        shop.publish(Some("a"), Some(value), &[("h", b"1")]).await;
    }
    shop.publish_event(&shop.event("a", 1)).await;
    shop.eventually_applied("a", &[1]).await;
    let letters = letters(&shop, 2).await;
    for (letter, value) in letters.iter().zip(&values) {
        assert!(letter.payload() == Some(&value[..]) && letter.key() == Some(b"a"), "as it was");
        assert_eq!((header(letter, "h").as_deref(), header(letter, "dlt_omitted")), (Some("1"), None));
    }
}

async fn a_record_too_large_for_its_dead_letters_leaves_one_without_its_value_and_the_rest_goes_on(on: Kind) {
    let shop = Shop::open(on).await;
    let _consumer = shop.consumer(&Ledger::default());
    let mut packing = shop.client();
    packing.set("compression.type", "gzip").set("message.max.bytes", "20000000");
    let packing: FutureProducer = packing.create().expect("a client");
    let bomb = vec![b'x'; 10_000_000];
    let record = FutureRecord::<str, [u8]>::to(&shop.topic).key("a").payload(&bomb);
    packing.send(record, LONG).await.expect("packed, it is small");
    shop.publish_event(&shop.event("a", 1)).await;
    shop.eventually_applied("a", &[1]).await;
    let [letter] = &letters(&shop, 1).await[..] else { panic!("one letter") };
    assert_eq!((letter.payload(), header(letter, "dlt_omitted").as_deref()), (None, Some("too large")));
    assert_eq!(header(letter, "dlt_offset").as_deref(), Some("0"), "it still stands there");
}

async fn a_long_reason_is_cut(on: Kind) {
    let shop = Shop::open(on).await;
    let _consumer = shop.consumer(&Ledger::default());
    let kind = "ä".repeat(300_000);
    let value = serde_json::json!({"type": "counted", "data": {"n": kind}}).to_string();
    shop.publish(Some("a"), Some(value.as_bytes()), &[]).await;
    let letters = letters(&shop, 1).await;
    assert_eq!(letters[0].payload(), Some(value.as_bytes()));
    assert!(header(&letters[0], "dlt_error").expect("a reason").len() <= 1024);
}
