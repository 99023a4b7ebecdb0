use bus::{Feed, Tail};
use testkit::brokers::Kind;
use testkit::cases;
use testkit::trials::Case;

use crate::setup::{LONG, Running, Shop};

pub(crate) const CASES: &[Case<Kind>] = cases![
    every_listener_sees_what_comes_after_it_and_nothing_before,
    a_tail_tells_that_it_is_not_connected_and_goes_on_where_it_was,
    a_tail_starts_without_a_broker,
];

fn start(shop: &Shop) -> (Running, Feed) {
    let (tail, feed) = Tail::new(&shop.settings(), &[&shop.topic]).expect("a client");
    (Running::start(|shutdown| tail.run(shutdown)), feed)
}

async fn until(feed: &Feed, connected: bool) {
    let mut state = feed.connected();
    let change = state.wait_for(|now| *now == connected);
    tokio::time::timeout(LONG, change).await.expect("in time").expect("the tail runs");
}

async fn every_listener_sees_what_comes_after_it_and_nothing_before(on: Kind) {
    let shop = Shop::open(on).await;
    shop.publish_event(&shop.event("a", 1)).await;
    let (_tail, feed) = start(&shop);
    until(&feed, true).await;
    let (mut one, mut two) = (feed.subscribe(), feed.subscribe());
    shop.publish(Some("a"), Some(b"no event"), &[]).await;
    let new = shop.event("a", 2);
    shop.publish_event(&new).await;
    for listener in [&mut one, &mut two] {
        let received = tokio::time::timeout(LONG, listener.recv()).await.expect("in time").expect("an event");
        assert_eq!((received.id, received.kind.as_str()), (new.id, "counted"));
    }
    let committed = shop.committed().await;
    assert_eq!(committed, [-1, -1, -1], "a tail leaves no trace");
}

async fn a_tail_tells_that_it_is_not_connected_and_goes_on_where_it_was(on: Kind) {
    let mut shop = Shop::alone(on).await;
    let (_tail, feed) = start(&shop);
    until(&feed, true).await;
    let mut listener = feed.subscribe();
    for n in 0..2 {
        shop.broker.stop().await;
        until(&feed, false).await;
        shop.broker.restart().await;
        // Before the tail is back.
        let new = shop.event("a", n);
        shop.publish_event(&new).await;
        let received = tokio::time::timeout(LONG, listener.recv()).await.expect("in time").expect("an event");
        assert_eq!(received.id, new.id);
        until(&feed, true).await;
    }
}

async fn a_tail_starts_without_a_broker(on: Kind) {
    let mut shop = Shop::alone(on).await;
    shop.broker.stop().await;
    let (tail, feed) = start(&shop);
    assert!(!*feed.connected().borrow());
    shop.broker.restart().await;
    until(&feed, true).await;
    tokio::time::timeout(LONG, tail.end()).await.expect("bounded");
    until(&feed, false).await;
}
