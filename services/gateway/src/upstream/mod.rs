//! The services behind the gateway, and how they are called: with the caller's own credentials and a deadline.

pub(crate) mod catalog;
mod refusal;

use std::time::Duration;

use kit::grpc::Client;
use proto::pb::account_service_client::AccountServiceClient;
use proto::pb::order_service_client::OrderServiceClient;
use proto::pb::payment_service_client::PaymentServiceClient;
use proto::pb::recommender_service_client::RecommenderServiceClient;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;

use self::catalog::Catalog;
use crate::Config;
use crate::error::Error;
use crate::session::Session;

/// How long one call may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);
/// How long logging in may take: tries after failures wait for their turn. Less than a request has altogether.
pub(crate) const LOGIN_DEADLINE: Duration = Duration::from_secs(12);

/// Connections to all services. They connect when they are used and again whenever they have to.
#[derive(Clone)]
pub(crate) struct Upstreams {
    pub(crate) account: AccountServiceClient<Client>,
    pub(crate) order: OrderServiceClient<Client>,
    pub(crate) payment: PaymentServiceClient<Client>,
    pub(crate) recommender: RecommenderServiceClient<Client>,
    pub(crate) catalog: Catalog,
    /// Of all but the catalog, by name.
    pub(crate) health: Vec<(&'static str, HealthClient<Client>)>,
}

impl Upstreams {
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        let account = Client::new(&config.account_url)?;
        let order = Client::new(&config.order_url)?;
        let payment = Client::new(&config.payment_url)?;
        let recommender = Client::new(&config.recommender_url)?;
        let health = [("account", &account), ("order", &order), ("payment", &payment), ("recommender", &recommender)];
        Ok(Self {
            health: health.map(|(name, channel)| (name, HealthClient::new(channel.clone()))).into(),
            account: AccountServiceClient::new(account),
            order: OrderServiceClient::new(order),
            payment: PaymentServiceClient::new(payment),
            recommender: RecommenderServiceClient::new(recommender),
            catalog: Catalog::new(config.product_url.clone())?,
        })
    }
}

/// A request in nobody's name: what is public must not fail on an old token that a client sends along.
pub(crate) fn public<T>(message: T, deadline: Duration) -> Request<T> {
    kit::grpc::request(message, None, deadline)
}

/// A request in the caller's name: `authorization` goes on as it came, also when it came not at all.
pub(crate) fn personal<T>(message: T, session: &Session) -> Result<Request<T>, Error> {
    let mut request = kit::grpc::request(message, None, DEADLINE);
    if let Some(authorization) = session.authorization() {
        let mut value = MetadataValue::try_from(authorization)
            .map_err(|_| Error::unauthenticated("the authorization can't be read"))?;
        value.set_sensitive(true);
        request.metadata_mut().insert("authorization", value);
    }
    Ok(request)
}

/// The message that `service` answered with.
pub(crate) fn answer<T>(service: &'static str, result: Result<Response<T>, Status>) -> Result<T, Error> {
    result.map(Response::into_inner).map_err(|status| Error::from_status(service, &status))
}

/// An id from GraphQL's `Int` as the services have it. One out of their range names nothing.
pub(crate) fn id(what: &'static str, id: i32) -> Result<u64, Error> {
    u64::try_from(id).ok().filter(|id| *id > 0).ok_or_else(|| Error::not_found(what))
}

/// An account as an argument names it; 0 is the caller. What no account can have is another's, as any other would be.
pub(crate) fn account(named: Option<i32>) -> Result<u64, Error> {
    u64::try_from(named.unwrap_or(0))
        .map_err(|_| Error::new(Code::PermissionDenied, "the account named is not the caller's"))
}

/// An id from a service as GraphQL's `Int`.
pub(crate) fn int(service: &'static str, id: impl TryInto<i32> + std::fmt::Display + Copy) -> Result<i32, Error> {
    id.try_into().map_err(|_| Error::unexpected(service, format_args!("{id} does not fit GraphQL's Int")))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_service_that_dies_under_a_call_or_is_not_there_is_unavailable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // Enough of HTTP/2 for the client to begin.
                let _ = stream.read(&mut [0; 64]).await;
            }
        });
        for url in [url.as_str(), "http://127.0.0.1:1"] {
            let mut account = AccountServiceClient::new(Client::new(url).expect("a URL"));
            let result = account.get_account(public(0, DEADLINE)).await;
            let error = answer("account", result).expect_err("nobody answers");
            assert_eq!(
                (error.code(), error.to_string().as_str()),
                ("UNAVAILABLE", "account can't be reached"),
                "{url}"
            );
        }
    }

    #[tokio::test]
    async fn a_service_that_does_not_answer_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let mut account = AccountServiceClient::new(Client::new(&url).expect("a URL"));
        let result = account.get_account(public(0, Duration::from_millis(100))).await;
        assert_eq!(answer("account", result).expect_err("nobody answers").code(), "DEADLINE_EXCEEDED");
    }
}
