//! The shop while its parts are killed, cut off, doubled and fed with rubbish. Whatever happens to them, once it is quiet
//! the databases and the topics agree: see [`ledger`].
//!
//! On containers, broker and catalog are Apache Kafka and Elasticsearch; the databases are the same PostgreSQL either way.
//! Its parts are not under `shopctl` here but under the tests themselves, which decide when each of them runs.

mod broker_away;
mod client;
mod containers;
mod database_away;
mod kills;
mod ledger;
mod load;
mod part;
mod poison;
mod product_away;
mod races;
mod redelivery;
mod replicas;
mod site;
mod stopping;
mod topic;
