use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{StatusCode, Url};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    gateway::{Gateway, Refusal, chain},
    report::Failure,
};

/// How long a client tries one thing.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between its tries, at first and at most.
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(320);
/// For one answer.
const ANSWER: Duration = Duration::from_secs(15);

/// How often somebody tried what had been tried before.
pub(super) type Tries = Arc<AtomicU64>;

/// A shopper whose client tries again until it has an answer, each time the same: under the same key, on the same page.
pub(super) struct Client {
    gateway: Gateway,
    http: reqwest::Client,
    pub(super) account: i64,
    /// A product of their own.
    product: String,
    again: Tries,
}

/// How a checkout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    Pay,
    /// Pays with a second card.
    DeclineThenPay,
    /// Cancels while the payment is under way: either may win.
    PayAndCancel,
}

/// What a client was told last of an order.
pub(super) struct Told {
    pub(super) order: i64,
    pub(super) status: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Trouble {
    step: &'static str,
    /// An order that was made before.
    pub(super) order: Option<i64>,
    why: String,
}

enum Try {
    /// Another one may help.
    Passing(String),
    Refused(Refusal),
}

impl Client {
    /// Registers, and offers a product.
    pub(super) async fn arrive(gateway: &str, again: &Tries) -> Result<Self, Trouble> {
        let mut client = Self::newcomer(gateway, again).await?;
        let operation =
            "mutation ($name: String!) { createProduct(name: $name, description: \"\", price: 1.0) { id } }";
        let product = client.tried("offer a product", "createProduct", operation, json!({ "name": "A lamp" })).await?;
        client.product = product["id"].as_str().unwrap_or_default().to_owned();
        Ok(client)
    }

    /// Registers; who does not hear that it worked is told the next time that the account is there, and logs in.
    pub(super) async fn newcomer(gateway: &str, again: &Tries) -> Result<Self, Trouble> {
        let failed = |error: reqwest::Error| Trouble { step: "a client", order: None, why: error.to_string() };
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER).build().map_err(failed)?;
        let gateway = Gateway::new(http.clone(), gateway);
        let mut client = Self { gateway, http, account: 0, product: String::new(), again: again.clone() };
        let email = format!("crash-{}@example.com", Uuid::new_v4().simple());
        let variables = json!({ "email": email, "password": Uuid::new_v4().to_string() });
        let register = "mutation ($email: String!, $password: String!) \
                        { register(name: \"A shopper\", email: $email, password: $password) { token } }";
        let login =
            "mutation ($email: String!, $password: String!) { login(email: $email, password: $password) { token } }";
        let answer = match client.tried_or_refused("register", "register", register, variables.clone()).await? {
            Ok(answer) => answer,
            Err(refusal) if refusal.code == "ALREADY_EXISTS" => {
                client.tried("log in", "login", login, variables).await?
            }
            Err(refusal) => return Err(Trouble { step: "register", order: None, why: refusal.to_string() }),
        };
        client.gateway = client.gateway.with_token(answer["token"].as_str().unwrap_or_default());
        let me = client.tried("look at the account", "me", "{ me { id } }", Value::Null).await?;
        client.account = me["id"].as_i64().unwrap_or_default();
        Ok(client)
    }

    /// Gives their product another price.
    pub(super) async fn change_price(&self, cents: u32) -> Result<(), Trouble> {
        let operation = "mutation ($id: String!, $price: Float!) { updateProduct(id: $id, price: $price) { id } }";
        let variables = json!({ "id": self.product, "price": f64::from(cents) / 100.0 });
        self.tried("change a price", "updateProduct", operation, variables).await.map(drop)
    }

    /// A whole checkout; answers with what was told of its order last.
    pub(super) async fn buy(&self, basket: &[(&str, u32)], course: Course) -> Result<Told, Trouble> {
        let line = |(id, quantity): &(&str, u32)| json!({ "productId": id, "quantity": quantity });
        let products: Vec<Value> = basket.iter().map(line).collect();
        let operation = "mutation ($products: [OrderProductInput!]!, $key: String) \
                         { createOrder(products: $products, idempotencyKey: $key) { id } }";
        let variables = json!({ "products": products, "key": Uuid::new_v4().to_string() });
        let created = self.tried("order", "createOrder", operation, variables).await?;
        let order = created["id"].as_i64().unwrap_or_default();
        self.settle(order, course).await.map_err(|trouble| Trouble { order: Some(order), ..trouble })
    }

    async fn settle(&self, order: i64, course: Course) -> Result<Told, Trouble> {
        match course {
            Course::Pay => self.check_out(order, "success_url").await?,
            Course::DeclineThenPay => {
                self.check_out(order, "fail_url").await?;
                self.becomes(order, &["PAYMENT_FAILED"]).await?;
                self.check_out(order, "success_url").await?;
            }
            Course::PayAndCancel => {
                let (paid, cancelled) = tokio::join!(self.check_out(order, "success_url"), self.cancel(order));
                paid.and(cancelled)?;
            }
        }
        let wanted: &[&str] = match course {
            Course::Pay | Course::DeclineThenPay => &["PAID"],
            Course::PayAndCancel => &["PAID", "CANCELLED"],
        };
        Ok(Told { order, status: self.becomes(order, wanted).await? })
    }

    /// Opens the payment page and presses a button of it. An order that needs no payment any more is as well.
    async fn check_out(&self, order: i64, button: &str) -> Result<(), Trouble> {
        let operation = "mutation ($order: Int!) { checkout(orderId: $order) { checkoutUrl } }";
        let session =
            self.tried_or_refused("open a checkout", "checkout", operation, json!({ "order": order })).await?;
        let Some(url) = done_before("open a checkout", session)? else { return Ok(()) };
        let trouble = |step: &'static str| move |why: String| Trouble { step, order: Some(order), why };
        let step = "open the payment page";
        let url = url["checkoutUrl"].as_str().and_then(|url| Url::parse(url).ok());
        let url = url.ok_or_else(|| trouble(step)("no address of a page".to_owned()))?;
        let Some(page) = self.fetched(step, &url).await? else { return Ok(()) };
        let link = page[button].as_str().and_then(|link| url.join(link).ok());
        let link = link.ok_or_else(|| trouble(step)(format!("no {button}")))?;
        self.fetched("pay", &link).await.map(drop)
    }

    async fn cancel(&self, order: i64) -> Result<(), Trouble> {
        let operation = "mutation ($id: Int!) { cancelOrder(orderId: $id) { status } }";
        let answer = self.tried_or_refused("cancel", "cancelOrder", operation, json!({ "id": order })).await?;
        done_before("cancel", answer).map(drop)
    }

    /// Waits until the order has one of these statuses; answers with which.
    async fn becomes(&self, order: i64, wanted: &[&str]) -> Result<String, Trouble> {
        let operation = "query ($id: Int!) { order(id: $id) { status } }";
        let (began, mut pause) = (Instant::now(), FIRST);
        loop {
            let answer = self.tried("look at the order", "order", operation, json!({ "id": order })).await?;
            let status = answer["status"].as_str().unwrap_or_default();
            if wanted.contains(&status) {
                return Ok(status.to_owned());
            }
            if began.elapsed() > PATIENCE {
                let why = format!("{status} after {PATIENCE:?}, not {}", wanted.join(" or "));
                return Err(Trouble { step: "wait for the order", order: Some(order), why });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn tried(
        &self,
        step: &'static str,
        field: &str,
        operation: &str,
        variables: Value,
    ) -> Result<Value, Trouble> {
        let answer = self.tried_or_refused(step, field, operation, variables).await?;
        answer.map_err(|refusal| Trouble { step, order: None, why: refusal.to_string() })
    }

    /// Until there is an answer, or a refusal that another try would not change.
    async fn tried_or_refused(
        &self,
        step: &'static str,
        field: &str,
        operation: &str,
        variables: Value,
    ) -> Result<Result<Value, Refusal>, Trouble> {
        self.until_answered(step, || {
            let asked = self.gateway.ask(field, operation, variables.clone());
            async move {
                match asked.await {
                    Ok(Ok(mut data)) => Ok(data[field].take()),
                    Ok(Err(refusal)) if is_passing(&refusal.code) => Err(Try::Passing(refusal.to_string())),
                    Ok(Err(refusal)) => Err(Try::Refused(refusal)),
                    Err(failure) => Err(Try::Passing(failure.observed)),
                }
            }
        })
        .await
    }

    /// A page as programs get it; none where there is nothing to pay any more.
    async fn fetched(&self, step: &'static str, url: &Url) -> Result<Option<Value>, Trouble> {
        let answer = self
            .until_answered(step, || async {
                // Its own text would show the whole link.
                let away = |error: reqwest::Error| Try::Passing(chain(&error.without_url()));
                let response = self.http.get(url.clone()).send().await.map_err(away)?;
                match response.status() {
                    StatusCode::CONFLICT => Ok(None),
                    status if status.is_success() => Ok(Some(response.json().await.map_err(away)?)),
                    status if status.is_server_error() => Err(Try::Passing(status.to_string())),
                    status => Err(Try::Refused(Refusal { code: status.to_string(), message: "refused".to_owned() })),
                }
            })
            .await?;
        answer.map_err(|refusal| Trouble { step, order: None, why: refusal.to_string() })
    }

    async fn until_answered<T, F: Future<Output = Result<T, Try>>>(
        &self,
        step: &'static str,
        attempt: impl Fn() -> F,
    ) -> Result<Result<T, Refusal>, Trouble> {
        let (began, mut pause) = (Instant::now(), FIRST);
        loop {
            let why = match attempt().await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(Try::Refused(refusal)) => return Ok(Err(refusal)),
                Err(Try::Passing(why)) => why,
            };
            if began.elapsed() > PATIENCE {
                return Err(Trouble { step, order: None, why });
            }
            self.again.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }
}

impl Trouble {
    pub(super) fn failure(self) -> Failure {
        Failure::new(self.step, self.why)
    }
}

/// Whether the same may work a moment later.
fn is_passing(code: &str) -> bool {
    ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "CANCELLED", "ABORTED", "RESOURCE_EXHAUSTED"]
        .contains(&code)
}

/// None where somebody else, or a try whose answer was lost, has settled the order before.
fn done_before(step: &'static str, answer: Result<Value, Refusal>) -> Result<Option<Value>, Trouble> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(refusal) if refusal.code == "FAILED_PRECONDITION" => Ok(None),
        Err(refusal) => Err(Trouble { step, order: None, why: refusal.to_string() }),
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.step, self.why)
    }
}
