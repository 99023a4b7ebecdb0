//! A running shop as its clients see it.

use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::{Value, json};
use testkit::eventually;
use uuid::Uuid;

/// From a payment to the order that knows it, on a busy machine.
pub(crate) const SETTLED: Duration = Duration::from_secs(60);

/// The shop's addresses and a client.
pub(crate) struct Shop {
    addresses: Value,
    client: Client,
}

/// Somebody with an account.
pub(crate) struct Shopper {
    pub(crate) token: String,
    pub(crate) id: i64,
}

impl Shop {
    pub(crate) fn at(addresses: Value) -> Self {
        Self { addresses, client: Client::builder().no_proxy().build().expect("a client can be built") }
    }

    pub(crate) fn address(&self, name: &str) -> &str {
        self.addresses[name].as_str().unwrap_or_else(|| panic!("{name} has an address"))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The answer to a GraphQL operation, errors and all; an error if the gateway cannot be reached.
    pub(crate) async fn graphql(&self, token: &str, query: &str, variables: Value) -> reqwest::Result<Value> {
        let request = self.client.post(self.address("gateway")).bearer_auth(token);
        request.json(&json!({ "query": query, "variables": variables })).send().await?.json().await
    }

    /// One field of an operation. An error if the shop did not answer or refused.
    async fn try_field(&self, token: &str, name: &str, query: &str, variables: Value) -> Result<Value, String> {
        let answer = self.graphql(token, query, variables).await;
        let mut answer = answer.map_err(|error| error.to_string())?;
        match answer.get("errors") {
            Some(errors) => Err(errors.to_string()),
            None => Ok(answer["data"][name].take()),
        }
    }

    /// One field of an operation that must succeed.
    pub(crate) async fn field(&self, token: &str, name: &str, query: &str, variables: Value) -> Value {
        let field = self.try_field(token, name, query, variables).await;
        field.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) async fn shopper(&self) -> Shopper {
        let email = format!("e2e-{}@example.com", Uuid::new_v4().simple());
        let query = "mutation ($e: String!) { register(name: \"E\", email: $e, password: \"long enough\") { token } }";
        let answer = self.client.post(self.address("gateway"));
        let answer = answer.json(&json!({ "query": query, "variables": { "e": email } })).send().await;
        let answer: Value = answer.expect("the gateway answers").json().await.expect("it answers in JSON");
        let token = answer["data"]["register"]["token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let me = self.field(&token, "me", "{ me { id } }", Value::Null).await;
        Shopper { token, id: me["id"].as_i64().expect("an id") }
    }

    /// A product of this shopper's own; answers with its id.
    pub(crate) async fn product(&self, seller: &Shopper, price: f64) -> String {
        let body = json!({ "name": "A lamp", "description": "", "price": price, "account_id": seller.id });
        let request = self.client.post(format!("{}/products/", self.address("product"))).bearer_auth(&seller.token);
        let product: Value = body_of(request.json(&body).send().await).await;
        product["id"].as_str().unwrap_or_else(|| panic!("{product}")).to_owned()
    }

    /// Orders two of a product under a key. An error if the shop did not answer or refused.
    pub(crate) async fn order(&self, shopper: &Shopper, product: &str, key: &str) -> Result<Value, String> {
        let query = "mutation ($p: String!, $k: String) { createOrder(products: [{productId: $p, quantity: 2}], \
                     idempotencyKey: $k) { id status totalCents } }";
        self.try_field(&shopper.token, "createOrder", query, json!({ "p": product, "k": key })).await
    }

    pub(crate) async fn status(&self, shopper: &Shopper, order: i64) -> String {
        let query = "query ($id: Int!) { order(id: $id) { status } }";
        let order = self.field(&shopper.token, "order", query, json!({ "id": order })).await;
        order["status"].as_str().unwrap_or_else(|| panic!("{order}")).to_owned()
    }

    /// Statuses and amounts of an order's transactions.
    pub(crate) async fn transactions(&self, shopper: &Shopper, order: i64) -> Vec<(String, i64)> {
        let query = "query ($id: Int!) { order(id: $id) { transactions { status amountCents } } }";
        let order = self.field(&shopper.token, "order", query, json!({ "id": order })).await;
        let transactions = order["transactions"].as_array().unwrap_or_else(|| panic!("{order}"));
        let pair = |one: &Value| Some((one["status"].as_str()?.to_owned(), one["amountCents"].as_i64()?));
        transactions.iter().filter_map(pair).collect()
    }

    /// Opens a session; answers with the address of its payment page.
    pub(crate) async fn check_out(&self, shopper: &Shopper, order: i64) -> String {
        self.try_check_out(shopper, order).await.unwrap_or_else(|error| panic!("checkout: {error}"))
    }

    /// The same. An error if the shop did not answer or refused.
    pub(crate) async fn try_check_out(&self, shopper: &Shopper, order: i64) -> Result<String, String> {
        let query = "mutation ($id: Int!) { checkout(orderId: $id) { checkoutUrl } }";
        let session = self.try_field(&shopper.token, "checkout", query, json!({ "id": order })).await?;
        Ok(session["checkoutUrl"].as_str().unwrap_or_else(|| panic!("{session}")).to_owned())
    }

    /// Presses Pay on a payment page, without looking at it before.
    pub(crate) async fn pay(&self, page: &str) -> reqwest::Result<Response> {
        self.client
            .get(format!("{}/SUCCESS", page.replace("/simulate_payment/", "/simulate_payment_action/")))
            .send()
            .await
    }

    /// Waits until the order has this status.
    pub(crate) async fn becomes(&self, shopper: &Shopper, order: i64, status: &str) {
        let what = format!("order {order} is {status}");
        eventually(SETTLED, &what, async || (self.status(shopper, order).await == status).then_some(())).await;
    }
}

pub(crate) async fn body_of(response: reqwest::Result<Response>) -> Value {
    let response = response.expect("the shop answers");
    let status = response.status();
    response.json().await.unwrap_or_else(|error| panic!("{status}: {error}"))
}
