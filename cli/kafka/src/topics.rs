//! The topics that the shop consists of.

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    types::RDKafkaErrorCode,
};

use crate::{Error, client};

/// What happened in the catalog.
pub const PRODUCT_EVENTS: &str = "product_events";
/// What happened to orders.
pub const ORDER_EVENTS: &str = "order_events";
/// All of the shop's topics; what a consumer refuses goes to the one with `.dlt`.
pub const ALL: [&str; 4] = [PRODUCT_EVENTS, "product_events.dlt", ORDER_EVENTS, "order_events.dlt"];

const PARTITIONS: i32 = 3;

/// Bytes of a dead letter, at most: the largest record that a topic takes by default (1 MiB), with room for what is told
/// about it, and for one whose producer had compressed it.
const LARGEST_DEAD_LETTER: &str = "8388608";

/// Creates whichever of the shop's topics are missing; answers with their names.
///
/// # Errors
/// When the broker does not answer or refuses one.
pub async fn create(brokers: &str) -> Result<Vec<String>, Error> {
    let admin: AdminClient<DefaultClientContext> =
        client::config(brokers).create().map_err(|source| Error::Client { brokers: brokers.to_owned(), source })?;
    let wanted = ALL.map(|name| {
        // They keep everything: a redrive or a new consumer reads from the first day on.
        let topic = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1))
            .set("retention.ms", "-1")
            .set("retention.bytes", "-1");
        if name.ends_with(".dlt") { topic.set("max.message.bytes", LARGEST_DEAD_LETTER) } else { topic }
    });
    let options = AdminOptions::new().operation_timeout(Some(client::ANSWER)).request_timeout(Some(client::ANSWER));
    let outcomes = admin
        .create_topics(&wanted, &options)
        .await
        .map_err(|source| Error::Unreachable { brokers: brokers.to_owned(), source });
    // The library's thread looks only each 100 ms whether it is to end: nobody has to wait for that.
    std::thread::spawn(move || drop(admin));
    let mut created = Vec::new();
    for outcome in outcomes? {
        match outcome {
            Ok(topic) => created.push(topic),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(Error::Create { topic, code }),
        }
    }
    Ok(created)
}
