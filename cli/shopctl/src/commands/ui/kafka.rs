//! What reads Kafka for a dashboard: from the moment that somebody looks at it, and figures only as long as somebody does.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shopctl_kafka::{
    Event, Feed, Observer,
    feed::{self, Topics},
    lag, letters,
    publish::Place,
    tail::Start,
    topics::DEAD,
};
use shopctl_tui::{
    Msg,
    kafka::{Ask, Group, Message, News, Partition, Topic, VALUE_BYTES},
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout_at},
};

/// Between two looks at topics and groups.
const PERIOD: Duration = Duration::from_secs(5);
/// Messages that come within this time are told together.
const TOGETHER: Duration = Duration::from_millis(33);
/// At most so many of them.
const BATCH: usize = 1000;
/// How long behind the last event of an order another one of it may still stand, in milliseconds.
const BEHIND: i64 = 10_000;
/// How far back the first look goes, in milliseconds.
const BEFORE: i64 = 15 * 60 * 1000;

/// Reads Kafka at `brokers` as it is asked, until nobody can ask any more.
pub(super) async fn read(brokers: String, mut asks: mpsc::UnboundedReceiver<Ask>, messages: mpsc::Sender<Msg>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut looking, mut following) = (false, false);
    let mut observer = None;
    // Dead letters are only read anew when there are more or fewer.
    let mut letters = Letters::default();
    loop {
        tokio::select! {
            ask = asks.recv() => match ask {
                Some(Ask::Look(wanted)) => {
                    looking = wanted;
                    if looking {
                        ticks.reset_immediately();
                    }
                    if looking && !following {
                        following = true;
                        tokio::spawn(follow(brokers.clone(), messages.clone()));
                    }
                }
                Some(Ask::Events { order, since, version }) => {
                    let (brokers, messages) = (brokers.clone(), messages.clone());
                    tokio::spawn(async move {
                        // Without them there is still what comes, and whoever follows that tells that Kafka is away.
                        if let Ok(found) = events(&brokers, order, since, version).await {
                            let _ = messages.send(Msg::Kafka(News::Earlier(found))).await;
                        }
                    });
                }
                Some(Ask::Redrive { topic, at }) => {
                    let _ = messages.send(redrive(&brokers, &topic, at).await).await;
                    letters = Letters::default();
                    ticks.reset_immediately();
                }
                None => return,
            },
            _ = ticks.tick(), if looking => {
                let news = match figures(&brokers, &mut observer, &mut letters).await {
                    Ok(news) => news,
                    Err(error) => News::Away(error.to_string()),
                };
                if messages.send(Msg::Kafka(news)).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[derive(Default)]
struct Letters {
    /// Records of each topic of dead letters, and of those that they came from, when it was counted.
    counted: Option<Vec<(String, i64)>>,
    waiting: Vec<(String, u64)>,
}

async fn figures(
    brokers: &str,
    observer: &mut Option<Observer>,
    letters: &mut Letters,
) -> Result<News, shopctl_kafka::Error> {
    let observer = match observer {
        Some(observer) => observer,
        None => observer.insert(Observer::new(brokers)?),
    };
    let mut topics: BTreeMap<String, Topic> = BTreeMap::new();
    for partition in observer.stats(&[]).await? {
        let topic = topics.entry(partition.topic.clone());
        let topic = topic.or_insert_with(|| Topic { name: partition.topic.clone(), records: 0, rate: 0.0 });
        topic.records += partition.count();
        topic.rate += partition.rate();
    }
    let groups = observer.lag().await?.into_iter().map(group).collect();
    let dead: Vec<(String, i64)> = topics
        .values()
        .filter(|topic| topic.name.ends_with(DEAD))
        .map(|topic| (topic.name.clone(), topic.records))
        .collect();
    if letters.counted.as_ref() != Some(&dead) {
        letters.waiting = waiting(brokers, &dead).await?;
        letters.counted = Some(dead);
    }
    Ok(News::Figures { topics: topics.into_values().collect(), groups, letters: letters.waiting.clone() })
}

/// How many letters of each topic nobody has redriven.
async fn waiting(brokers: &str, dead: &[(String, i64)]) -> Result<Vec<(String, u64)>, shopctl_kafka::Error> {
    let names: Vec<String> = dead.iter().filter(|(_, records)| *records > 0).map(|(name, _)| name.clone()).collect();
    let mut waiting: BTreeMap<String, u64> = BTreeMap::new();
    if !names.is_empty() {
        for letter in letters::dead_letters(brokers, &names).await?.into_iter().filter(|letter| !letter.redriven) {
            *waiting.entry(letter.event.topic).or_default() += 1;
        }
    }
    Ok(waiting.into_iter().collect())
}

fn group(group: lag::Group) -> Group {
    let partition = |partition: lag::Partition| Partition {
        topic: partition.topic,
        partition: partition.partition,
        committed: partition.committed,
        lag: partition.lag,
    };
    Group {
        name: group.name,
        state: group.state,
        members: group.members,
        partitions: group.partitions.into_iter().map(partition).collect(),
    }
}

/// Tells every message, some of those that are there already first.
async fn follow(brokers: String, messages: mpsc::Sender<Msg>) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let since = i64::try_from(now.as_millis()).unwrap_or(i64::MAX) - BEFORE;
    let mut feed = loop {
        match Feed::open(&brokers, Topics::All, Start::Since(since)).await {
            Ok(feed) => break feed,
            Err(error) => {
                if messages.send(Msg::Kafka(News::Away(error.to_string()))).await.is_err() {
                    return;
                }
                sleep(PERIOD).await;
            }
        }
    };
    while let Ok(first) = feed.next().await {
        let deadline = Instant::now() + TOGETHER;
        let (mut batch, mut other) = (Vec::new(), None);
        let mut next = Some(first);
        while let Some(update) = next {
            match update {
                feed::Update::Event(event) => batch.push(message(*event)),
                feed::Update::CaughtUp => {}
                feed::Update::Away(error) => other = Some(News::Away(error.to_string())),
                feed::Update::Back => other = Some(News::Back),
            }
            if batch.len() == BATCH || other.is_some() {
                break;
            }
            next = timeout_at(deadline, feed.next()).await.ok().and_then(Result::ok);
        }
        let batch = (!batch.is_empty()).then_some(News::Messages(batch));
        for news in batch.into_iter().chain(other) {
            if messages.send(Msg::Kafka(news)).await.is_err() {
                return;
            }
        }
    }
}

/// All messages of an order; of those that come long after its last version none is waited for.
async fn events(
    brokers: &str,
    order: i64,
    since: Option<u64>,
    version: Option<i64>,
) -> Result<Vec<Message>, shopctl_kafka::Error> {
    let start = since.map_or(Start::Earliest, |since| Start::Since((since / 1_000_000).cast_signed()));
    let mut feed = Feed::open(brokers, Topics::All, start).await?;
    let (mut found, mut versions, mut last) = (Vec::new(), BTreeSet::new(), None);
    while let Some(event) = feed.replayed().await? {
        if event.order() == Some(order) {
            versions.extend(event.data["version"].as_i64());
            last = last.max(event.timestamp);
            found.push(message(event));
            continue;
        }
        let is_late = last.zip(event.timestamp).is_some_and(|(last, time)| time - last > BEHIND);
        let is_whole = version.is_some_and(|version| (1..=version).all(|one| versions.contains(&one)));
        if is_late && is_whole || found.len() >= BATCH {
            break;
        }
    }
    Ok(found)
}

fn message(event: Event) -> Message {
    let text = |bytes: &[u8]| {
        let shown = &bytes[..bytes.len().min(VALUE_BYTES)];
        String::from_utf8_lossy(shown).into_owned()
    };
    let header =
        |(name, value): &(String, Option<Vec<u8>>)| (name.clone(), value.as_deref().map(text).unwrap_or_default());
    let stamp = event.timestamp.and_then(|millis| u64::try_from(millis).ok()).unwrap_or(0);
    Message {
        kind: event.what().unwrap_or_default().to_owned(),
        order: event.order(),
        key: event.key.clone().or_else(|| event.raw_key.as_deref().map(text)).unwrap_or_default(),
        value: event.value.as_deref().map(text).unwrap_or_default(),
        headers: event.headers.iter().map(header).collect(),
        stamp: stamp.saturating_mul(1_000_000),
        topic: event.topic,
        partition: event.partition,
        offset: event.offset,
    }
}

async fn redrive(brokers: &str, topic: &str, at: Option<(i32, i64)>) -> Msg {
    let which = match at {
        Some((partition, offset)) => letters::Which::At(Place { partition, offset }),
        None => letters::Which::All,
    };
    match letters::redrive(brokers, topic, &which).await {
        Ok(redriven) => {
            let published = redriven.iter().filter(|one| matches!(one.outcome, letters::Outcome::Published(_))).count();
            let impossible = redriven.iter().find_map(|one| match one.outcome {
                letters::Outcome::Impossible(why) => Some(why),
                letters::Outcome::Published(_) | letters::Outcome::Already => None,
            });
            match impossible {
                Some(why) => Msg::Failed(format!("{published} of {} published again; {why}", redriven.len())),
                None => Msg::Note(format!("{published} of {} dead letters of {topic} published again", redriven.len())),
            }
        }
        Err(error) => Msg::Failed(error.to_string()),
    }
}
