//! The service dies before and after its only write. Afterwards who was registered can log in, and exists once.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use kit::{Lookup, Service, grpc};
use proto::pb::account_service_client::AccountServiceClient;
use proto::pb::{LoginRequest, RegisterRequest};
use sqlx::PgPool;
use testkit::crash::{Mortal, points};
use testkit::keys::Keys;
use testkit::port::Port;
use testkit::{eventually, postgres};
use tonic::Code;

const POINTS: [&str; 2] = ["register-before-insert", "register-after-insert"];
const SOON: Duration = Duration::from_secs(60);
const PASSWORD: &str = "long enough";

#[test]
fn every_point_has_its_death() {
    assert_eq!(POINTS.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(), points(env!("CARGO_MANIFEST_DIR")));
}

#[tokio::test]
async fn wherever_the_service_dies_who_registers_has_one_account() {
    for point in POINTS {
        let (database, keys, port) = (postgres::database().await, Keys::new("test"), Port::reserve());
        let settings = [
            ("SHOP_INSTANCE", "test".to_owned()),
            ("SHOP_JWKS", keys.jwks().display().to_string()),
            ("SHOP_SIGNING_KEY", keys.signing_key("account").display().to_string()),
            ("GRPC_ADDR", port.address().to_string()),
            ("DATABASE_URL", database.url.clone()),
        ];
        let known = settings.clone();
        let lookup = Lookup::new(move |name| known.iter().find(|(known, _)| *known == name).map(|(_, v)| v.clone()));
        let config = account::Account::config(&lookup).expect("the configuration is whole");
        account::Account::migrate(config).await.expect("the database takes the schema");
        let mut command = Command::new(env!("CARGO_BIN_EXE_account-failpoints"));
        command.arg("serve").envs(settings).env("RUST_LOG", "warn");
        let mut service = Mortal::start(command, point, 1);
        let client =
            AccountServiceClient::new(grpc::channel(&format!("http://{}", port.address())).expect("an address"));

        let register = async || {
            let (name, email) = ("Ada".to_owned(), "ada@example.com".to_owned());
            let asked = client.clone().register(RegisterRequest { name, email, password: PASSWORD.to_owned() }).await;
            match asked {
                Ok(_) => Some(()),
                // Written before the death that took the answer along.
                Err(status) if status.code() == Code::AlreadyExists => Some(()),
                Err(status) if grpc::is_outage(&status) => None,
                Err(status) => panic!("{point}: {status:?}"),
            }
        };
        service.while_it_lives(eventually(SOON, "a registration", register)).await;
        service.has_died(SOON).await;

        let login = async || {
            let request = LoginRequest { email: "ada@example.com".to_owned(), password: PASSWORD.to_owned() };
            client.clone().login(request).await.ok().map(drop)
        };
        eventually(SOON, "the login of who is registered", login).await;
        let pool = PgPool::connect(&database.url).await.expect("the database answers");
        let accounts: i64 =
            sqlx::query_scalar("SELECT count(*) FROM accounts").fetch_one(&pool).await.expect("counted");
        assert_eq!(accounts, 1, "{point}");
    }
}
