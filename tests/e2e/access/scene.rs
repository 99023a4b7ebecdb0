//! Somebody with things, somebody else, and a shop for both.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    credentials::{Credential, Mint},
    table::Mode,
};
use crate::{
    shop::{Shop, Shopper},
    stack::Stack,
};

/// The owner of the things that the tables' calls name, and a stranger to them.
pub(super) struct People {
    pub(super) shop: Shop,
    pub(super) mint: Mint,
    pub(super) owner: Shopper,
    pub(super) email: String,
    stranger: Shopper,
}

/// The owner's things: nobody has changed them yet.
pub(super) struct Scene<'a> {
    pub(super) people: &'a People,
    pub(super) product: String,
    pub(super) order: i64,
    /// The secret part of the link under which the order is paid.
    pub(super) transaction: String,
}

impl People {
    pub(super) async fn of(stack: &Stack) -> Self {
        let shop = stack.shop();
        let mint = Mint::of(stack, shop.address("jwks"));
        let owner = shop.shopper().await;
        let me = shop.field(&owner.token, "me", "{ me { email } }", Value::Null).await;
        let email = me["email"].as_str().expect("an address").to_owned();
        let stranger = shop.shopper().await;
        Self { shop, mint, owner, email, stranger }
    }

    /// All of them; for an open shop, in which only calls without a token fare otherwise, one of each kind.
    pub(super) fn credentials(&self, callee: &'static str, mode: Mode) -> Vec<Credential> {
        let mut credentials = self.mint.credentials(self.owner.id, self.stranger.id, callee);
        match mode {
            Mode::Required => {}
            Mode::Open => credentials.dedup_by_key(|credential| credential.kind),
        }
        credentials
    }

    pub(super) async fn scene(&self) -> Scene<'_> {
        let product = self.shop.product(&self.owner, 10.0).await;
        let order = self.shop.order(&self.owner, &product, &Uuid::new_v4().to_string()).await.expect("an order");
        let order = order["id"].as_i64().expect("an id");
        let page = self.shop.check_out(&self.owner, order).await;
        let transaction = page.rsplit('/').next().expect("a path").to_owned();
        Scene { people: self, product, order, transaction }
    }
}

impl Scene<'_> {
    /// Everything that a call may change without right, as the owner sees it.
    pub(super) async fn state(&self) -> Value {
        let query = "query ($order: Int!, $product: String!) {
            me { id name email }
            order(id: $order) { status totalCents products { productId quantity } transactions { status amountCents } }
            orders(first: 100) { pageInfo { hasNextPage } nodes { id } }
            product(id: $product) { name description price accountId sku } }";
        let variables = json!({ "order": self.order, "product": self.product });
        let answer = self.people.shop.graphql(&self.people.owner.token, query, variables).await;
        let answer = answer.expect("the gateway answers");
        assert!(answer.get("errors").is_none(), "{answer}");
        answer
    }

    /// What nobody else is told.
    pub(super) fn secrets(&self) -> [&str; 3] {
        [&self.people.email, &self.transaction, &self.people.owner.token]
    }
}
