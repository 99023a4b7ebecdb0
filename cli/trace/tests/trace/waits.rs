use shopctl_trace::{Delivery, Event, Facts, For, Parts, Reading, Resource, Story, Unpublished};

use super::sample::{at, event, order, reading, resource, taken, telling, transaction, webhook, whole};

/// What an order waits for, a minute after its payment.
fn waits(facts: Facts, events: Vec<Event>, readings: Vec<Reading>, resources: Vec<Resource>) -> Vec<(For, String)> {
    let now = at(60_010.0);
    let story = Story::new(Parts { now, order: Some(42), facts, events, readings, resources, ..Parts::default() });
    story.waits.iter().map(|wait| (wait.r#for, wait.sentence(now))).collect()
}

fn pending() -> Facts {
    Facts { order: Some(order("PENDING", 1)), ..Facts::default() }
}

fn sentences(facts: Facts) -> Vec<(For, String)> {
    waits(facts, vec![], vec![], vec![])
}

fn one(r#for: For, sentence: &str) -> Vec<(For, String)> {
    vec![(r#for, sentence.to_owned())]
}

#[test]
fn an_order_that_everyone_knows_waits_for_nothing() {
    assert_eq!(Story::new(whole()).waits, []);
}

#[test]
fn what_payment_could_not_tell_order_says_why_and_when_it_tries_again() {
    let error = Some("order's service can't be reached: tcp connect error");
    let facts = Facts {
        transactions: vec![transaction("SUCCESS", false)],
        webhooks: vec![webhook()],
        tellings: vec![telling(7, error)],
        ..pending()
    };
    let expected = "payment: webhook received, order not told: order is unreachable, attempt 7, next in 8 s";
    assert_eq!(sentences(facts.clone()), one(For::Shop, expected));
    let stopped = waits(facts.clone(), vec![], vec![], vec![resource("order", "stopped")]);
    assert!(stopped[0].1.contains("order is unreachable (stopped), attempt 7"), "{stopped:?}");
    let dead = waits(facts.clone(), vec![], vec![], vec![resource("payment", "stopped")]);
    assert!(dead[0].1.contains("not told: payment is stopped"), "{dead:?}");
    let other = Facts { tellings: vec![telling(1, Some("order 42 is unknown to order's service"))], ..facts };
    assert!(sentences(other)[0].1.contains("not told: order 42 is unknown"));
}

#[test]
fn a_webhook_that_does_not_arrive_says_what_it_was_answered() {
    let delivery = |answer: &str| Delivery {
        transaction: "transaction 3f9a1c…".to_owned(),
        outcome: "SUCCESS".to_owned(),
        attempts: 3,
        due: Some(at(61_000.0)),
        answer: Some(answer.to_owned()),
        created: at(60_000.0),
        traceparent: None,
    };
    let facts = |answer| Facts {
        transactions: vec![transaction("PENDING", false)],
        deliveries: vec![delivery(answer)],
        ..pending()
    };
    let expected =
        "payment: decided on its page, webhook not delivered: it was answered 503, attempt 3, next in 990 ms";
    assert_eq!(sentences(facts("503")), one(For::Shop, expected));
    assert!(sentences(facts("connection refused"))[0].1.contains(": connection refused, attempt 3"));
}

#[test]
fn what_is_a_customers_turn_is_said_to_be() {
    assert_eq!(sentences(pending()), one(For::Person, "payment: nobody has opened a checkout session"));
    let open = Facts { transactions: vec![transaction("PENDING", false)], ..pending() };
    assert_eq!(
        sentences(open),
        one(For::Person, "payment: the payment page of transaction 3f9a1c… is open, nobody has decided")
    );
    let failed = Facts { order: Some(order("PAYMENT_FAILED", 2)), ..Facts::default() };
    assert_eq!(sentences(failed), one(For::Person, "payment: it failed, nobody has tried again"));
}

#[test]
fn an_event_that_is_not_published_waits_for_order_or_for_kafka() {
    let unpublished = vec![Unpublished { id: "id-2".into(), kind: "order_paid".into(), occurred: at(60_000.0) }];
    let facts = Facts { order: Some(order("PAID", 2)), unpublished, ..Facts::default() };
    assert_eq!(sentences(facts.clone()), one(For::Shop, "order: order_paid committed, not published"));
    let told = waits(facts, vec![], vec![], vec![resource("kafka", "backing-off")]);
    assert_eq!(told, one(For::Shop, "order: order_paid committed, not published: kafka is backing-off"));
}

#[test]
fn a_group_that_is_behind_is_named_with_the_event_and_the_reason() {
    let facts = || Facts { order: Some(order("PAID", 2)), taken: vec![taken(1, 51.0)], ..Facts::default() };
    let events = || vec![event(1, "order_created", "PENDING", 34.0), event(2, "order_paid", "PAID", 60_000.0)];
    let told = |readings: Vec<Reading>, resources: Vec<Resource>| waits(facts(), events(), readings, resources);
    let here = "recommender: order_paid published (order_events 1:18), not taken in";
    assert_eq!(told(vec![reading("recommender", 1, 18)], vec![]), one(For::Shop, here));
    let stopped = told(vec![reading("recommender", 0, 17)], vec![resource("recommender", "stopped")]);
    assert_eq!(stopped, one(For::Shop, &format!("{here}: recommender is stopped")));
    let busy = told(vec![reading("recommender", 1, 3)], vec![]);
    assert_eq!(busy, one(For::Shop, &format!("{here}: 15 records stand before it")));
    assert_eq!(told(vec![reading("recommender", 1, 19)], vec![]), []);
    // Somebody looked on once, and is gone.
    assert_eq!(told(vec![reading("console-1", 0, 3)], vec![]), []);
}

#[test]
fn an_effect_that_is_there_counts_before_its_offset_is_committed() {
    let facts =
        Facts { order: Some(order("PAID", 2)), taken: vec![taken(1, 51.0), taken(2, 60_001.0)], ..Facts::default() };
    let events = vec![event(1, "order_created", "PENDING", 34.0), event(2, "order_paid", "PAID", 60_000.0)];
    assert_eq!(waits(facts, events, vec![reading("recommender", 1, 17)], vec![]), []);
}

#[test]
fn what_was_refused_waits_for_a_hand_until_it_is_redriven() {
    let mut letter = event(1, "order_created", "PENDING", 34.0);
    letter.topic = "order_events.dlt".to_owned();
    (letter.refused_by, letter.refused_why) =
        (Some("recommender".to_owned()), Some("version -1 is negative".to_owned()));
    let facts = |taken| Facts { order: Some(order("PAID", 1)), taken, ..Facts::default() };
    let expected = "recommender: order_created refused, now order_events.dlt 1:17 (`shopctl events redrive \
                    order_events.dlt --offset 1:17`): version -1 is negative";
    assert_eq!(waits(facts(vec![]), vec![letter.clone()], vec![], vec![]), one(For::Hand, expected));
    assert_eq!(waits(facts(vec![taken(1, 99.0)]), vec![letter], vec![], vec![]), []);
}

#[test]
fn money_that_was_taken_for_an_order_that_does_not_say_so_needs_a_hand() {
    let facts = Facts { transactions: vec![transaction("SUCCESS", true)], ..pending() };
    let told = sentences(facts);
    assert!(told.iter().any(|(whose, text)| *whose == For::Hand && text.contains("SUCCESS and settled")), "{told:?}");
}
