//! Accounts of the shop: registration, login, and the tokens by which every other service knows a user.
//!
//! It owns account_db and the only key under which users' tokens count. It must never depend on another service, on the
//! bus, or on anything in `cli/`.

mod api;
mod config;
mod domain;
mod error;
mod password;
mod store;
mod throttle;

use std::net::SocketAddr;

use anyhow::Context;
use kit::auth::{Owner, Signer, Verifier};
use kit::{Lookup, Readiness, Shutdown, Variable, database, grpc};
use proto::pb::account_service_server::{AccountServiceServer, SERVICE_NAME};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::api::Api;
pub use crate::config::Config;
use crate::password::Hasher;
use crate::store::{MIGRATOR, Store};
use crate::throttle::Throttle;

/// The service, bound and not yet serving.
pub struct Account {
    listener: TcpListener,
    address: SocketAddr,
    pool: database::Pool,
    api: Api,
}

impl Account {
    /// Where it listens: with port 0 in the configuration only this tells.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.address
    }
}

impl kit::Service for Account {
    const NAME: &'static str = "account";
    const ABOUT: &'static str = "Accounts of the shop: registration, login and users' tokens, over gRPC.";
    type Config = Config;

    fn variables() -> &'static [Variable] {
        config::VARIABLES
    }

    fn config(lookup: &Lookup) -> Result<Config, kit::config::Error> {
        Config::from_lookup(lookup)
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        Ok(database::migrate(&config.database_url, &MIGRATOR).await?)
    }

    async fn build(config: Config) -> anyhow::Result<Self> {
        let pool = database::connect(&config.database_url).await?;
        let api = Api {
            store: Store::new(pool.clone()),
            hasher: Hasher::new()?,
            throttle: Throttle::new(password::cores()),
            signer: Signer::load(&config.auth, Owner::Account)?,
            verifier: Verifier::load(&config.auth, Owner::Account)?,
        };
        let listener = grpc::bind(config.grpc_addr).await?;
        let address = listener.local_addr().context("the listener has no address")?;
        Ok(Self { listener, address, pool, api })
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let readiness = Readiness::new();
        let pool = self.pool.clone();
        readiness.check("database", move || database::ping(pool.clone()));
        let routes = Routes::new(AccountServiceServer::new(self.api));
        grpc::serve(self.listener, routes, &[SERVICE_NAME], readiness, &shutdown).await?;
        self.pool.close().await;
        Ok(())
    }
}
