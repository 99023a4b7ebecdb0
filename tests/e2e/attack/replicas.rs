//! Two processes of the same service on one database.

use super::{
    client::{Client, insist},
    ledger,
    load::{Load, agrees},
    part::Part,
    site,
};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_each_service_do_what_one_does() {
    let mut site = site::exclusive().await;
    let site = site.as_mut().expect("it was booted");
    let client = Client::of(site).await;
    let (order, payment) = (site.double(Part::Order).await, site.double(Part::Payment).await);
    let recommender = site.double(Part::Recommender).await;
    let other = client.at(order.place, payment.place);
    // Crosswise too: who orders at one pays at the other.
    let mixed = client.at(order.place, site.place(Part::Payment));

    for _ in 0..10 {
        let key = Uuid::new_v4().to_string();
        let order = async |client: &Client| insist("an order", async || client.order(&key).await).await;
        let (one, same) = tokio::join!(order(&client), order(&other));
        let (one, same) = (one.expect("an order"), same.expect("an order"));
        assert_eq!(one, same, "one key, one order");
        let session = async |client: &Client| insist("a session", async || client.check_out(one).await).await;
        let (page, same) = tokio::join!(session(&client), session(&other));
        let transaction = |page: &str| page.rsplit('/').next().map(str::to_owned);
        assert_eq!(transaction(&page.expect("a session")), transaction(&same.expect("a session")), "one session");
        let cancel = async |client: &Client| insist("a cancellation", async || client.cancel(one).await).await;
        let (one, same) = tokio::join!(cancel(&client), cancel(&other));
        assert!(one.is_ok() && same.is_ok(), "the same status again is fine: {one:?} {same:?}");
    }

    let load = Load::of([client.clone(), client.clone(), other.clone(), other, mixed.clone(), mixed]);
    load.goes_on(60).await;
    let before = load.end().await;
    // One of them leaves in the middle, first in order, then at once.
    let load = Load::of(std::iter::repeat_n(client.clone(), 4));
    load.goes_on(10).await;
    tokio::join!(order.terminate(), payment.terminate());
    load.goes_on(10).await;
    drop(recommender);
    load.goes_on(10).await;
    let mut bought = load.end().await;
    bought.extend(before);
    let again = insist("an order", async || client.order(&Uuid::new_v4().to_string()).await).await;
    again.expect("an order");
    agrees(&bought, &ledger::holds(site).await);
}
