//! How far consumer groups are behind.

use shopctl_kafka::{Observer, lag::Group};

use super::{Source, failed, unread};
use crate::{
    args::Global,
    exit::{Exit, Failure},
    lines::harmless,
    printer,
};

pub(super) async fn run(global: &Global, wanted: &[String]) -> anyhow::Result<Exit> {
    let mut groups = match Source::of(global).await? {
        Source::Broker(brokers) => {
            let ask = async { Observer::new(&brokers)?.lag().await };
            match ask.await {
                Ok(groups) => groups,
                Err(error) => return Err(failed(&brokers, error).await.into()),
            }
        }
        Source::Files(stored) => stored.groups().map_err(|error| unread(&error))?,
    };
    if let Some(unknown) = wanted.iter().find(|name| groups.iter().all(|group| group.name != **name)) {
        let known: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        let failure = Failure::new(Exit::Usage, format!("there is no consumer group {unknown}"));
        return Err(failure.hint(format!("there are {}", known.join(", "))).into());
    }
    groups.retain(|group| wanted.is_empty() || wanted.contains(&group.name));
    if global.json {
        printer::data(serde_json::to_string(&groups)?);
        return Ok(Exit::Success);
    }
    if groups.is_empty() {
        printer::note("nobody consumes anything");
        return Ok(Exit::Success);
    }
    printer::data(summary(&groups));
    printer::data("");
    printer::data(details(&groups));
    Ok(Exit::Success)
}

/// A line for each group.
pub(super) fn summary(groups: &[Group]) -> printer::Table<4> {
    let mut table = printer::Table::new(["GROUP", "STATE", "MEMBERS", "LAG"]);
    for group in groups {
        let (name, state) = (harmless(&group.name).into_owned(), harmless(&group.state).into_owned());
        table.row([name, state, group.members.to_string(), group.lag().to_string()]);
    }
    table
}

fn details(groups: &[Group]) -> printer::Table<7> {
    let head = ["GROUP", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "READ BY"];
    let mut table = printer::Table::new(head);
    for (group, part) in groups.iter().flat_map(|group| group.partitions.iter().map(move |part| (group, part))) {
        table.row([
            harmless(&group.name).into_owned(),
            part.topic.clone(),
            part.partition.to_string(),
            part.committed.map_or_else(|| "-".to_owned(), |offset| offset.to_string()),
            part.end.to_string(),
            part.lag.to_string(),
            part.client.as_deref().map_or_else(|| "nobody".to_owned(), |client| harmless(client).into_owned()),
        ]);
    }
    table
}
