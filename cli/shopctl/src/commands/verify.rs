//! `shopctl verify`: whether all that the shop's databases and topics say fits together.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::Context as _;
use owo_colors::OwoColorize as _;
use shopctl_scenario::invariants::{
    self, Addresses, Checked, Claim, Expected, Letters, Options, Pending, Phase, Report,
};

use crate::{
    args::{Global, verify::Verify},
    client,
    exit::{Exit, Failure},
    lines::harmless,
    printer,
    progress::Meter,
};

/// Of one claim so many violations are shown; `--json` has more.
const SHOWN: usize = 10;

pub(crate) async fn run(global: &Global, args: &Verify) -> anyhow::Result<Exit> {
    let addresses = serde_json::to_value(client::addresses(global).await?)?;
    let addresses: Addresses =
        serde_json::from_value(addresses).context("the instance lacks an address that a check needs")?;
    let options =
        Options { wait: args.wait, expected: Expected { letters: letters(&args.letters), ..Expected::default() } };
    let meter = Meter::new("steps");
    let report = invariants::check(&addresses, &options, &mut |phase| meter.set(0, None, &told(phase))).await?;
    drop(meter);
    if global.json {
        printer::data(serde_json::to_string_pretty(&report)?);
    } else if !global.quiet {
        printer::data(shown(&report, &global.instance));
    }
    match violated(&report) {
        None => Ok(Exit::Success),
        Some(violated) => Err(violated.into()),
    }
}

/// The failure of a command whose shop violates invariants.
pub(super) fn violated(report: &Report) -> Option<Failure> {
    let count: usize = report.counts.values().sum();
    let claims: Vec<&str> = report.counts.keys().map(|claim| claim.name()).collect();
    let things = if count == 1 { "thing does" } else { "things do" };
    let message = format!("{count} {things} not hold: {}", claims.join(", "));
    let hint = "each violation above says what to look at; `shopctl verify --json` has all that is known of them";
    (!report.held).then(|| Failure::new(Exit::Invariant, message).hint(hint))
}

fn letters(keys: &[String]) -> Letters {
    match keys {
        [] => Letters::None,
        keys if keys.iter().any(|key| key == "*") => Letters::All,
        keys => Letters::Of(keys.iter().cloned().collect()),
    }
}

pub(super) fn told(phase: Phase) -> String {
    match phase {
        Phase::Waiting(pending) => format!("waiting until nothing is under way: {}", under_way(pending)),
        Phase::Reading => "reading the databases and the topics".to_owned(),
        Phase::Lasting => "it is never quiet: looking whether what differs lasts".to_owned(),
    }
}

fn under_way(pending: Pending) -> String {
    let Pending { outbox, lag, payment } = pending;
    let parts = [(outbox, "in the outbox"), (lag, "not consumed"), (payment, "owed by payment")];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    parts.join(", ")
}

/// What was checked, what does not hold, and a verdict.
pub(super) fn shown(report: &Report, instance: &str) -> String {
    let mut text = format!("checked {}\n", counts(&report.checked));
    let mut of_claim: BTreeMap<Claim, usize> = BTreeMap::new();
    for violation in &report.violations {
        let shown = of_claim.entry(violation.claim).or_default();
        *shown += 1;
        if *shown > SHOWN {
            continue;
        }
        // What stands in the databases may be anybody's words.
        let objects: Vec<String> =
            violation.objects.iter().map(|object| harmless(&object.to_string()).into_owned()).collect();
        let _ = writeln!(text, "\n{} {}: {}", "✗".red(), violation.claim.words().bold(), objects.join(", "));
        let _ = writeln!(text, "  expected {}", harmless(&violation.expected));
        let _ = writeln!(text, "  found    {}", harmless(&violation.found).red());
        let next = printer::typeable(&of_instance(&violation.next, instance));
        let _ = writeln!(text, "  {} {}", "next:".cyan(), harmless(&next));
    }
    for (claim, count) in &report.counts {
        if let Some(more) = count.checked_sub(SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(text, "\n{} {more} more of: {}", "✗".red(), claim.words());
        }
    }
    if let Some(pending) = report.pending {
        let _ = writeln!(
            text,
            "\nthe shop was not quiet after {:.0} s ({}): only what lasted 5 s counts",
            report.waited,
            under_way(pending)
        );
    }
    if report.held {
        let _ = write!(text, "{} all {} invariants hold ({:.1} s)", "✓".green(), report.checked.claims, report.seconds);
    }
    text.trim_end().to_owned()
}

fn counts(checked: &Checked) -> String {
    let Checked { claims, orders, lines, transactions, products, replicas, interactions, .. } = checked;
    let Checked { records, order_events, product_events, dead_letters, imported, .. } = checked;
    format!(
        "{claims} invariants over {orders} orders with {lines} lines, {transactions} transactions, {products} products \
         with {replicas} replicas, {interactions} orders learned from ({imported} imported baskets apart), {order_events} \
         order and {product_events} product events in {records} records, {dead_letters} dead letters"
    )
}

/// Commands that are meant for another instance than the default one name it.
fn of_instance(next: &str, instance: &str) -> String {
    match instance {
        "default" => next.to_owned(),
        name => next.replace("`shopctl ", &format!("`shopctl --instance {name} ")),
    }
}

#[cfg(test)]
mod tests {
    use shopctl_scenario::invariants::{Object, Violation};

    use super::*;

    fn report(violations: Vec<Violation>) -> Report {
        let mut counts = BTreeMap::new();
        for violation in &violations {
            *counts.entry(violation.claim).or_default() += 1;
        }
        let checked = Checked { claims: 18, orders: 3, ..Checked::default() };
        Report { held: violations.is_empty(), seconds: 1.25, waited: 0.5, pending: None, checked, counts, violations }
    }

    fn violation(order: i64, found: &str) -> Violation {
        let next = "`shopctl psql order_db` shows it".to_owned();
        let (expected, found) = ("a SUCCESS transaction".to_owned(), found.to_owned());
        Violation { claim: Claim::Paid, objects: vec![Object::Order(order)], expected, found, next }
    }

    #[test]
    fn a_violation_is_shown_with_what_was_expected_and_found_and_with_the_next_step() {
        let text = shown(&report(vec![violation(7, "PAID without one")]), "other");
        for part in
            ["order 7", "expected a SUCCESS transaction", "PAID without one", " --instance other psql order_db`"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("hold ("), "{text}");
    }

    #[test]
    fn a_flood_of_violations_is_cut_and_counted() {
        let text = shown(&report((0..25).map(|order| violation(order, "PAID without one")).collect()), "default");
        assert_eq!(text.matches("next:").count(), SHOWN, "{text}");
        assert!(text.contains("15 more of"), "{text}");
    }

    #[test]
    fn what_stands_in_a_database_moves_no_cursor_and_forges_no_line() {
        let text = shown(&report(vec![violation(7, "x\u{1b}[2J\n✓ all 18 invariants hold")]), "default");
        assert!(!text.contains("\u{1b}[2J") && !text.lines().any(|line| line.starts_with('✓')), "{text:?}");
    }

    #[test]
    fn a_shop_in_which_all_holds_is_a_success_and_any_other_one_is_not() {
        assert!(violated(&report(vec![])).is_none());
        assert!(shown(&report(vec![]), "default").contains("all 18 invariants hold (1.2 s)"));
        let failure = violated(&report(vec![violation(7, "x")])).expect("one is violated");
        assert_eq!(failure.exit, Exit::Invariant);
        assert_eq!(failure.to_string(), "1 thing does not hold: paid");
    }
}
