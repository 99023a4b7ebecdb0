//! The gRPC face: `pb.AccountService`.

use kit::auth::{Caller, Signer, Verifier};
use kit::database::traced;
use kit::telemetry;
use proto::pb;
use proto::pb::account_service_server::AccountService;
use tonic::{Request, Response, Status};

use crate::domain::{Account, Email, Name, Password};
use crate::error::Error;
use crate::password::Hasher;
use crate::store::{Credentials, Store};
use crate::throttle::Throttle;

pub(crate) struct Api {
    pub store: Store,
    pub hasher: Hasher,
    pub throttle: Throttle,
    pub signer: Signer,
    pub verifier: Verifier,
}

impl Api {
    async fn register(&self, request: pb::RegisterRequest) -> Result<String, Error> {
        let name = Name::parse(&request.name)?;
        let email = Email::parse(&request.email)?;
        let password = Password::parse(request.password)?;
        let hash = self.hasher.hash(password).await?;
        let account = traced("INSERT accounts", self.store.insert(&name, &email, &hash)).await?;
        telemetry::attribute("shop.account.id", account.id);
        tracing::info!(account_id = account.id, "registered");
        Ok(self.token(&account))
    }

    async fn login(&self, request: pb::LoginRequest) -> Result<String, Error> {
        // What could never have been registered is told apart by anyone: no need to hide that it has no account.
        let email = Email::parse(&request.email).map_err(|_| Error::BadCredentials)?;
        let password = Password::parse(request.password).map_err(|_| Error::BadCredentials)?;
        let turn = self.throttle.turn(email.key()).await?;
        let stored = match traced("SELECT accounts", self.store.credentials(&email)).await {
            Ok(stored) => stored,
            Err(error) => {
                turn.forgive();
                return Err(error.into());
            }
        };
        let (account, hash) = match stored {
            Some(Credentials { account, password_hash }) => (Some(account), Some(password_hash)),
            None => (None, None),
        };
        let verified = self.hasher.verify(password, hash).await?;
        let account = account.filter(|_| verified).ok_or(Error::BadCredentials)?;
        turn.forgive();
        telemetry::attribute("shop.account.id", account.id);
        Ok(self.token(&account))
    }

    async fn account(&self, caller: Caller, id: u64) -> Result<Account, Error> {
        let asked = match (caller, id) {
            (Caller::User { account_id, .. }, 0) => account_id,
            // Another's account does not exist for this caller, and neither does an id out of range.
            (Caller::User { account_id, .. }, id) => {
                i64::try_from(id).ok().filter(|id| *id == account_id).ok_or(Error::UnknownAccount)?
            }
            (Caller::Anonymous, 0) => return Err(Error::Nobody),
            (Caller::Anonymous, id) => i64::try_from(id).map_err(|_| Error::UnknownAccount)?,
            (Caller::Service(_), _) => return Err(Error::NotForServices),
        };
        telemetry::attribute("shop.account.id", asked);
        traced("SELECT accounts", self.store.account(asked)).await?.ok_or(Error::UnknownAccount)
    }

    fn token(&self, account: &Account) -> String {
        self.signer.user_token(account.id, &account.email)
    }
}

#[tonic::async_trait]
impl AccountService for Api {
    async fn register(&self, request: Request<pb::RegisterRequest>) -> Result<Response<String>, Status> {
        Ok(Response::new(self.register(request.into_inner()).await?))
    }

    async fn login(&self, request: Request<pb::LoginRequest>) -> Result<Response<String>, Status> {
        Ok(Response::new(self.login(request.into_inner()).await?))
    }

    async fn get_account(&self, request: Request<u64>) -> Result<Response<pb::AccountResponse>, Status> {
        let caller = self.verifier.grpc_caller(request.metadata())?;
        let Account { id, name, email } = self.account(caller, request.into_inner()).await?;
        // The database's identity column is positive.
        let account = pb::Account { id: id.unsigned_abs(), name, email };
        Ok(Response::new(pb::AccountResponse { account: Some(account) }))
    }
}
