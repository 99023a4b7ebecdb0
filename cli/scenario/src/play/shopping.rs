//! What a shopper does with orders, through the gateway and the payment page.

use reqwest::Url;
use serde_json::{Value, json};

use super::{Play, guard};
use crate::{
    file::{OnOrder, OrderOf, Press},
    gateway::chain,
    report::{Expect as _, Failure},
};

impl Play<'_> {
    pub(super) async fn order(&self, order: &OrderOf) -> Result<String, Failure> {
        let operation = "mutation ($products: [OrderProductInput!]!, $key: String) { \
                         createOrder(products: $products, idempotencyKey: $key) \
                         { id status totalCents products { productId quantity priceCents } } }";
        let mut products: Vec<Value> = order
            .lines
            .iter()
            .map(|line| json!({ "productId": self.product(&line.product), "quantity": line.quantity }))
            .collect();
        if let Some(basket) = &order.basket {
            let lines = self.field(basket, "lines")?;
            let line = |line: &Value| json!({ "productId": line["product_id"], "quantity": line["quantity"] });
            products.extend(lines.as_array().into_iter().flatten().map(line));
        }
        let variables = json!({ "products": products, "key": order.key });
        let refused = order.refused.as_deref();
        let created = self
            .tried(order.within, async || {
                self.field_as(&order.by, "createOrder", operation, variables.clone(), refused).await
            })
            .await?;
        let Some(created) = created else { return Ok("refused".to_owned()) };
        let id = created["id"].as_i64().ok_or_else(|| Failure::new("an order with an id", &created))?;
        let mut orders = guard(&self.orders);
        if !orders.contains(&id) {
            orders.push(id);
        }
        drop(orders);
        let line = |line: &Value| json!({ "product_id": line["productId"], "quantity": line["quantity"], "price_cents": line["priceCents"] });
        let lines: Vec<Value> = created["products"].as_array().into_iter().flatten().map(line).collect();
        let (status, total) = (&created["status"], &created["totalCents"]);
        let told = format!("order {id}, {total} cents");
        if let Some(name) = &order.keep {
            let value = json!({ "id": id, "by": order.by, "status": status, "total_cents": total, "lines": lines });
            self.keep(name, value);
        }
        Ok(told)
    }

    pub(super) async fn cancel(&self, cancel: &OnOrder) -> Result<String, Failure> {
        let operation = "mutation ($id: Int!) { cancelOrder(orderId: $id) { status } }";
        let answer = self.on_order(cancel, "cancelOrder", operation).await?;
        Ok(answer.map_or_else(|| "refused".to_owned(), |answer| answer["status"].to_string()))
    }

    pub(super) async fn check_out(&self, checkout: &OnOrder) -> Result<String, Failure> {
        let operation = "mutation ($id: Int!) { checkout(orderId: $id) { checkoutUrl } }";
        let Some(answer) = self.on_order(checkout, "checkout", operation).await? else {
            return Ok("refused".to_owned());
        };
        let page = answer["checkoutUrl"].as_str().ok_or_else(|| Failure::new("a payment page", &answer))?;
        let url = Url::parse(page).expect_that("the address of a payment page")?;
        let transaction = page.rsplit('/').next().unwrap_or_default();
        let mut values = guard(&self.values);
        values.set_field(&checkout.order, "page", page.into());
        values.set_field(&checkout.order, "transaction", transaction.into());
        // Who has the whole link may pay.
        Ok(format!("a page on {}", url.origin().ascii_serialization()))
    }

    async fn on_order(&self, on: &OnOrder, field: &str, operation: &str) -> Result<Option<Value>, Failure> {
        let id = self.number(&on.order, "id")?;
        let by = on.by.clone().map_or_else(|| self.text(&on.order, "by"), Ok)?;
        let refused = on.refused.as_deref();
        self.tried(on.within, async || self.field_as(&by, field, operation, json!({ "id": id }), refused).await).await
    }

    /// Opens the payment page, and presses the button whose address is in this field of it.
    pub(super) async fn press(&self, press: &Press, button: Option<&str>) -> Result<String, Failure> {
        let page = self.text(&press.order, "page").map_err(|_| {
            Failure::new(format_args!("a payment page of {}", press.order), "no checkout was opened for it")
        })?;
        let page = Url::parse(&page).expect_that("the address of a payment page")?;
        let wanted = press.status.unwrap_or(200);
        self.tried(press.within, async || {
            let expected = format!("{wanted} from the payment page");
            let (mut status, mut body) = self.get(page.clone(), &expected).await?;
            if let Some(button) = button.filter(|_| status == 200) {
                let link =
                    body[button].as_str().ok_or_else(|| Failure::new(format_args!("a page with {button}"), &body))?;
                let link = page.join(link).expect_that("where its button leads")?;
                (status, body) = self.get(link, &expected).await?;
            }
            let message = body["message"].as_str().unwrap_or_default();
            if status == wanted {
                Ok(message.to_owned())
            } else {
                Err(Failure::new(&expected, format_args!("{status} {message}")))
            }
        })
        .await
    }

    async fn get(&self, url: Url, expected: &str) -> Result<(u16, Value), Failure> {
        // Its own text would show the whole link.
        let failed = |error: reqwest::Error| Failure::new(expected, chain(&error.without_url()));
        let response = self.stage.client.get(url).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        Ok((status, response.json().await.unwrap_or_default()))
    }
}
