//! Customers of the attacked shop, who try again what may be tried again.

use std::fs;

use ed25519_dalek::{SigningKey, pkcs8::DecodePrivateKey as _};
use proto::pb::{
    self, order_service_client::OrderServiceClient, payment_service_client::PaymentServiceClient,
    recommender_service_client::RecommenderServiceClient,
};
use reqwest::StatusCode;
use serde_json::json;
use testkit::eventually;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use super::{
    part::{Part, Place},
    site::Site,
};
use crate::{access, promise::figure, shop::SETTLED};

/// Somebody who buys, with a product of their own, two of which cost 20.00.
#[derive(Clone)]
pub(super) struct Client {
    order: OrderServiceClient<Channel>,
    payment: PaymentServiceClient<Channel>,
    recommender: RecommenderServiceClient<Channel>,
    http: reqwest::Client,
    product_url: String,
    gateway: String,
    places: [Place; 3],
    token: String,
    pub(super) account: i64,
    pub(super) product: String,
}

/// How a checkout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Paid,
    Cancelled,
    /// Nothing more was asked for.
    Open,
    /// Both at once: the shop decides.
    Either,
}

impl Client {
    pub(super) async fn of(site: &Site) -> Self {
        let pem = fs::read_to_string(site.keys().signing_key("account")).expect("the key is there");
        let key = SigningKey::from_pkcs8_pem(&pem).expect("a key");
        // Nobody's before: the site is shared.
        let account = i64::from(rand::random::<u32>() >> 1).max(1);
        let places = [Part::Order, Part::Payment, Part::Recommender].map(|part| site.place(part));
        let gateway = format!("http://{}/graphql", site.place(Part::Gateway).http);
        let mut client = Self {
            order: OrderServiceClient::new(channel(places[0])),
            payment: PaymentServiceClient::new(channel(places[1])),
            recommender: RecommenderServiceClient::new(channel(places[2])),
            http: http(),
            gateway,
            places,
            product_url: format!("http://{}", site.place(Part::Product).http),
            token: access::token(&key, site.keys().instance(), account),
            account,
            product: String::new(),
        };
        client.product = eventually(SETTLED, "a product", async || client.create_product().await.ok().flatten()).await;
        client
    }

    /// The same customer at other processes of order and payment.
    pub(super) fn at(&self, order: Place, payment: Place) -> Self {
        let [_, _, recommender] = self.places;
        Self { places: [order, payment, recommender], ..self.clone() }.reconnected()
    }

    /// The same customer with connections of its own, which belong to the runtime that it is called in.
    pub(super) fn reconnected(&self) -> Self {
        let [order, payment, recommender] = self.places;
        Self {
            order: OrderServiceClient::new(channel(order)),
            payment: PaymentServiceClient::new(channel(payment)),
            recommender: RecommenderServiceClient::new(channel(recommender)),
            http: http(),
            ..self.clone()
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.token).parse().expect("tokens are ASCII");
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    /// The id of a new one; `None` if the shop refused for the moment.
    pub(super) async fn create_product(&self) -> reqwest::Result<Option<String>> {
        let body = json!({ "name": "A lamp", "description": "", "price": 10.0 });
        let request = self.http.post(format!("{}/products/", self.product_url)).bearer_auth(&self.token);
        let answer = request.json(&body).send().await?;
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            return Ok(None);
        }
        let product: serde_json::Value = answer.error_for_status()?.json().await?;
        Ok(product["id"].as_str().map(str::to_owned))
    }

    /// Gives one's own product another price.
    pub(super) async fn reprice(&self, cents: u32) {
        let body = json!({ "name": "A lamp", "description": "", "price": f64::from(cents) / 100.0 });
        eventually(SETTLED, "another price", async || {
            let request = self.http.put(format!("{}/products/{}", self.product_url, self.product));
            let answer = request.bearer_auth(&self.token).json(&body).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// The status of the answer to reading one's own product.
    pub(super) async fn read_product(&self) -> reqwest::Result<StatusCode> {
        let answer = self.http.get(format!("{}/products/{}", self.product_url, self.product)).send().await?;
        let status = answer.status();
        answer.bytes().await.map(|_| status)
    }

    pub(super) async fn order(&self, key: &str) -> Result<u64, Status> {
        let products = vec![pb::OrderProduct { product_id: self.product.clone(), quantity: 2, ..Default::default() }];
        let mut request = self.request(pb::CreateOrderRequest { account_id: 0, products });
        request.metadata_mut().insert("idempotency-key", key.parse().expect("keys are ASCII"));
        let answer = self.order.clone().create_order(request).await?.into_inner();
        Ok(answer.order.expect("the answer has an order").id)
    }

    pub(super) async fn cancel(&self, order: u64) -> Result<(), Status> {
        self.order.clone().cancel_order(self.request(order)).await.map(drop)
    }

    /// Opens a session; answers with the address of its payment page.
    pub(super) async fn check_out(&self, order: u64) -> Result<String, Status> {
        let request = pb::CreateCheckoutRequest { order_id: order, ..Default::default() };
        let answer = self.payment.clone().create_checkout_session(self.request(request)).await?;
        Ok(answer.into_inner().checkout_url)
    }

    pub(super) async fn recommend(&self) -> Result<(), Status> {
        let request = pb::RecommendationRequestForUserId { user_id: self.account.to_string(), skip: 0, take: 5 };
        self.recommender.clone().get_recommendations(request).await.map(drop)
    }

    /// Presses a button of the payment page: `SUCCESS` or `FAILED`.
    pub(super) async fn press(&self, page: &str, button: &str) -> reqwest::Result<StatusCode> {
        let action = page.replace("/simulate_payment/", "/simulate_payment_action/");
        let answer = self.http.get(format!("{action}/{button}")).send().await?;
        let status = answer.status();
        answer.bytes().await.map(|_| status)
    }

    /// A whole checkout, of the `n`th of four kinds, whatever happens to the shop meanwhile. Answers with the order.
    pub(super) async fn buy(&self, n: usize) -> (u64, Outcome) {
        let key = Uuid::new_v4().to_string();
        let order = match n % 3 {
            0 => self.order_at_gateway(&key).await,
            _ => insist("an order", async || self.order(&key).await).await.expect("it can be ordered"),
        };
        (order, self.finish(order, n).await)
    }

    async fn order_at_gateway(&self, key: &str) -> u64 {
        let what = "an order through the gateway";
        eventually(SETTLED, what, async || self.try_at_gateway(key).await.ok().and_then(Result::ok)).await
    }

    /// Orders through the gateway: the order's id, or the code of the error.
    pub(super) async fn try_at_gateway(&self, key: &str) -> reqwest::Result<Result<u64, String>> {
        let query = "mutation ($p: String!, $k: String) { createOrder(products: [{productId: $p, quantity: 2}], \
                     idempotencyKey: $k) { id } }";
        let body = json!({ "query": query, "variables": { "p": self.product, "k": key } });
        let request = self.http.post(&self.gateway).bearer_auth(&self.token).json(&body);
        let answer: serde_json::Value = request.send().await?.json().await?;
        let id = answer["data"]["createOrder"]["id"].as_u64();
        Ok(id.ok_or_else(|| answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()))
    }

    /// What comes after the order.
    pub(super) async fn finish(&self, order: u64, n: usize) -> Outcome {
        let page = insist("a session", async || self.check_out(order).await).await.expect("it can be paid");
        match n % 4 {
            0 => {
                self.settle(&page, "SUCCESS").await;
                Outcome::Paid
            }
            1 => {
                self.settle(&page, "FAILED").await;
                // Until payment has heard of the failure the session is still the first one.
                let again = eventually(SETTLED, "another session", async || {
                    let again = insist("another session", async || self.check_out(order).await).await;
                    Some(again.expect("it can be tried again")).filter(|again| *again != page)
                });
                self.settle(&again.await, "SUCCESS").await;
                Outcome::Paid
            }
            2 => {
                insist("a cancellation", async || self.cancel(order).await).await.expect("it was not paid");
                Outcome::Cancelled
            }
            _ => {
                let cancel = insist("a cancellation", async || self.cancel(order).await);
                let (_, cancelled) = tokio::join!(self.settle(&page, "SUCCESS"), cancel);
                let refused = cancelled.err().map(|status| status.code());
                assert!(matches!(refused, None | Some(Code::FailedPrecondition)), "{refused:?}");
                Outcome::Either
            }
        }
    }

    /// Presses a button until there is an answer.
    pub(super) async fn settle(&self, page: &str, button: &str) {
        let status = eventually(SETTLED, "the payment page answers", async || {
            self.press(page, button).await.ok().filter(|status| !status.is_server_error())
        })
        .await;
        assert!(status.is_success() || status == StatusCode::CONFLICT, "{button} on {page}: {status}");
    }
}

/// Calls until there is an answer that does not come from an outage.
pub(super) async fn insist<T>(what: &str, mut call: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, Status> {
    eventually(SETTLED, what, async || match call().await {
        Err(status) if is_outage(&status) => None,
        answer => Some(answer),
    })
    .await
}

/// What tonic makes of a connection that broke, and what services say when something that they need is away.
fn is_outage(status: &Status) -> bool {
    let broke = matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled)
        && std::error::Error::source(status).is_some();
    broke || matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded)
}

fn channel(place: Place) -> Channel {
    Endpoint::from_shared(format!("http://{}", place.grpc)).expect("an address").connect_lazy()
}

/// Keeps no connections, unless it is asked to: HTTP/1.1 lets a server close one just when a client sends, which is seldom,
/// but nobody can tell it from a failure.
fn http() -> reqwest::Client {
    let kept = if figure("ATTACK_KEEP_CONNECTIONS", 1, 0) == 0 { 0 } else { usize::MAX };
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(kept).build().expect("a client can be built")
}
