//! What a shopper does, through the gateway and the payment page.

use std::collections::HashMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Shop,
    basket::Basket,
    catalog::{self, Product},
    gateway::{Gateway, chain},
    report::{Expect as _, Failure, same},
};

/// Searches at a time.
const AT_ONCE: usize = 8;

pub(super) struct Shopper {
    pub(super) account_id: i64,
    pub(super) token: String,
    gateway: Gateway,
    client: reqwest::Client,
    /// Of the one order that is made.
    key: String,
}

/// A line of the cart at the price in the catalog, or of an order's event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Line {
    pub(super) product_id: String,
    pub(super) quantity: i64,
    pub(super) price_cents: i64,
}

/// An order as the gateway gives it, with the cart that it was made from.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: i64,
    pub(super) total_cents: i64,
    pub(super) cart: Vec<Line>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

#[derive(Deserialize)]
struct Me {
    id: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ordered {
    id: i64,
    account_id: i64,
    status: String,
    total_cents: i64,
    products: Vec<OrderedLine>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderedLine {
    product_id: String,
    quantity: i64,
    price_cents: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkout {
    checkout_url: String,
}

#[derive(Deserialize)]
struct Page {
    success_url: String,
}

impl Shopper {
    /// A new customer, with credentials that only this run knows, who then logs in as one who comes back would.
    pub(super) async fn arrive(shop: &Shop, client: reqwest::Client) -> Result<(Self, String), Failure> {
        let gateway = Gateway::new(client.clone(), &shop.gateway);
        let (new, _) = Uuid::new_v4().as_u64_pair();
        let email = format!("shopper-{new:x}@example.com");
        let password = Uuid::new_v4().to_string();
        let credentials = json!({ "name": "A shopper", "email": email, "password": password });
        let register = "mutation ($name: String!, $email: String!, $password: String!) \
                        { register(name: $name, email: $email, password: $password) { token } }";
        let Token { token: first } = gateway.run("register", register, credentials.clone()).await?;
        let login = "mutation ($email: String!, $password: String!) \
                     { login(email: $email, password: $password) { token } }";
        let credentials = json!({ "email": email, "password": password });
        let Token { token } = gateway.run("login", login, credentials).await?;
        let me = "{ me { id } }";
        let Me { id: registered } = gateway.with_token(&first).run("me", me, Value::Null).await?;
        let gateway = gateway.with_token(&token);
        let Me { id: account_id } = gateway.run("me", me, Value::Null).await?;
        same("after the login the account", &registered, &account_id)?;
        let key = Uuid::new_v4().to_string();
        let detail = format!("account {account_id}, {email}");
        Ok((Self { account_id, token, gateway, client, key }, detail))
    }

    /// Finds each thing of the basket by its stock code.
    pub(super) async fn fill_cart(&self, shop: &Shop, basket: &Basket) -> Result<(Vec<Line>, String), Failure> {
        let lines = basket.lines.iter().map(|(code, quantity)| self.find(shop, code, *quantity));
        let cart: Vec<Line> = stream::iter(lines).buffered(AT_ONCE).try_collect().await?;
        let detail = format!("invoice {}: {} products, {} pieces", basket.invoice, cart.len(), basket.pieces());
        Ok((cart, detail))
    }

    async fn find(&self, shop: &Shop, code: &str, quantity: u32) -> Result<Line, Failure> {
        let Product { id, price_cents, .. } = catalog::find(&self.client, &shop.product, code).await?;
        Ok(Line { product_id: id, quantity: quantity.into(), price_cents })
    }

    /// Orders the cart.
    pub(super) async fn order(&self, cart: Vec<Line>) -> Result<(Order, String), Failure> {
        let ordered = self.create_order(&cart).await?;
        same("an order of account", &self.account_id, &ordered.account_id)?;
        same("a status of", &"PENDING", &ordered.status.as_str())?;
        let wanted: Vec<OrderedLine> = cart
            .iter()
            .map(|line| OrderedLine {
                product_id: line.product_id.clone(),
                quantity: line.quantity,
                price_cents: line.price_cents,
            })
            .collect();
        same("an order of", &wanted, &ordered.products)?;
        let order = Order { id: ordered.id, total_cents: ordered.total_cents, cart };
        let detail = format!("order {}, {}", order.id, amount(order.total_cents));
        Ok((order, detail))
    }

    /// As a client does that has not heard the first answer.
    pub(super) async fn order_again(&self, order: &Order) -> Result<((), String), Failure> {
        let again = self.create_order(&order.cart).await?;
        same("order", &order.id, &again.id)?;
        Ok(((), format!("the same order {}", again.id)))
    }

    async fn create_order(&self, cart: &[Line]) -> Result<Ordered, Failure> {
        let operation = "mutation ($products: [OrderProductInput!]!, $key: String) { \
                         createOrder(products: $products, idempotencyKey: $key) \
                         { id accountId status totalCents products { productId quantity priceCents } } }";
        let line = |line: &Line| json!({ "productId": line.product_id, "quantity": line.quantity });
        let products: Vec<Value> = cart.iter().map(line).collect();
        self.gateway.run("createOrder", operation, json!({ "products": products, "key": self.key })).await
    }

    /// Answers with the address of the payment page.
    pub(super) async fn check_out(&self, order: &Order) -> Result<(Url, String), Failure> {
        let operation = "mutation ($order: Int!) { checkout(orderId: $order) { checkoutUrl } }";
        let Checkout { checkout_url } = self.gateway.run("checkout", operation, json!({ "order": order.id })).await?;
        let url = Url::parse(&checkout_url).expect_that("the address of a payment page")?;
        // Who has the whole link may pay.
        let detail = format!("a page on {}", url.origin().ascii_serialization());
        Ok((url, detail))
    }

    /// Opens the page as a program; answers with where its Pay button leads.
    pub(super) async fn open_page(&self, url: &Url, order: &Order) -> Result<(Url, String), Failure> {
        let expected = "a payment page for programs";
        let page = self.get(url, expected).await?;
        same("an amount in cents of", &Some(order.total_cents), &page["amount_cents"].as_i64())?;
        let Page { success_url } = serde_json::from_value(page).expect_that(expected)?;
        let pay = url.join(&success_url).expect_that("where its Pay button leads")?;
        Ok((pay, amount(order.total_cents)))
    }

    /// Presses the Pay button.
    pub(super) async fn press_pay(&self, pay: Url) -> Result<((), String), Failure> {
        let answer = self.get(&pay, "a payment that is accepted").await?;
        Ok(((), answer["message"].as_str().unwrap_or_default().to_owned()))
    }

    async fn get(&self, url: &Url, expected: &str) -> Result<Value, Failure> {
        // Its own text would show the whole link.
        let failed = |error: reqwest::Error| Failure::new(expected, chain(&error.without_url()));
        let response = self.client.get(url.clone()).send().await.map_err(failed)?;
        response.error_for_status().map_err(failed)?.json().await.map_err(failed)
    }
}

/// Lines as a set: quantities and prices by product.
pub(super) fn by_product(cart: &[Line]) -> HashMap<&str, (i64, i64)> {
    cart.iter().map(|line| (line.product_id.as_str(), (line.quantity, line.price_cents))).collect()
}

/// Cents for people.
pub(super) fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
