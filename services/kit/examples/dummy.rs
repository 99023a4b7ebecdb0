//! A service that does nothing, on both kinds of listeners: what the tests lay siege to. It tells its addresses in its log.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use kit::config::{self, Lookup, Variable};
use kit::{Readiness, Shutdown, grpc, http as web};
use tokio::net::TcpListener;
use tonic::service::Routes;

struct Dummy {
    grpc: TcpListener,
    http: TcpListener,
}

impl kit::Service for Dummy {
    const NAME: &'static str = "dummy";
    const ABOUT: &'static str = "Does nothing";
    type Config = ();

    fn variables() -> &'static [Variable] {
        &[]
    }

    fn config(_: &Lookup) -> Result<(), config::Error> {
        Ok(())
    }

    async fn build((): ()) -> anyhow::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (grpc, http) = (grpc::bind(any).await?, web::bind(any).await?);
        tracing::info!(grpc = %grpc.local_addr()?, http = %http.local_addr()?, "listening");
        Ok(Self { grpc, http })
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let router = Router::new()
            .route("/", get(|| async { "nothing" }))
            .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
        let (ready, settings) = (Readiness::new(), web::Settings::default());
        tokio::try_join!(
            grpc::serve(self.grpc, Routes::default(), &[], ready.clone(), &shutdown),
            web::serve(self.http, router, settings, ready, &shutdown),
        )?;
        Ok(())
    }
}

fn main() -> std::process::ExitCode {
    kit::main::<Dummy>()
}
