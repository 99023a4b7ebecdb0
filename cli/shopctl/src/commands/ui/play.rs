//! Plays a checkout for a dashboard.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use rand::seq::IteratorRandom as _;
use serde_json::Value;
use shopctl_scenario::{
    Outcome, Shop, Step,
    basket::{self, Basket, ORDERS},
    checkout,
};
use shopctl_tui::{Msg, checkout as told};
use tokio::sync::mpsc;

/// Buys one of the workspace's baskets in the shop at these addresses, and tells every step.
pub(super) async fn play(workspace: &Path, addresses: BTreeMap<String, Value>, messages: &mpsc::Sender<Msg>) {
    let tell = |news| Msg::Checkout(news);
    let _ = messages.send(tell(told::News::Began)).await;
    let end = match begin(workspace, addresses) {
        Ok((shop, basket)) => {
            let (steps, mut made) = mpsc::unbounded_channel();
            let mut show = |step: &Step| drop(steps.send(step_of(step)));
            let story = checkout::simulation(&shop, basket, &mut show);
            tokio::pin!(story);
            let report = loop {
                tokio::select! {
                    biased;
                    Some(step) = made.recv() => drop(messages.send(tell(told::News::Step(step))).await),
                    report = &mut story => break report,
                }
            };
            while let Ok(step) = made.try_recv() {
                let _ = messages.send(tell(told::News::Step(step))).await;
            }
            Ok(told::Report { held: report.held, seconds: report.seconds, order: report.order_id })
        }
        Err(error) => Err(format!("{error:#}")),
    };
    let _ = messages.send(tell(told::News::Ended(end))).await;
}

fn begin(workspace: &Path, addresses: BTreeMap<String, Value>) -> anyhow::Result<(Shop, Basket)> {
    let shop: Shop = serde_json::from_value(serde_json::to_value(addresses)?)?;
    let baskets = basket::read(&workspace.join("fixtures").join(ORDERS))?;
    let basket = baskets.into_iter().choose(&mut rand::rng()).context("there are no baskets")?;
    Ok((shop, basket))
}

fn step_of(step: &Step) -> told::Step {
    let outcome = match &step.outcome {
        Outcome::Held { detail } => told::Outcome::Held { detail: detail.clone() },
        Outcome::Failed { expected, observed, .. } => {
            told::Outcome::Failed { expected: expected.clone(), observed: observed.clone() }
        }
    };
    told::Step { name: step.name.clone(), seconds: step.seconds, outcome }
}
