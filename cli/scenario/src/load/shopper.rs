use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    gateway::{Gateway, chain},
    report::{Expect as _, Failure},
};

/// Somebody with an account, who may have several checkouts under way.
pub(super) struct Shopper {
    gateway: Gateway,
    client: Client,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

#[derive(Deserialize)]
struct Ordered {
    id: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    checkout_url: String,
}

#[derive(Deserialize)]
struct Page {
    success_url: String,
}

impl Shopper {
    pub(super) async fn arrive(gateway: &str, client: Client) -> Result<Self, Failure> {
        let gateway = Gateway::new(client.clone(), gateway);
        let register = "mutation ($name: String!, $email: String!, $password: String!) \
                        { register(name: $name, email: $email, password: $password) { token } }";
        let email = format!("load-{}@example.com", Uuid::new_v4().simple());
        let credentials = json!({ "name": "A shopper", "email": email, "password": Uuid::new_v4().to_string() });
        let Token { token } = gateway.run("register", register, credentials).await?;
        Ok(Self { gateway: gateway.with_token(&token), client })
    }

    /// Answers with the order's id.
    pub(super) async fn order(&self, basket: &[(&str, u32)]) -> Result<i64, Failure> {
        let operation = "mutation ($products: [OrderProductInput!]!) { createOrder(products: $products) { id } }";
        let line = |(id, quantity): &(&str, u32)| json!({ "productId": id, "quantity": quantity });
        let products: Vec<Value> = basket.iter().map(line).collect();
        let Ordered { id } = self.gateway.run("createOrder", operation, json!({ "products": products })).await?;
        Ok(id)
    }

    /// Answers with the address of the payment page.
    pub(super) async fn check_out(&self, order: i64) -> Result<Url, Failure> {
        let operation = "mutation ($order: Int!) { checkout(orderId: $order) { checkoutUrl } }";
        let Session { checkout_url } = self.gateway.run("checkout", operation, json!({ "order": order })).await?;
        Url::parse(&checkout_url).expect_that("the address of a payment page")
    }

    /// Answers with where its Pay button leads.
    pub(super) async fn open_page(&self, url: &Url) -> Result<Url, Failure> {
        let expected = "a payment page for programs";
        let page: Page = serde_json::from_value(self.get(url, expected).await?).expect_that(expected)?;
        url.join(&page.success_url).expect_that("where its Pay button leads")
    }

    pub(super) async fn pay(&self, url: &Url) -> Result<(), Failure> {
        self.get(url, "a payment that is accepted").await.map(drop)
    }

    async fn get(&self, url: &Url, expected: &str) -> Result<Value, Failure> {
        // Its own text would show the whole link.
        let failed = |error: reqwest::Error| Failure::new(expected, chain(&error.without_url()));
        let response = self.client.get(url.clone()).send().await.map_err(failed)?;
        response.error_for_status().map_err(failed)?.json().await.map_err(failed)
    }
}
