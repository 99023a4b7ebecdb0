//! Plays checkouts for a dashboard: the happy path, and the scenarios of the workspace or of any file.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use shopctl_runtime::Instance;
use shopctl_scenario::{
    Outcome, Report, Shop, Step,
    basket::{self, ORDERS},
    checkout,
    file::Library,
    play::{self, Stage},
    report::diff,
};
use shopctl_tui::{
    Msg,
    checkout::{self as told, News, Wish},
};
use tokio::sync::mpsc;

use crate::{commands::checkout as command, running};

/// The scenarios of an instance's workspace.
pub(super) fn stories(instance: &Instance) -> anyhow::Result<Vec<told::Story>> {
    let (plan, _) = running::plan(instance)?;
    let all = library(&plan.workspace).all()?;
    let story = |one: shopctl_scenario::file::Named| told::Story {
        about: one.scenario.description.lines().next().unwrap_or_default().to_owned(),
        name: one.name,
    };
    Ok(all.into_iter().map(story).collect())
}

fn library(workspace: &Path) -> Library {
    Library::at(&workspace.join("fixtures/scenarios"))
}

/// Plays what is wished in a shop, and tells every step.
pub(super) async fn play(instance: &Instance, wish: Wish, messages: &mpsc::Sender<Msg>) {
    let story = wish.story.clone().unwrap_or_else(|| "checkout".to_owned());
    let seed = wish.seed.unwrap_or_else(command::seed);
    let _ = messages.send(Msg::Checkout(News::Began { story, seed })).await;
    let end = told(instance, &wish, seed, messages).await.map_err(|error| format!("{error:#}"));
    let _ = messages.send(Msg::Checkout(News::Ended(end))).await;
}

async fn told(
    instance: &Instance,
    wish: &Wish,
    seed: u64,
    messages: &mpsc::Sender<Msg>,
) -> anyhow::Result<told::Report> {
    let (plan, _) = running::plan(instance)?;
    let addresses = serde_json::to_value(super::session::addresses(instance).await?)?;
    let mut shop: Shop =
        serde_json::from_value(addresses).context("the instance lacks an address that a checkout needs")?;
    shop.control = instance.running().ok().flatten().map(|running| running.socket);
    let baskets = basket::read(&plan.workspace.join("fixtures").join(ORDERS))?;
    let named = wish.story.as_ref().map(|name| library(&plan.workspace).get(name)).transpose()?;
    let file = named.as_ref().map(|named| named.path.strip_prefix(&plan.workspace).unwrap_or(&named.path).to_owned());
    let (steps, mut made) = mpsc::unbounded_channel();
    let show = |step: &Step| drop(steps.send(step_of(step, file.as_deref())));
    let story = async {
        Ok::<Report, anyhow::Error>(match &named {
            None => checkout::simulation(&shop, command::draw(baskets, seed), &mut |step| show(step)).await,
            Some(named) => {
                let stage = Stage::open(shop.clone(), baskets).await;
                let stage =
                    stage.map_err(|failure| anyhow!("expected {}, observed {}", failure.expected, failure.observed))?;
                play::play(&stage, named, seed, &show).await
            }
        })
    };
    tokio::pin!(story);
    let report = loop {
        tokio::select! {
            biased;
            Some(step) = made.recv() => drop(messages.send(Msg::Checkout(News::Step(step))).await),
            report = &mut story => break report?,
        }
    };
    while let Ok(step) = made.try_recv() {
        let _ = messages.send(Msg::Checkout(News::Step(step))).await;
    }
    let moments = report.timelines.iter().flat_map(|timeline| {
        timeline.moments.iter().map(|moment| told::Moment {
            order: timeline.order_id,
            seconds: moment.seconds,
            source: moment.source.clone(),
            what: moment.what.clone(),
        })
    });
    let run = wish.story.as_ref().map(|story| format!(" run {story}")).unwrap_or_default();
    Ok(told::Report {
        held: report.held,
        seconds: report.seconds,
        order: report.order_id,
        moments: moments.collect(),
        again: format!("shopctl checkout{run} --seed {seed} --instance {}", instance.name),
    })
}

fn step_of(step: &Step, file: Option<&Path>) -> told::Step {
    let outcome = match &step.outcome {
        Outcome::Held { detail } => told::Outcome::Held { detail: detail.clone() },
        Outcome::Failed { expected, observed, history } => {
            let is_long = expected.contains('\n') || observed.contains('\n');
            told::Outcome::Failed {
                expected: expected.clone(),
                observed: observed.clone(),
                difference: if is_long { diff(expected, observed) } else { Vec::new() },
                seen: history.iter().map(|sight| (sight.seconds, sight.seen.clone())).collect(),
                place: file.zip(step.line).map(|(file, line)| format!("{}:{line}", file.display())),
            }
        }
    };
    told::Step { name: step.name.clone(), seconds: step.seconds, outcome }
}
