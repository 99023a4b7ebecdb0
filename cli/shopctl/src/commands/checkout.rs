//! `shopctl checkout`: buys a basket and proves the outcome, or plays scenarios from files.

mod list;
mod need;
mod play;
pub(super) mod show;

use anyhow::Context as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use shopctl_runtime::Instance;
use shopctl_scenario::{
    Shop, Step,
    basket::{self, Basket, ORDERS},
    checkout,
    file::{Library, Missing, Named},
};

use crate::{
    args::{
        Global,
        checkout::{Checkout, Story},
    },
    client,
    exit::{Exit, Failure},
    printer, running,
};
use show::{line, verdict};

pub(crate) async fn run(global: &Global, args: &Checkout) -> anyhow::Result<Exit> {
    let seed = args.seed.unwrap_or_else(seed);
    match &args.story {
        None | Some(Story::Simulation) => simulation(global, seed).await,
        Some(Story::Run(run)) => play::run(global, run, seed).await,
        Some(Story::List) => list::run(global),
        Some(Story::Load(load)) => super::load::run(global, load, args.seed).await,
        Some(Story::Crash(crash)) => super::crash::run(global, crash, seed).await,
    }
}

/// One that can be typed again without a slip.
pub(super) fn seed() -> u64 {
    rand::rng().random_range(0..1_000_000)
}

async fn simulation(global: &Global, seed: u64) -> anyhow::Result<Exit> {
    let shop = shop(global).await?;
    let baskets = baskets(global)?;
    let quiet = global.json || global.quiet;
    let mut show = |step: &Step| {
        if !quiet {
            printer::data(line(step));
        }
    };
    let report = checkout::simulation(&shop, draw(baskets, seed), &mut show).await;
    if global.json {
        printer::data(serde_json::to_string_pretty(&report)?);
    } else if report.held && !global.quiet {
        printer::data(verdict(&report));
    }
    if report.held {
        return Ok(Exit::Success);
    }
    let name = &global.instance;
    let failed: Vec<&str> = report.steps.iter().filter(|step| !step.held()).map(|step| step.name.as_str()).collect();
    Err(Failure::new(Exit::Scenario, format!("checkout failed at: {}", failed.join(", ")))
        .hint(format!(
            "`shopctl status --instance {name}` and `shopctl logs --instance {name}` tell more; \
             `shopctl checkout --instance {name} --seed {seed}` buys the same again"
        ))
        .into())
}

/// The running shop that is meant.
pub(super) async fn shop(global: &Global) -> anyhow::Result<Shop> {
    let addresses = serde_json::to_value(client::addresses(global).await?)?;
    let mut shop: Shop =
        serde_json::from_value(addresses).context("the instance lacks an address that a checkout needs")?;
    shop.control = socket(&running::instance(global)?);
    Ok(shop)
}

fn socket(instance: &Instance) -> Option<std::path::PathBuf> {
    instance.running().ok().flatten().map(|running| running.socket)
}

/// The real baskets of the workspace.
pub(super) fn baskets(global: &Global) -> anyhow::Result<Vec<Basket>> {
    Ok(basket::read(&running::workspace(global)?.root.join("fixtures").join(ORDERS))?)
}

/// Scenarios by their names or files; without any, all of the workspace.
pub(super) fn scenarios(global: &Global, names: &[String]) -> anyhow::Result<Vec<Named>> {
    let root = running::workspace(global)?.root;
    let library = Library::at(&root.join("fixtures/scenarios"));
    let found = match names {
        [] => library.all(),
        names => names.iter().map(|name| library.get(name)).collect(),
    };
    // As one reads it in the workspace, and as GitHub wants it.
    let from_root =
        |named: Named| Named { path: named.path.strip_prefix(&root).unwrap_or(&named.path).to_owned(), ..named };
    found.map(|all: Vec<Named>| all.into_iter().map(from_root).collect()).map_err(|missing| {
        let hint = match &missing {
            Missing::Unknown { .. } => "`shopctl checkout list` lists what there is",
            Missing::Wrong(_) => "fixtures/scenarios/schema.json tells an editor what can stand where",
            Missing::Folder { .. } => "a path of a file will do, too",
        };
        Failure::new(Exit::Usage, missing.to_string()).hint(hint).into()
    })
}

/// One of the baskets, the same for the same seed.
pub(super) fn draw(mut baskets: Vec<Basket>, seed: u64) -> Basket {
    let place = StdRng::seed_from_u64(seed).random_range(0..baskets.len());
    baskets.swap_remove(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baskets() -> Vec<Basket> {
        let basket = |n: u32| Basket {
            invoice: n.to_string(),
            ordered_at: String::new(),
            customer: String::new(),
            lines: Vec::new(),
        };
        (0..100).map(basket).collect()
    }

    #[test]
    fn a_seed_always_draws_the_same_basket() {
        assert_eq!(draw(baskets(), 7), draw(baskets(), 7));
        let drawn: std::collections::HashSet<String> = (0..20).map(|seed| draw(baskets(), seed).invoice).collect();
        assert!(drawn.len() > 10, "{drawn:?}");
    }
}
