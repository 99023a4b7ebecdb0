//! One gateway in front of fakes.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use gateway::Gateway;
use kit::auth::{self, Mode, Owner, Signer};
use kit::{Lookup, Service, Shutdown};
use testkit::broker::Broker;
use testkit::eventually;
use testkit::keys::Keys;
use testkit::port::Port;
use testkit::process::Process;

use crate::client::Client;
use crate::fakes::{Fakes, catalog, grpc};

/// A broker that is not there: order status must do without.
pub(crate) const NO_BROKER: &str = "127.0.0.1:1";

pub(crate) struct Shop {
    pub(crate) address: SocketAddr,
    pub(crate) fakes: Fakes,
    signer: Signer,
    pub(crate) shutdown: Shutdown,
    pub(crate) broker: Option<Broker>,
    _keys: Keys,
    _program: Option<(Process, Port)>,
}

/// What a gateway finds around it.
struct Surroundings {
    fakes: Fakes,
    signer: Signer,
    keys: Keys,
    settings: Vec<(&'static str, String)>,
    shutdown: Shutdown,
}

impl Surroundings {
    async fn new(mode: Mode, brokers: &str) -> Self {
        let keys = Keys::new("test");
        let shutdown = Shutdown::new();
        let auth = auth::Config {
            instance: "test".to_owned(),
            jwks: keys.jwks(),
            mode,
            signing_key: Some(keys.signing_key("account")),
        };
        let fakes = Fakes::new(&auth);
        let grpc = format!("http://{}", grpc::serve(&fakes, &shutdown).await);
        let product = format!("http://{}", catalog::serve(&fakes, &shutdown).await);
        let mode = match mode {
            Mode::Required => "required",
            Mode::Open => "open",
        };
        let settings = vec![
            ("SHOP_INSTANCE", "test".to_owned()),
            ("SHOP_JWKS", keys.jwks().display().to_string()),
            ("SHOP_AUTH", mode.to_owned()),
            ("HTTP_ADDR", "127.0.0.1:0".to_owned()),
            ("ACCOUNT_URL", grpc.clone()),
            ("ORDER_URL", grpc.clone()),
            ("PAYMENT_URL", grpc.clone()),
            ("RECOMMENDER_URL", grpc),
            ("PRODUCT_URL", product),
            ("KAFKA_BROKERS", brokers.to_owned()),
        ];
        let signer = Signer::load(&auth, Owner::Account).expect("the keys are good");
        Self { fakes, signer, keys, settings, shutdown }
    }
}

impl Shop {
    pub(crate) async fn required() -> Self {
        Self::open(Mode::Required).await
    }

    pub(crate) async fn open(mode: Mode) -> Self {
        let broker = Broker::start().await;
        let brokers = broker.brokers();
        let mut shop = Self::with_brokers(mode, &brokers).await;
        shop.broker = Some(broker);
        shop.reads_events().await;
        shop
    }

    pub(crate) async fn with_brokers(mode: Mode, brokers: &str) -> Self {
        let Surroundings { fakes, signer, keys, settings, shutdown } = Surroundings::new(mode, brokers).await;
        let lookup =
            Lookup::new(move |name| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()));
        let config = Gateway::config(&lookup).expect("the configuration is whole");
        let gateway = Gateway::build(config).await.expect("the gateway can be built");
        let address = gateway.http_addr();
        tokio::spawn(gateway.run(shutdown.clone()));
        Self { address, fakes, signer, shutdown, broker: None, _keys: keys, _program: None }
    }

    /// The gateway as a program of its own, with these variables: tracing is set up once in a process.
    pub(crate) async fn program(variables: &[(&str, &str)]) -> Self {
        let (broker, port) = (Broker::start().await, Port::reserve());
        let address = port.address();
        let Surroundings { fakes, signer, keys, settings, shutdown } =
            Surroundings::new(Mode::Required, &broker.brokers()).await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command
            .arg("serve")
            .envs(settings)
            .env("HTTP_ADDR", address.to_string())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let process = Process::spawn(&mut command).expect("it can be executed");
        let program = Some((process, port));
        let shop = Self { address, fakes, signer, shutdown, broker: Some(broker), _keys: keys, _program: program };
        shop.reads_events().await;
        shop
    }

    async fn reads_events(&self) {
        eventually(Duration::from_secs(30), "the gateway reads the orders' events", async || {
            let report = self.client().get("/health/upstreams").send().await.ok()?;
            let report: serde_json::Value = report.json().await.ok()?;
            (report["upstreams"]["kafka"] == "ok").then_some(())
        })
        .await;
    }

    /// A token of this account, as account's service would sign it.
    pub(crate) fn token(&self, account_id: i64, email: &str) -> String {
        self.signer.user_token(account_id, email)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, None)
    }

    /// A client that sends the token of this account.
    pub(crate) fn user(&self, account_id: i64) -> Client {
        Client::new(self.address, Some(self.token(account_id, &format!("user{account_id}@example.org"))))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}
