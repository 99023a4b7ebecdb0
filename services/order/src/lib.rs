//! The order service: makes orders at the prices that the product service gives at that moment, keeps their status, and
//! tells the shop of every change through `order_events`.
//!
//! It must never depend on another service's crate, nor on anything in `cli/`: it knows product by HTTP, and everyone
//! else only as a caller.

// Money is whole cents: what the wire has as floating point is taken in and given out, never counted with.
#![warn(clippy::float_arithmetic)]

mod api;
mod catalog;
mod config;
mod domain;
mod error;
mod events;
mod store;

use std::net::SocketAddr;
use std::time::Duration;

use bus::outbox::PgOutbox;
use bus::{Relay, Settings};
use kit::auth::{Owner, Verifier};
use kit::config::{self as variables, Lookup, Variable};
use kit::{Readiness, Shutdown, database, grpc};
use proto::pb::order_service_server::OrderServiceServer;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};
use tonic::service::Routes;

use api::Api;
use catalog::Catalog;
pub use config::Config;
use store::{MIGRATOR, Store};

/// How often keys past their 24 hours are deleted. They have stopped counting by themselves: this only saves space.
const FORGETTING: Duration = Duration::from_secs(600);

/// The service, built and bound, not yet serving.
pub struct Service {
    listener: TcpListener,
    routes: Routes,
    readiness: Readiness,
    store: Store,
    relay: Relay,
}

impl Service {
    /// Where it listens.
    pub fn grpc_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl kit::Service for Service {
    const NAME: &'static str = "order";
    const ABOUT: &'static str = "Orders, at the prices of the moment they were made, and their status";

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
        let verifier = Verifier::load(&config.auth, Owner::Order)?;
        let pool = database::connect(&config.database_url).await?;
        let store = Store::new(pool.clone());
        let settings = Settings { brokers: config.kafka_brokers, client_id: Self::NAME.to_owned() };
        let (relay, wake) = Relay::new(&settings, PgOutbox::new(pool.clone()))?;
        let readiness = Readiness::new();
        readiness.check("database", move || database::ping(pool.clone()));
        let catalog = Catalog::new(&config.product_url)?;
        let api = Api { store: store.clone(), catalog, verifier, wake };
        Ok(Self {
            listener: grpc::bind(config.grpc_addr).await?,
            routes: Routes::new(OrderServiceServer::new(api)),
            readiness,
            store,
            relay,
        })
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let relay = tokio::spawn(self.relay.run(shutdown.clone()));
        let forgetting = tokio::spawn(forget_keys(self.store));
        let served = grpc::serve(self.listener, self.routes, &["pb.OrderService"], self.readiness, &shutdown).await;
        // The relay ends by itself, after what the last calls wrote.
        shutdown.begin();
        forgetting.abort();
        relay.await?;
        served
    }
}

async fn forget_keys(store: Store) {
    let mut ticks = interval(FORGETTING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match store.forget_keys().await {
            Ok(0) => {}
            Ok(keys) => tracing::info!(keys, "forgot expired idempotency keys"),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "can't forget idempotency keys"),
        }
    }
}
