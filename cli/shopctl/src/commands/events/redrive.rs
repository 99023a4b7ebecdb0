//! Dead letters, published again to where they came from.

use serde_json::json;
use shopctl_kafka::{
    letters::{self, Outcome, Redriven, Which},
    publish::Place,
};

use super::failed;
use crate::{
    args::{Global, events::Redrive},
    exit::{Exit, Failure},
    lines::harmless,
    printer,
};

pub(super) async fn run(global: &Global, args: &Redrive) -> anyhow::Result<Exit> {
    let brokers = super::brokers(global).await?;
    let which = match (&args.which.key, args.which.offset) {
        (Some(key), _) => Which::Key(key.clone().into_bytes()),
        (None, Some((partition, offset))) => Which::At(Place { partition, offset }),
        // One of the three is given.
        (None, None) => Which::All,
    };
    let redriven = match letters::redrive(&brokers, &args.topic, &which).await {
        Ok(redriven) => redriven,
        Err(error) => return Err(failed(&brokers, error).await.into()),
    };
    if redriven.is_empty() && which != Which::All {
        let failure = Failure::new(Exit::Failure, format!("there is no such letter in {}", args.topic));
        return Err(failure.hint(format!("`shopctl events {}` shows all of them", args.topic)).into());
    }
    for letter in &redriven {
        if global.json { printer::data(for_programs(letter)) } else { printer::data(line(letter)) }
    }
    let count = |wanted: fn(&Outcome) -> bool| redriven.iter().filter(|letter| wanted(&letter.outcome)).count();
    let published = count(|outcome| matches!(outcome, Outcome::Published(_)));
    let already = count(|outcome| matches!(outcome, Outcome::Already));
    let impossible = count(|outcome| matches!(outcome, Outcome::Impossible(_)));
    if !global.quiet {
        printer::note(format_args!("{published} redriven, {already} had been already, {impossible} cannot be"));
    }
    if impossible > 0 {
        return Err(Failure::new(Exit::Failure, format!("{impossible} of the letters cannot be redriven")).into());
    }
    Ok(Exit::Success)
}

fn line(Redriven { letter, outcome }: &Redriven) -> String {
    let event = &letter.event;
    let key = event.raw_key.as_deref().map_or_else(|| "(no key)".to_owned(), |key| key.escape_ascii().to_string());
    let what = harmless(event.what().unwrap_or("(no type)"));
    let became = match outcome {
        Outcome::Published(at) => format!("stands at {} {}:{} now", letter.origin.topic, at.partition, at.offset),
        Outcome::Already => "had been redriven already".to_owned(),
        Outcome::Impossible(why) => format!("cannot be redriven: {why}"),
    };
    format!("{} {}:{}  {what}  {key}  {}", event.topic, event.partition, event.offset, harmless(&became))
}

fn for_programs(Redriven { letter, outcome }: &Redriven) -> serde_json::Value {
    let (word, place, why) = match outcome {
        Outcome::Published(place) => ("redriven", Some(place), None),
        Outcome::Already => ("already", None, None),
        Outcome::Impossible(why) => ("impossible", None, Some(why)),
    };
    let event = &letter.event;
    json!({
        "topic": event.topic, "partition": event.partition, "offset": event.offset, "key": event.key, "id": event.id,
        "type": event.what(), "origin": letter.origin, "group": letter.group, "reason": letter.reason,
        "outcome": word, "place": place, "why": why,
    })
}
