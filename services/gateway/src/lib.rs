//! One GraphQL interface over all services of the shop, with GraphiQL and live order status.
//!
//! It owns nothing and decides nothing that a service could: credentials are handed on as they came. It must never depend
//! on a service's crate, only on the contracts, nor on anything in `cli/`.

// Money is whole cents: what the wire has as floating point is taken in and given out, never counted with.
#![warn(clippy::float_arithmetic)]

mod config;
mod error;
mod graphql;
mod health;
mod session;
mod upstream;
mod web;

use std::future::ready;
use std::net::SocketAddr;

use anyhow::Context;
use bus::{Feed, Tail};
use kit::auth::{Owner, Verifier};
use kit::{Lookup, Readiness, Shutdown, Variable, http};
use tokio::net::TcpListener;

pub use crate::config::Config;
pub use crate::graphql::sdl;
use crate::upstream::Upstreams;

/// The service, bound and not yet serving.
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    settings: http::Settings,
    verifier: Verifier,
    upstreams: Upstreams,
    tail: Tail,
    feed: Feed,
}

impl Gateway {
    /// Where it listens: with port 0 in the configuration only this tells.
    pub fn http_addr(&self) -> SocketAddr {
        self.address
    }
}

impl kit::Service for Gateway {
    const NAME: &'static str = "gateway";
    const ABOUT: &'static str = "One GraphQL interface over all services of the shop.";
    type Config = Config;

    fn variables() -> &'static [Variable] {
        config::VARIABLES
    }

    fn config(lookup: &Lookup) -> Result<Config, kit::config::Error> {
        Config::from_lookup(lookup)
    }

    async fn build(config: Config) -> anyhow::Result<Self> {
        let verifier = Verifier::load(&config.auth, Owner::Gateway)?;
        let upstreams = Upstreams::new(&config)?;
        let (tail, feed) = Tail::new(&config.bus, &["order_events"])?;
        let listener = http::bind(config.http_addr).await?;
        let address = listener.local_addr().context("the listener has no address")?;
        Ok(Self { listener, address, settings: config.http, verifier, upstreams, tail, feed })
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let health = health::router(&self.upstreams, &self.feed);
        let (readiness, connected) = (Readiness::new(), self.feed.connected());
        readiness.startup_check("events", move || {
            ready(if *connected.borrow() { Ok(()) } else { Err("the orders' events are not read yet") })
        });
        let schema = graphql::schema(self.upstreams, self.feed);
        let router = web::router(schema, self.verifier, &shutdown).merge(health);
        let tail = tokio::spawn(self.tail.run(shutdown.clone()));
        // Ready as soon as it listens: each service that is away takes only its own part of the schema with it, and
        // /health/upstreams tells which.
        http::serve(self.listener, router, self.settings, readiness, &shutdown).await?;
        tail.await.context("the tail of the orders' events failed")
    }
}
