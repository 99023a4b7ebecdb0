//! `shopctl seed`: loads the catalog.

use shopctl_runtime::process;

use crate::{
    args::{Global, Seed},
    client,
    exit::Exit,
    printer, running,
    seeding::{self, Outcome, Seller, Shop},
};

/// The task of this name does the same at a boot; its variables are ours.
const TASK: &str = "seed";

pub(crate) async fn run(global: &Global, args: &Seed) -> anyhow::Result<Exit> {
    let workspace = running::workspace(global)?;
    let shop = if std::env::var_os(process::RESOURCE).is_some() {
        Shop::from_lookup(|name| std::env::var(name).ok())?
    } else {
        let environment = client::environment(global, TASK).await?;
        Shop::from_lookup(|name| environment.get(name).cloned())?
    };
    let fixtures = workspace.root.join("fixtures");
    let mut outcome = Outcome::default();
    if !args.if_empty || seeding::is_empty(&shop.product).await? {
        let seller = Seller::arrive(&shop).await?;
        outcome = seeding::catalog(&shop, &fixtures, &seller).await?;
        if args.history {
            outcome.baskets = seeding::history(&shop, &fixtures, &seller).await?;
        }
    }
    if global.json {
        printer::data(serde_json::to_string(&outcome)?);
    } else if !global.quiet {
        printer::note(summary(&outcome, args));
    }
    Ok(Exit::Success)
}

fn summary(outcome: &Outcome, args: &Seed) -> String {
    let catalog = match (outcome.products, outcome.present) {
        (0, 0) => "the shop has products: nothing to do".to_owned(),
        (0, present) => format!("all {present} products were there"),
        (created, 0) => format!("{created} products created"),
        (created, present) => format!("{created} products created, {present} were there"),
    };
    match (args.history, outcome.baskets) {
        (false, _) => catalog,
        (true, 0) => format!("{catalog}, so was the history"),
        (true, imported) => format!("{catalog}, {imported} past orders imported"),
    }
}
