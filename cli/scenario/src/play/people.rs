//! Who takes part: shoppers, sellers, and what they are told.

use serde_json::{Value, json};
use uuid::Uuid;

use proto::pb::{
    RecommendationRequestForUserId, RecommendationRequestOnViews, recommender_service_client::RecommenderServiceClient,
};

use super::{Play, guard, tape::LiveTape};
use crate::{
    file::{AddProduct, ChangeProduct, DeleteProduct, LogIn, Recommend},
    gateway::Gateway,
    live::Live,
    report::{Expect as _, Failure},
};

/// As many as the recommender gives.
const RECOMMENDATIONS: u64 = 100;

impl Play<'_> {
    pub(super) async fn register(&self, actor: &str) -> Result<String, Failure> {
        // Also where one registers in every round.
        let email = format!("{actor}-{}-{:08x}@example.com", self.run, Uuid::new_v4().as_fields().0);
        let password = Uuid::new_v4().to_string();
        let operation = "mutation ($name: String!, $email: String!, $password: String!) \
                         { register(name: $name, email: $email, password: $password) { token } }";
        let variables = json!({ "name": actor, "email": email, "password": password });
        let answer: Value = self.stage.gateway().run("register", operation, variables).await?;
        self.arrived(actor, &email, &password, &answer).await
    }

    pub(super) async fn log_in(&self, login: &LogIn) -> Result<String, Failure> {
        let account = login.to.as_ref().unwrap_or(&login.actor);
        let (email, password) = (self.text(account, "email")?, self.text(account, "password")?);
        let operation =
            "mutation ($email: String!, $password: String!) { login(email: $email, password: $password) { token } }";
        let variables = json!({ "email": email, "password": password });
        let answer: Value = self.stage.gateway().run("login", operation, variables).await?;
        self.arrived(&login.actor, &email, &password, &answer).await
    }

    async fn arrived(&self, actor: &str, email: &str, password: &str, answer: &Value) -> Result<String, Failure> {
        let token = answer["token"].as_str().ok_or_else(|| Failure::new("a token", answer))?;
        let me: Value = self.stage.gateway().with_token(token).run("me", "{ me { id } }", Value::Null).await?;
        let value = json!({ "id": me["id"], "name": actor, "email": email, "password": password, "token": token });
        self.keep(actor, value);
        Ok(format!("account {}", me["id"]))
    }

    pub(super) fn gateway(&self, actor: &str) -> Result<Gateway, Failure> {
        Ok(self.stage.gateway().with_token(&self.text(actor, "token")?))
    }

    /// Runs an operation of one field as an actor. Where it is to be `refused`, that with this code is what is expected, and
    /// there is no answer.
    pub(super) async fn field_as(
        &self,
        actor: &str,
        field: &str,
        operation: &str,
        variables: Value,
        refused: Option<&str>,
    ) -> Result<Option<Value>, Failure> {
        let answer = self.gateway(actor)?.ask(field, operation, variables).await?;
        match (answer, refused) {
            (Ok(mut data), None) => Ok(Some(data[field].take())),
            (Ok(data), Some(code)) => Err(Failure::new(format_args!("{field} refused with {code}"), &data[field])),
            (Err(refusal), Some(code)) if refusal.code == code => Ok(None),
            (Err(refusal), Some(code)) => Err(Failure::new(format_args!("{field} refused with {code}"), refusal)),
            (Err(refusal), None) => Err(Failure::new(format_args!("an answer to {field}"), refusal)),
        }
    }

    pub(super) async fn add_product(&self, product: &AddProduct) -> Result<String, Failure> {
        let operation = "mutation ($name: String!, $description: String!, $price: Float!) \
                         { createProduct(name: $name, description: $description, price: $price) { id name priceCents } }";
        let AddProduct { by, name, description, price_cents, keep, within } = product;
        let variables = json!({ "name": name, "description": description, "price": wire(*price_cents) });
        let created = self
            .tried(*within, async || {
                let created = self.field_as(by, "createProduct", operation, variables.clone(), None).await?;
                Ok(created.unwrap_or_default())
            })
            .await?;
        let told = format!("{}", created["id"]);
        self.keep(keep, json!({ "id": created["id"], "name": created["name"], "price_cents": created["priceCents"] }));
        Ok(told)
    }

    pub(super) async fn change_product(&self, change: &ChangeProduct) -> Result<String, Failure> {
        let operation = "mutation ($id: String!, $name: String, $price: Float) \
                         { updateProduct(id: $id, name: $name, price: $price) { id name priceCents } }";
        let mut variables = json!({ "id": self.product(&change.product) });
        if let Some(name) = &change.name {
            variables["name"] = name.clone().into();
        }
        if let Some(cents) = change.price_cents {
            variables["price"] = wire(cents).into();
        }
        let refused = change.refused.as_deref();
        let changed = self
            .tried(change.within, async || {
                self.field_as(&change.by, "updateProduct", operation, variables.clone(), refused).await
            })
            .await?;
        let Some(changed) = changed else { return Ok("refused".to_owned()) };
        let mut values = guard(&self.values);
        values.set_field(&change.product, "name", changed["name"].clone());
        values.set_field(&change.product, "price_cents", changed["priceCents"].clone());
        Ok(format!("{} cents", changed["priceCents"]))
    }

    pub(super) async fn delete_product(&self, delete: &DeleteProduct) -> Result<String, Failure> {
        let operation = "mutation ($id: String!) { deleteProduct(id: $id) }";
        let variables = json!({ "id": self.product(&delete.product) });
        let answer =
            self.field_as(&delete.by, "deleteProduct", operation, variables, delete.refused.as_deref()).await?;
        Ok(if answer.is_some() { String::new() } else { "refused".to_owned() })
    }

    pub(super) async fn recommend(&self, recommend: &Recommend) -> Result<String, Failure> {
        let products = self.recommendations(&recommend.to, &recommend.viewed).await?;
        if products.is_empty() {
            return Err(Failure::new("recommendations", "none at all"));
        }
        let told = format!("{} products", products.len());
        if let Some(name) = &recommend.keep {
            self.keep(name, products.into());
        }
        Ok(told)
    }

    /// Products for an actor, or for what they have just looked at.
    pub(super) async fn recommendations(&self, actor: &str, viewed: &[String]) -> Result<Vec<Value>, Failure> {
        let expected = "recommendations";
        let address = format!("http://{}", self.stage.shop.recommender);
        let mut recommender = RecommenderServiceClient::connect(address).await.expect_that(expected)?;
        let answer = if viewed.is_empty() {
            let user_id = self.number(actor, "id")?.to_string();
            let request = RecommendationRequestForUserId { user_id, skip: 0, take: RECOMMENDATIONS };
            recommender.get_recommendations(request).await
        } else {
            let ids = viewed.iter().map(|name| self.product(name)).collect();
            let request = RecommendationRequestOnViews { ids, skip: 0, take: RECOMMENDATIONS };
            recommender.get_recommendations_based_on_viewed(request).await
        };
        let products = answer.expect_that(expected)?.into_inner().recommended_products.into_iter();
        let value = |product: proto::pb::ProductReplica| json!({ "id": product.id, "name": product.name, "price_cents": product.price_cents });
        Ok(products.map(value).collect())
    }

    pub(super) async fn subscribe(&self, order: &str) -> Result<String, Failure> {
        let (id, by) = (self.number(order, "id")?, self.text(order, "by")?);
        let live = Live::open(&self.stage.shop.gateway, &self.text(&by, "token")?, id).await?;
        guard(&self.lives).insert(order.to_owned(), LiveTape::of(live));
        Ok("graphql-transport-ws".to_owned())
    }
}

/// Cents as the contract's `double`, which is that amount exactly.
fn wire(cents: u32) -> f64 {
    f64::from(cents) / 100.0
}
