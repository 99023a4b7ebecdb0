//! The topics that the shop consists of.

use std::thread;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult},
    client::DefaultClientContext,
    error::KafkaResult,
    types::RDKafkaErrorCode,
};

use crate::{Error, client};

/// What happened in the catalog.
pub const PRODUCT_EVENTS: &str = "product_events";
/// What happened to orders.
pub const ORDER_EVENTS: &str = "order_events";
/// Ends the name of the topic to which what a consumer refuses of another goes.
pub const DEAD: &str = ".dlt";
/// All of the shop's topics; what a consumer refuses goes to the one with `.dlt`.
pub const ALL: [&str; 4] = [PRODUCT_EVENTS, "product_events.dlt", ORDER_EVENTS, "order_events.dlt"];

const PARTITIONS: i32 = 3;

/// Bytes of a dead letter, at most: the largest record that a topic takes by default (1 MiB), with room for what is told
/// about it, and for one whose producer had compressed it.
const LARGEST_DEAD_LETTER: &str = "8388608";

/// Creates whichever of the shop's topics are missing; answers with their names once they can be used.
///
/// # Errors
/// When the broker does not answer or refuses one.
pub async fn create(brokers: &str) -> Result<Vec<String>, Error> {
    create_as(brokers, &ALL).await
}

/// The same for topics of these names, made as the shop's are.
///
/// # Errors
/// When the broker does not answer or refuses one.
pub async fn create_as(brokers: &str, names: &[&str]) -> Result<Vec<String>, Error> {
    let admin: AdminClient<DefaultClientContext> =
        client::config(brokers).create().map_err(|source| Error::Client { brokers: brokers.to_owned(), source })?;
    let wanted: Vec<NewTopic<'_>> = names.iter().map(|name| topic(name)).collect();
    let options = AdminOptions::new().operation_timeout(Some(client::ANSWER)).request_timeout(Some(client::ANSWER));
    let brokers = brokers.to_owned();
    let outcomes = admin.create_topics(&wanted, &options).await;
    let settled = tokio::task::spawn_blocking(move || {
        let unreachable = |source| Error::Unreachable { brokers, source };
        let settled = match outcomes {
            Ok(outcomes) => {
                outcomes.into_iter().filter_map(created).collect::<Result<Vec<_>, _>>().and_then(|created| {
                    settle(&admin, &created).map_err(unreachable)?;
                    Ok(created)
                })
            }
            Err(source) => Err(unreachable(source)),
        };
        // The library's thread looks only each 100 ms whether it is to end: nobody has to wait for that.
        thread::spawn(move || drop(admin));
        settled
    });
    settled.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}

/// One that is there already is none.
fn created(outcome: TopicResult) -> Option<Result<String, Error>> {
    match outcome {
        Ok(topic) => Some(Ok(topic)),
        Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => None,
        Err((topic, code)) => Some(Err(Error::Create { topic, code })),
    }
}

/// Waits until these topics can be read and written: the controller has answered, and the broker learns of them a moment
/// later. Blocks.
fn settle(admin: &AdminClient<DefaultClientContext>, created: &[String]) -> KafkaResult<()> {
    let places = created.iter().flat_map(|topic| (0..PARTITIONS).map(move |partition| (topic, partition)));
    places.into_iter().try_for_each(|(topic, partition)| client::watermarks(admin.inner(), topic, partition).map(drop))
}

fn topic(name: &str) -> NewTopic<'_> {
    // They keep everything: a redrive or a new consumer reads from the first day on.
    let topic = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1))
        .set("retention.ms", "-1")
        .set("retention.bytes", "-1");
    if name.ends_with(DEAD) { topic.set("max.message.bytes", LARGEST_DEAD_LETTER) } else { topic }
}
