//! Orders that are cancelled and paid at the same moment, while what they are made of changes its price.

use futures::{StreamExt as _, stream};
use tokio::sync::Notify;
use tonic::Code;
use uuid::Uuid;

use super::{
    client::{Client, insist},
    ledger,
    part::Database,
    site,
};

const RACES: usize = 200;
/// Races under way at a time.
const AT_ONCE: usize = 16;

/// SUCCESS if and only if PAID, REFUNDED if and only if the money was taken and the order is CANCELLED, and what was
/// charged is the order's total: all of that is in the ledger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_orders_that_are_cancelled_while_they_are_paid_are_paid_once_or_given_back() {
    let mut site = site::exclusive().await;
    let site = site.as_mut().expect("it was booted");
    let client = Client::of(site).await;
    let races = stream::iter(0..RACES).map(|n| race(&client, n)).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
    let prices = async {
        for cents in 1001..1021 {
            client.reprice(cents).await;
        }
    };
    let (ends, ()) = tokio::join!(races, prices);

    let statuses = ledger::holds(site).await;
    for (order, end) in &ends {
        assert_eq!(statuses[order], *end, "order {order}: what its owner was told is what it is");
    }
    let paid = ends.iter().filter(|(_, end)| *end == "PAID").count();
    let refunds = ledger::count(site, Database::Payment, "SELECT count(*) FROM refunds").await;
    eprintln!("of {RACES} orders {paid} were paid, the rest cancelled; {refunds} payments were given back so far");
    let sums = "SELECT count(*) FROM orders WHERE total_cents <> \
                (SELECT sum(quantity * price_cents) FROM order_lines WHERE order_id = id)";
    assert_eq!(ledger::count(site, Database::Order, sums).await, 0, "a total is the sum of its lines");
}

/// One order, and what it must have become by what its owner was told.
async fn race(client: &Client, n: usize) -> (i64, &'static str) {
    let key = Uuid::new_v4().to_string();
    let order = insist("an order", async || client.order(&key).await).await.expect("it can be ordered");
    let page = insist("a session", async || client.check_out(order).await).await.expect("it can be paid");
    let pressed = Notify::new();
    let pay = async {
        // Every fourth time after a try that failed, which leaves room for a second session.
        if n.is_multiple_of(4) {
            client.settle(&page, "FAILED").await;
        }
        client.settle(&page, "SUCCESS").await;
        pressed.notify_one();
    };
    let again = async {
        // Refused once the order is paid or cancelled, or the money taken while order does not know it yet.
        for _ in 0..3 {
            if let Ok(page) = client.check_out(order).await {
                client.settle(&page, "SUCCESS").await;
            }
        }
    };
    let cancel = async {
        // Every other time once the money is taken; then order may not know it yet.
        if n % 2 == 1 {
            pressed.notified().await;
        }
        // Sooner or later: what paying takes has several steps, and each is to be met.
        for _ in 0..n % 12 {
            client.read_product().await.expect("product answers");
        }
        insist("a cancellation", async || client.cancel(order).await).await
    };
    let (cancelled, (), ()) = tokio::join!(cancel, pay, again);
    let end = match cancelled.map_err(|status| status.code()) {
        Ok(()) => "CANCELLED",
        Err(Code::FailedPrecondition) => "PAID",
        Err(other) => panic!("order {order}: {other:?}"),
    };
    (i64::try_from(order).expect("an id"), end)
}
