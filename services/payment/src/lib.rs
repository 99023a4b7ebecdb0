//! Payment: checkout sessions over an order's total, the page on which a person pays, the signed webhook by which the
//! (simulated) provider says how it ended, and the durable worker that tells order until order has answered.
//!
//! It must never depend on another service's crate, only on the contracts in `proto`; `domain` knows neither transport
//! nor database, and all SQL is in `store`.

// Money is whole cents: what the wire has as floating point is taken in and given out, never counted with.
#![warn(clippy::float_arithmetic)]

mod api;
mod backoff;
mod config;
mod domain;
mod events;
mod orders;
mod provider;
mod signature;
mod store;
mod teller;
mod worker;

use std::net::SocketAddr;

use anyhow::Context;
use bus::Consumer;
use kit::auth::{Owner, Signer, Verifier};
use kit::config::{Lookup, Variable};
use kit::{Readiness, Service, Shutdown, http};
use proto::pb::payment_service_server::PaymentServiceServer;
use tokio::net::TcpListener;
use tonic::service::Routes;

pub use config::Config;

use crate::config::PublicUrl;
use crate::orders::Orders;
use crate::provider::Provider;
use crate::store::{MIGRATOR, Store};
use crate::teller::Teller;

/// Payment's service, built and bound.
pub struct Payment {
    grpc: TcpListener,
    http: TcpListener,
    settings: http::Settings,
    readiness: Readiness,
    routes: Routes,
    router: axum::Router,
    teller: Teller,
    provider: Provider,
    consumer: Consumer,
}

impl Payment {
    /// Where gRPC is served.
    ///
    /// # Errors
    /// The socket has lost its address.
    pub fn grpc_addr(&self) -> std::io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// Where the payment page and the webhook are served.
    ///
    /// # Errors
    /// The socket has lost its address.
    pub fn http_addr(&self) -> std::io::Result<SocketAddr> {
        self.http.local_addr()
    }
}

impl Service for Payment {
    const NAME: &'static str = "payment";
    const ABOUT: &'static str = "Checkout sessions, the payment page and the provider's webhooks of the shop";

    type Config = Config;

    fn variables() -> &'static [Variable] {
        config::VARIABLES
    }

    fn config(lookup: &Lookup) -> Result<Config, kit::config::Error> {
        Config::from_lookup(lookup)
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        Ok(kit::database::migrate(config.database_url.expose(), &MIGRATOR).await?)
    }

    async fn build(config: Config) -> anyhow::Result<Self> {
        let verifier = Verifier::load(&config.auth, Owner::Payment)?;
        let signer = Signer::load(&config.auth, Owner::Payment)?;
        let orders = Orders::new(kit::grpc::Client::new(&config.order_url)?, signer);
        let pool = kit::database::connect(config.database_url.expose()).await?;
        let store = Store::new(pool.clone());
        let grpc = kit::grpc::bind(config.grpc_addr).await?;
        let http = kit::http::bind(config.http_addr).await?;
        let address = http.local_addr().context("the HTTP listener has no address")?;
        let public = config.public_url.unwrap_or_else(|| PublicUrl::local(address.port()));
        let provider = Provider::new(store.clone(), config.secrets.clone(), address)?;
        let mut settings = config.http;
        // The provider calls it by this name, whatever it listens on.
        settings.allowed_hosts.push(provider.host());
        settings.allowed_origins.push(public.origin().to_owned());
        settings.joining = api::PAGES;
        let teller = Teller::new(store.clone(), orders.clone());
        let consumer = Consumer::new(&config.bus, events::GROUP, &events::TOPICS, pool.clone(), events::Listener)?;
        let readiness = Readiness::new();
        readiness.check("store", move || kit::database::ping(pool.clone()));
        readiness.startup_check("events", consumer.joined());
        Ok(Self {
            grpc,
            http,
            settings,
            readiness,
            routes: Routes::new(PaymentServiceServer::new(api::Grpc {
                store: store.clone(),
                orders,
                verifier,
                public,
            })),
            router: api::router(api::Http {
                store,
                secrets: config.secrets,
                provider: provider.clone(),
                teller: teller.clone(),
            }),
            teller,
            provider,
            consumer,
        })
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let names = [proto::pb::payment_service_server::SERVICE_NAME];
        let servers = async {
            let served = tokio::try_join!(
                kit::grpc::serve(self.grpc, self.routes, &names, self.readiness.clone(), &shutdown),
                kit::http::serve(self.http, self.router, self.settings, self.readiness, &shutdown),
            );
            // A server that failed takes the workers along.
            shutdown.begin();
            served
        };
        let (served, (), (), ()) = tokio::join!(
            servers,
            self.teller.run(shutdown.clone()),
            self.provider.run(shutdown.clone()),
            self.consumer.run(shutdown.clone()),
        );
        // Webhooks that came in while the servers drained have begun to tell, too.
        self.teller.finish().await;
        served.map(drop)
    }
}
