//! The recommender service: keeps its own copy of the catalog and of what was bought together, from the shop's events,
//! and recommends products from it.
//!
//! It must never depend on another service's crate, nor on anything in `cli/`, and it calls no other service: it works
//! while all of them are away.

mod api;
mod config;
mod domain;
mod error;
mod events;
mod model;
mod recommender;
mod store;

use std::net::SocketAddr;

use bus::{Consumer, Settings};
use kit::auth::{Owner, Verifier};
use kit::config::{self as variables, Lookup, Variable};
use kit::{Readiness, Shutdown, database, grpc};
use proto::pb::recommender_service_server::RecommenderServiceServer;
use tokio::net::TcpListener;
use tonic::service::Routes;

use api::Api;
pub use config::Config;
use events::{Events, GROUP, TOPICS};
use recommender::Recommender;
use store::{MIGRATOR, Store};

/// The service, built and bound, not yet serving.
pub struct Service {
    listener: TcpListener,
    routes: Routes,
    readiness: Readiness,
    recommender: Recommender,
    consumer: Consumer,
}

impl Service {
    /// Where it listens.
    pub fn grpc_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl kit::Service for Service {
    const NAME: &'static str = "recommender";
    const ABOUT: &'static str = "What a shopper may like, from the catalog's and the orders' events";

    type Config = Config;

    fn variables() -> &'static [Variable] {
        config::VARIABLES
    }

    fn config(lookup: &Lookup) -> Result<Config, variables::Error> {
        Config::from_lookup(lookup)
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        Ok(database::migrate(&config.database_url, &MIGRATOR).await?)
    }

    async fn build(config: Config) -> anyhow::Result<Self> {
        let verifier = Verifier::load(&config.auth, Owner::Recommender)?;
        let pool = database::connect(&config.database_url).await?;
        let store = Store::new(pool.clone());
        let settings = Settings { brokers: config.kafka_brokers, client_id: Self::NAME.to_owned() };
        let consumer = Consumer::new(&settings, GROUP, TOPICS, pool, Events)?;
        let recommender = Recommender::new(store.clone());
        let readiness = Readiness::new();
        let checked = recommender.clone();
        readiness.check("database", move || {
            let checked = checked.clone();
            async move { checked.ready().await }
        });
        readiness.startup_check("events", consumer.joined());
        let api = Api { recommender: recommender.clone(), store, verifier };
        Ok(Self {
            listener: grpc::bind(config.grpc_addr).await?,
            routes: Routes::new(RecommenderServiceServer::new(api)),
            readiness,
            recommender,
            consumer,
        })
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let consumer = tokio::spawn(self.consumer.run(shutdown.clone()));
        let loading = tokio::spawn(async move { self.recommender.load().await });
        let served =
            grpc::serve(self.listener, self.routes, &["pb.RecommenderService"], self.readiness, &shutdown).await;
        shutdown.begin();
        loading.abort();
        consumer.await?;
        served
    }
}
