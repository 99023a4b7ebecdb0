//! What stands in the topics, how fast it comes, and who is behind.

use std::collections::BTreeMap;

use serde_json::json;
use shopctl_kafka::{
    Observer, Stored,
    feed::Topics,
    lag::Group,
    stats::{self, Measured, Partition},
};

use super::{Source, failed, lag, missing};
use crate::{args::Global, exit::Exit, lines::clock, printer};

pub(super) async fn run(global: &Global, topics: &[String]) -> anyhow::Result<Exit> {
    let (partitions, measured, mut groups) = match Source::of(global).await? {
        Source::Broker(brokers) => match ask(&brokers, topics).await {
            Ok(found) => found,
            Err(error) => return Err(failed(&brokers, error).await.into()),
        },
        Source::Files(stored) => read(&stored, topics).map_err(|error| missing(&stored, &error))?,
    };
    for group in groups.iter_mut().filter(|_| !topics.is_empty()) {
        group.partitions.retain(|partition| topics.contains(&partition.topic));
    }
    groups.retain(|group| topics.is_empty() || !group.partitions.is_empty());
    if global.json {
        let rows: Vec<_> = partitions.iter().map(|row| for_programs(row, of(&measured, row))).collect();
        printer::data(json!({ "partitions": rows, "groups": groups }));
        return Ok(Exit::Success);
    }
    printer::data(table(&partitions, &measured));
    if !groups.is_empty() {
        printer::data("");
        printer::data(lag::summary(&groups));
    }
    Ok(Exit::Success)
}

type Sizes = BTreeMap<(String, i32), Measured>;

type Found = (Vec<Partition>, Sizes, Vec<Group>);

async fn ask(brokers: &str, topics: &[String]) -> Result<Found, shopctl_kafka::Error> {
    let observer = Observer::new(brokers)?;
    let partitions = observer.stats(topics).await?;
    let which = if topics.is_empty() { Topics::All } else { Topics::Only(topics.to_vec()) };
    let measured = stats::measure(brokers, which).await?;
    Ok((partitions, measured, observer.lag().await?))
}

fn read(stored: &Stored, topics: &[String]) -> Result<Found, shopctl_kafka::Error> {
    let (mut partitions, mut sizes) = (Vec::new(), Sizes::new());
    for (partition, measured) in stored.stats(topics)? {
        sizes.insert((partition.topic.clone(), partition.partition), measured);
        partitions.push(partition);
    }
    Ok((partitions, sizes, stored.groups()?))
}

fn of(measured: &Sizes, row: &Partition) -> Measured {
    measured.get(&(row.topic.clone(), row.partition)).copied().unwrap_or_default()
}

fn for_programs(row: &Partition, measured: Measured) -> serde_json::Value {
    json!({
        "topic": row.topic, "partition": row.partition, "first": row.first, "next": row.next,
        "records": measured.records, "bytes": measured.bytes, "newest": newest(measured),
        "last_minute": row.recent, "per_second": row.rate(),
    })
}

fn newest(measured: Measured) -> Option<String> {
    let millis = u64::try_from(measured.newest?).ok()?;
    Some(clock(millis.saturating_mul(1_000_000)))
}

/// Each topic with its sum, then its partitions.
fn table(partitions: &[Partition], measured: &Sizes) -> printer::Table<6> {
    let mut table = printer::Table::new(["TOPIC", "RECORDS", "SIZE", "PER SECOND", "OFFSETS", "NEWEST"]);
    for topic in partitions.chunk_by(|a, b| a.topic == b.topic) {
        let parts: Vec<Measured> = topic.iter().map(|row| of(measured, row)).collect();
        let sum = Measured {
            records: parts.iter().map(|part| part.records).sum(),
            bytes: parts.iter().map(|part| part.bytes).sum(),
            newest: parts.iter().filter_map(|part| part.newest).max(),
        };
        let rate: f64 = topic.iter().map(Partition::rate).sum();
        let name = topic.first().map_or("", |row| &row.topic);
        table.row(cells(name.to_owned(), sum, rate, String::new()));
        for (row, part) in topic.iter().zip(parts) {
            table.row(cells(format!("  {}", row.partition), part, row.rate(), format!("{}..{}", row.first, row.next)));
        }
    }
    table
}

fn cells(name: String, measured: Measured, rate: f64, offsets: String) -> [String; 6] {
    let Measured { records, bytes, newest: _ } = measured;
    [
        name,
        records.to_string(),
        printer::size(bytes),
        format!("{rate:.1}"),
        offsets,
        newest(measured).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_the_sum_of_its_partitions() {
        let row = |partition, next, recent| Partition { topic: "orders".into(), partition, first: 0, next, recent };
        let measured = Measured { records: 3, bytes: 2048, newest: Some(1500) };
        let sizes = BTreeMap::from([(("orders".to_owned(), 0), measured)]);
        let text = table(&[row(0, 4, 60), row(1, 0, 30)], &sizes).to_string();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["orders", "3", "2", "KiB", "1.5", "1970-01-01T00:00:01.500Z"]);
        assert_eq!(lines[2], ["0", "3", "2", "KiB", "1.0", "0..4", "1970-01-01T00:00:01.500Z"]);
        assert_eq!(lines[3], ["1", "0", "0", "KiB", "0.5", "0..0"]);
    }
}
