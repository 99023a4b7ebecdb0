//! What a shop must have been booted with for a story to be played in it.

use shopctl_core::manifest::PROXY;
use shopctl_scenario::file::{Named, Scenario};

use crate::{
    args::Global,
    exit::{Exit, Failure},
    running,
};

/// An option of `up`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) option: &'static str,
    /// What stories that need it do.
    what: &'static str,
    is_of: fn(&Scenario) -> bool,
}

const ALL: [Need; 2] = [
    Need { option: "--faults", what: "breaks edges or topics", is_of: Scenario::breaks_edges },
    Need {
        option: "--failpoints",
        what: "strikes at points of the services' code",
        is_of: Scenario::strikes_at_points,
    },
];

/// All that a scenario needs.
pub(super) fn needs(scenario: &Scenario) -> impl Iterator<Item = Need> {
    ALL.into_iter().filter(|need| (need.is_of)(scenario))
}

/// Refuses stories that break what cannot be broken in the running shop.
///
/// # Errors
/// What is missing, for which stories.
pub(super) async fn met(global: &Global, all: &[Named]) -> anyhow::Result<()> {
    if all.iter().all(|named| needs(&named.scenario).next().is_none()) {
        return Ok(());
    }
    let snapshot = running::connect(global).await?.status().await?;
    let has_proxies = snapshot.resources.iter().any(|resource| resource.name == PROXY);
    let (plan, _) = running::plan(&running::instance(global)?)?;
    let there = [has_proxies.then_some("--faults"), plan.failpoints.then_some("--failpoints")];
    let missing: Vec<(&Named, Need)> = all
        .iter()
        .flat_map(|named| needs(&named.scenario).map(move |need| (named, need)))
        .filter(|(_, need)| !there.contains(&Some(need.option)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let told: Vec<String> =
        missing.iter().map(|(named, need)| format!("{} {} ({})", named.name, need.what, need.option)).collect();
    let message = format!("instance {} was booted without what it takes: {}", global.instance, told.join("; "));
    let wanted = ALL
        .map(|need| need.option)
        .into_iter()
        .filter(|option| there.contains(&Some(option)) || missing.iter().any(|(_, need)| need.option == *option));
    let hint = format!("`shopctl down` and `shopctl up {}`: the data stay", wanted.collect::<Vec<_>>().join(" "));
    Err(Failure::new(Exit::Failure, message).hint(hint).into())
}
