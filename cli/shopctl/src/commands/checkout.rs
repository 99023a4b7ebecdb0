//! `shopctl checkout`: buys a basket and proves the outcome.

use anyhow::Context as _;
use owo_colors::OwoColorize as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use shopctl_scenario::{
    Outcome, Report, Shop, Step,
    basket::{self, Basket, ORDERS},
    checkout,
};

use crate::{
    args::{
        Global,
        checkout::{Checkout, Story},
    },
    client,
    exit::{Exit, Failure},
    lines::harmless,
    printer, running,
};

pub(crate) async fn run(global: &Global, args: &Checkout) -> anyhow::Result<Exit> {
    match &args.story {
        None | Some(Story::Simulation) => simulation(global, args.seed).await,
        Some(Story::Load(load)) => super::load::run(global, load, args.seed).await,
    }
}

async fn simulation(global: &Global, seed: Option<u64>) -> anyhow::Result<Exit> {
    let addresses = serde_json::to_value(client::addresses(global).await?)?;
    let shop: Shop =
        serde_json::from_value(addresses).context("the instance lacks an address that a checkout needs")?;
    let workspace = running::workspace(global)?;
    let baskets = basket::read(&workspace.root.join("fixtures").join(ORDERS))?;
    let seed = seed.unwrap_or_else(rand::random);
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
    let failed: Vec<&str> =
        report.steps.iter().filter(|step| is_failure(step)).map(|step| step.name.as_str()).collect();
    Err(Failure::new(Exit::Scenario, format!("checkout failed at: {}", failed.join(", ")))
        .hint(format!(
            "`shopctl status --instance {name}` and `shopctl logs --instance {name}` tell more; \
             `shopctl checkout --instance {name} --seed {seed}` buys the same again"
        ))
        .into())
}

/// One of the baskets, the same for the same seed.
fn draw(mut baskets: Vec<Basket>, seed: u64) -> Basket {
    let place = StdRng::seed_from_u64(seed).random_range(0..baskets.len());
    baskets.swap_remove(place)
}

fn is_failure(step: &Step) -> bool {
    match step.outcome {
        Outcome::Held { .. } => false,
        Outcome::Failed { .. } => true,
    }
}

fn line(step: &Step) -> String {
    let took = format!("{:>8}", took(step.seconds));
    match &step.outcome {
        // What services say may quote a product's name.
        Outcome::Held { detail } => {
            format!("{} {} {:<34} {}", "✓".green(), took.dimmed(), step.name, harmless(detail).dimmed())
        }
        Outcome::Failed { expected, observed } => format!(
            "{} {} {}\n             expected {}\n             observed {}",
            "✗".red(),
            took.dimmed(),
            step.name.bold(),
            harmless(expected),
            harmless(observed).red()
        ),
    }
}

fn verdict(report: &Report) -> String {
    let order = report.order_id.map(|id| format!("order {id} is ")).unwrap_or_default();
    format!("{order}PAID, and all that follows from it is so ({})", took(report.seconds))
}

fn took(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
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

    #[test]
    fn what_a_service_says_moves_no_cursor_and_forges_no_line() {
        let evil = "mug\u{1b}[2J\n✓ all is well\u{202e}";
        let failed = Outcome::Failed { expected: evil.into(), observed: evil.into() };
        for (outcome, lines) in [(Outcome::Held { detail: evil.into() }, 1), (failed, 3)] {
            let text = line(&Step { name: "look".into(), seconds: 0.1, outcome });
            assert_eq!(text.lines().count(), lines, "{text:?}");
            assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{202e}'), "{text:?}");
        }
    }

    #[test]
    fn a_failed_step_says_what_was_expected_and_what_was_observed() {
        let outcome = Outcome::Failed { expected: "PAID".into(), observed: "PENDING".into() };
        let text = line(&Step { name: "wait for PAID".into(), seconds: 1.5, outcome });
        assert!(text.contains("expected PAID") && text.contains("PENDING") && text.contains("1.50 s"), "{text}");
    }
}
