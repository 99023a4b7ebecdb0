//! One account service on a database of its own, and clients of it.

use std::net::SocketAddr;

use account::Account;
use kit::auth::{self, Mode, Owner, Signer, Verifier};
use kit::{Lookup, Service, Shutdown};
use proto::pb::account_service_client::AccountServiceClient;
use proto::pb::{LoginRequest, RegisterRequest};
use testkit::keys::Keys;
use testkit::postgres::{self, Database};
use tonic::transport::Channel;
use tonic::{Request, Status};

pub(crate) struct Shop {
    pub(crate) client: AccountServiceClient<Channel>,
    pub(crate) channel: Channel,
    pub(crate) verifier: Verifier,
    pub(crate) keys: Keys,
    pub(crate) database: String,
    shutdown: Shutdown,
}

impl Shop {
    pub(crate) async fn open(mode: Mode) -> Self {
        Self::on(postgres::database().await, mode).await
    }

    /// With a database of the test's own cluster, say to stop it.
    pub(crate) async fn on(database: Database, mode: Mode) -> Self {
        let keys = Keys::new("test");
        let settings = [
            ("SHOP_INSTANCE", "test".to_owned()),
            ("SHOP_JWKS", keys.jwks().display().to_string()),
            ("SHOP_SIGNING_KEY", keys.signing_key("account").display().to_string()),
            (
                "SHOP_AUTH",
                match mode {
                    Mode::Required => "required",
                    Mode::Open => "open",
                }
                .to_owned(),
            ),
            ("GRPC_ADDR", "127.0.0.1:0".to_owned()),
            ("DATABASE_URL", database.url.clone()),
        ];
        let lookup =
            Lookup::new(move |name| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()));
        let config = || Account::config(&lookup).expect("the configuration is whole");
        Account::migrate(config()).await.expect("the database takes the schema");
        let service = Account::build(config()).await.expect("the service can be built");
        let address = service.grpc_addr();
        let channel = channel(address);
        let shutdown = Shutdown::new();
        tokio::spawn(service.run(shutdown.clone()));
        testkit::ready::grpc(address, "pb.AccountService").await;
        let auth = auth::Config::from_lookup(&lookup).expect("the configuration is whole");
        let verifier = Verifier::load(&auth, Owner::Order).expect("the keys are good");
        Self {
            client: AccountServiceClient::new(channel.clone()),
            channel,
            verifier,
            keys,
            database: database.url,
            shutdown,
        }
    }

    pub(crate) async fn required() -> Self {
        Self::open(Mode::Required).await
    }

    /// Signs as `owner`, as only its holder can.
    pub(crate) fn signer(&self, owner: Owner) -> Signer {
        let config = auth::Config {
            instance: self.keys.instance().to_owned(),
            jwks: self.keys.jwks(),
            mode: Mode::Required,
            signing_key: Some(self.keys.signing_key(owner.as_str())),
        };
        Signer::load(&config, owner).expect("the keys are good")
    }

    pub(crate) async fn register(&self, name: &str, email: &str, password: &str) -> Result<String, Status> {
        let request = RegisterRequest { name: name.into(), email: email.into(), password: password.into() };
        self.client.clone().register(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Result<String, Status> {
        let request = LoginRequest { email: email.into(), password: password.into() };
        self.client.clone().login(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn account(&self, token: Option<&str>, id: u64) -> Result<proto::pb::Account, Status> {
        let mut request = Request::new(id);
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a token is visible ASCII");
            request.metadata_mut().insert("authorization", value);
        }
        let response = self.client.clone().get_account(request).await?.into_inner();
        Ok(response.account.expect("an answer holds an account"))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

fn channel(address: SocketAddr) -> Channel {
    kit::grpc::channel(&format!("http://{address}")).expect("an address makes a URL")
}
