//! The account that the catalog belongs to.

use anyhow::Context as _;
use proto::pb::{LoginRequest, RegisterRequest, account_service_client::AccountServiceClient};
use tonic::{Code, Request, metadata::AsciiMetadataValue};

use super::Shop;
use crate::exit::{Exit, Failure};

const NAME: &str = "The shop";
const EMAIL: &str = "seller@example.com";

/// The seller, logged in.
#[derive(Debug)]
pub(crate) struct Seller {
    pub(crate) account_id: u64,
    pub(crate) token: String,
}

impl Seller {
    /// Registers the seller at the first time, logs in at every other.
    ///
    /// # Errors
    /// When account cannot be reached, or the seller has another password than this instance knows.
    pub(crate) async fn arrive(shop: &Shop) -> anyhow::Result<Self> {
        let connection = AccountServiceClient::connect(shop.account.clone()).await;
        let mut account = connection.with_context(|| format!("account at {} cannot be reached", shop.account))?;
        let password = shop.seller_password.clone();
        let register = RegisterRequest { name: NAME.to_owned(), email: EMAIL.to_owned(), password: password.clone() };
        let token = match account.register(register).await {
            Ok(token) => token.into_inner(),
            Err(status) if status.code() == Code::AlreadyExists => {
                let login = account.login(LoginRequest { email: EMAIL.to_owned(), password }).await;
                login.map_err(refused)?.into_inner()
            }
            Err(status) => return Err(status).context("account does not register the seller"),
        };
        let mut who = Request::new(0);
        who.metadata_mut().insert("authorization", AsciiMetadataValue::try_from(format!("Bearer {token}"))?);
        let me = account.get_account(who).await.context("account does not know the seller it has just let in")?;
        let me = me.into_inner().account.context("account answers without an account")?;
        Ok(Self { account_id: me.id, token })
    }
}

fn refused(status: tonic::Status) -> anyhow::Error {
    match status.code() {
        Code::Unauthenticated => {
            Failure::new(Exit::Failure, format!("the account {EMAIL} has another password than this instance's seller"))
                .hint("somebody else registered it; `shopctl down --volumes` starts afresh")
                .into()
        }
        _ => anyhow::Error::new(status).context("account does not log the seller in"),
    }
}
