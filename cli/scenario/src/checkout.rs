//! The happy path: a shopper buys a real basket, pays, and what should follow from it did.

mod proof;
mod shopper;

use std::time::Duration;

use shopctl_kafka::{Tail, tail::Start, topics::ORDER_EVENTS};

use crate::{
    Shop,
    basket::Basket,
    live::Live,
    report::{Expect as _, Failure, Recorder, Report, Step, Stopped, same},
};
use shopper::{Order, Shopper};

/// For a step that waits for nobody.
const STEP: Duration = Duration::from_secs(30);
/// From the payment to the order that knows it: a webhook, a call and an event.
const SETTLED: Duration = Duration::from_secs(30);

/// What is certain once the order stands.
struct Bought {
    shopper: Shopper,
    order: Order,
    events: Tail,
}

/// Plays the story with `basket`; `show` is told each step as it ends. Never an error: what goes wrong is in the report.
pub async fn simulation(shop: &Shop, basket: Basket, show: &mut dyn FnMut(&Step)) -> Report {
    let mut recorder = Recorder::new("simulation", show);
    let mut order_id = None;
    // A step that others build on ends the story when it fails; the report has it.
    let _: Result<(), Stopped> = async {
        let mut bought = buy(shop, basket, &mut recorder).await?;
        order_id = Some(bought.order.id);
        pay(shop, &bought, &mut recorder).await?;
        // Each tells of another service, also where one before it failed.
        let transaction = proof::transaction(shop, &bought, &mut recorder).await;
        let total = proof::total(&bought, &mut recorder).await;
        let ids = proof::events(&mut bought, &mut recorder).await?;
        proof::recommendations(shop, &bought, &ids, &mut recorder).await?;
        transaction.and(total)
    }
    .await;
    recorder.report(order_id)
}

async fn buy(shop: &Shop, basket: Basket, recorder: &mut Recorder<'_>) -> Result<Bought, Stopped> {
    let arrive = async {
        // The shop is on this machine, where a proxy has no business.
        let client = reqwest::Client::builder().no_proxy().build().expect_that("a client for HTTP")?;
        Shopper::arrive(shop, client).await
    };
    let shopper = recorder.step("register and log in", STEP, arrive).await?;
    let cart = recorder.step("fill the cart", STEP, shopper.fill_cart(shop, &basket)).await?;
    // Before there is anything to read, so that nothing can be missed.
    let events = recorder.step("listen to the events", STEP, listen(shop)).await?;
    let order = recorder.step("order", STEP, shopper.order(cart)).await?;
    recorder.step("order again with the same key", STEP, shopper.order_again(&order)).await?;
    Ok(Bought { shopper, order, events })
}

async fn listen(shop: &Shop) -> Result<(Tail, String), Failure> {
    let tail = Tail::open(&shop.kafka, &[ORDER_EVENTS], Start::Latest).await.expect_that("the events can be read")?;
    Ok((tail, ORDER_EVENTS.to_owned()))
}

async fn pay(shop: &Shop, bought: &Bought, recorder: &mut Recorder<'_>) -> Result<(), Stopped> {
    let Bought { shopper, order, .. } = bought;
    let url = recorder.step("check out", STEP, shopper.check_out(order)).await?;
    let pay = recorder.step("open the payment page", STEP, shopper.open_page(&url, order)).await?;
    let subscribe =
        async { Ok((Live::open(&shop.gateway, &shopper.token, order.id).await?, "graphql-transport-ws".to_owned())) };
    let mut live = recorder.step("subscribe to the order's status", STEP, subscribe).await?;
    recorder.step("pay", STEP, shopper.press_pay(pay)).await?;
    recorder.step("wait for PAID", SETTLED, paid(&mut live)).await
}

async fn paid(live: &mut Live) -> Result<((), String), Failure> {
    let mut seen = Vec::new();
    loop {
        let status = live.next().await?;
        seen.push(status.clone());
        match status.as_str() {
            "PAID" => return Ok(((), seen.join(" -> "))),
            "PENDING" => {}
            _ => return same("a status of", &"PAID".to_owned(), &status).map(|()| ((), String::new())),
        }
    }
}
