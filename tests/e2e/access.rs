//! What is refused, and what is resolved when things change in between, through the whole shop.

mod browser;
mod credentials;
mod graphql;
mod rest;
mod rpc;
mod scene;
mod table;

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey, pkcs8::DecodePrivateKey as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::eventually;
use uuid::Uuid;

use crate::{
    shop::{SETTLED, Shop, Shopper},
    stack::Stack,
};

use self::{scene::People, table::Mode};

#[tokio::test]
async fn every_call_of_every_service_is_only_for_whom_it_is_meant() {
    rpc::holds(&People::of(Stack::shared()).await, Mode::Required).await;
}

#[tokio::test]
async fn every_route_is_only_for_whom_it_is_meant() {
    rest::holds(&People::of(Stack::shared()).await, Mode::Required).await;
}

#[tokio::test]
async fn every_field_of_the_graph_is_only_for_whom_it_is_meant() {
    graphql::holds(&People::of(Stack::shared()).await, Mode::Required).await;
}

#[tokio::test]
async fn an_open_shop_acts_for_whom_a_call_without_a_token_names_and_still_refuses_bad_tokens() {
    let stack = Stack::new("open");
    stack.succeeds(&["up", "--isolated", "--detach", "--env", "SHOP_AUTH=open"]);
    let people = People::of(&stack).await;
    rpc::holds(&people, Mode::Open).await;
    rest::holds(&people, Mode::Open).await;
    graphql::holds(&people, Mode::Open).await;
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// A user's token as account makes them, by any key.
pub(crate) fn token(key: &SigningKey, instance: &str, account: i64) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "account" });
    let claims = json!({
        "iss": format!("shopctl/{instance}"), "aud": "shop", "sub": account.to_string(),
        "email": "e2e@example.com", "iat": now(), "exp": now() + 600,
    });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes());
    format!("{message}.{signature}")
}

/// The code of an operation's error; `None` if it succeeded.
async fn refusal(shop: &Shop, token: &str, query: &str, variables: Value) -> Option<String> {
    let answer = shop.graphql(token, query, variables).await.expect("the gateway answers");
    Some(answer["errors"][0]["extensions"]["code"].as_str()?.to_owned())
}

/// A shopper with a product, an order of two of it, and the page that it is paid on.
async fn about_to_pay(shop: &Shop) -> (Shopper, String, i64, String) {
    let shopper = shop.shopper().await;
    let product = shop.product(&shopper, 10.0).await;
    let order = shop.order(&shopper, &product, &Uuid::new_v4().to_string()).await.expect("an order");
    assert_eq!(order["totalCents"], 2000);
    let order = order["id"].as_i64().expect("an id");
    let page = shop.check_out(&shopper, order).await;
    (shopper, product, order, page)
}

#[tokio::test]
async fn a_forged_webhook_is_refused_and_changes_nothing() {
    let shop = Stack::shared().shop();
    let (shopper, _, order, page) = about_to_pay(&shop).await;
    let transaction = page.rsplit('/').next().expect("a page of a transaction");
    let body = json!({ "transaction_id": transaction, "status": "SUCCESS", "payment_gateway_id": "forged" });
    let request = shop.client().post(format!("{}/webhook/payment", shop.address("payment_http"))).json(&body);
    let unsigned = request.try_clone().expect("its body is short").send().await.expect("payment answers");
    assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    let signature = format!("v1,{}", base64::engine::general_purpose::STANDARD.encode([7; 32]));
    let request = request.header("webhook-id", "msg_forged").header("webhook-timestamp", now().to_string());
    let forged = request.header("webhook-signature", signature).send().await.expect("payment answers");
    assert_eq!(forged.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(shop.transactions(&shopper, order).await, [("PENDING".to_owned(), 2000)]);
    assert_eq!(shop.status(&shopper, order).await, "PENDING");
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_are_answered_with_the_same_bytes() {
    let people = People::of(Stack::shared()).await;
    let answers = [&people.email, "nobody@example.com", "e2e-nobody@example.com"].map(async |email| {
        let query = "mutation ($e: String!) { login(email: $e, password: \"battery staple\") { token } }";
        let request = people.shop.client().post(people.shop.address("gateway"));
        let request = request.json(&json!({ "query": query, "variables": { "e": email } }));
        let answer = request.send().await.expect("the gateway answers");
        let mut headers = answer.headers().clone();
        headers.remove("date");
        (answer.status(), headers, answer.bytes().await.expect("a whole answer"))
    });
    let answers = futures::future::join_all(answers).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let told: Value = serde_json::from_slice(&answers[0].2).expect("JSON");
    assert_eq!(told["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{told}");
}

#[tokio::test]
async fn a_token_ends_at_its_time_also_where_it_was_accepted_before() {
    let people = People::of(Stack::shared()).await;
    let shop = &people.shop;
    let refused = async |token: &str| {
        let body = json!({ "name": "A lamp", "description": "", "price": 1.0 });
        let request = shop.client().post(format!("{}/products/", shop.address("product"))).bearer_auth(token);
        let product = request.json(&body).send().await.expect("product answers").status();
        let field = async |query| refusal(shop, token, query, Value::Null).await.as_deref() == Some("UNAUTHENTICATED");
        [product == StatusCode::UNAUTHORIZED, field("{ me { id } }").await, field("{ orders { nodes { id } } }").await]
    };
    // A machine may be so slow that it ends before everybody has seen it.
    let token = eventually(SETTLED, "a token is accepted by all", async || {
        let token = people.mint.user_for(people.owner.id, 3);
        (refused(&token).await == [false; 3]).then_some(token)
    });
    let token = token.await;
    eventually(SETTLED, "nobody takes it any more", async || (refused(&token).await == [true; 3]).then_some(())).await;
}

#[tokio::test]
async fn a_token_of_another_key_is_nobodys() {
    let stack = Stack::shared();
    let shop = stack.shop();
    let shopper = shop.shopper().await;
    let forged = token(&SigningKey::from_bytes(&rand::random()), &stack.instance, shopper.id);
    let code = refusal(&shop, &forged, "{ me { id } }", Value::Null).await;
    assert_eq!(code.as_deref(), Some("UNAUTHENTICATED"));

    // Nothing but the key was wrong with it.
    let secrets = Path::new(shop.address("jwks")).parent().expect("a folder");
    let pem = fs::read_to_string(secrets.join("account.pem")).expect("this user's own instance");
    let genuine = token(&SigningKey::from_pkcs8_pem(&pem).expect("a key"), &stack.instance, shopper.id);
    assert_eq!(refusal(&shop, &genuine, "{ me { id } }", Value::Null).await, None);
}

#[tokio::test]
async fn an_order_of_somebody_else_does_not_exist() {
    let shop = Stack::shared().shop();
    let (shopper, _, order, _) = about_to_pay(&shop).await;
    let stranger = shop.shopper().await;
    for query in [
        "query ($id: Int!) { order(id: $id) { id } }",
        "mutation ($id: Int!) { cancelOrder(orderId: $id) { id } }",
        "mutation ($id: Int!) { checkout(orderId: $id) { checkoutUrl } }",
    ] {
        let answer = shop.graphql(&stranger.token, query, json!({ "id": order })).await.expect("the gateway answers");
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        let absent = code.is_none() && answer["data"]["order"].is_null() && query.starts_with("query");
        assert!(absent || code == Some("NOT_FOUND"), "{query}: {answer}");
    }
    assert_eq!(shop.status(&shopper, order).await, "PENDING");
}

#[tokio::test]
async fn a_product_that_gets_dearer_or_goes_after_the_order_changes_no_payment() {
    let shop = Stack::shared().shop();
    for method in [Method::PUT, Method::DELETE] {
        let (shopper, product, order, page) = about_to_pay(&shop).await;
        let change = json!({ "name": "A lamp", "description": "", "price": 99.99 });
        let request = shop.client().request(method, format!("{}/products/{product}", shop.address("product")));
        let changed = request.bearer_auth(&shopper.token).json(&change).send().await.expect("product answers");
        assert!(changed.status().is_success(), "{}", changed.status());
        assert!(shop.pay(&page).await.expect("payment answers").status().is_success());
        shop.becomes(&shopper, order, "PAID").await;
        assert_eq!(shop.transactions(&shopper, order).await, [("SUCCESS".to_owned(), 2000)]);
    }
}

#[tokio::test]
async fn a_cancelled_order_cannot_be_paid() {
    let shop = Stack::shared().shop();
    let (shopper, _, order, page) = about_to_pay(&shop).await;
    let cancel = "mutation ($id: Int!) { cancelOrder(orderId: $id) { status } }";
    let cancelled = shop.field(&shopper.token, "cancelOrder", cancel, json!({ "id": order })).await;
    assert_eq!(cancelled["status"], "CANCELLED");
    eventually(SETTLED, "the transaction is void", async || {
        let found = shop.transactions(&shopper, order).await;
        (found == [("VOIDED".to_owned(), 2000)]).then_some(())
    })
    .await;
    assert_eq!(shop.pay(&page).await.expect("payment answers").status(), StatusCode::CONFLICT);
    assert_eq!(shop.status(&shopper, order).await, "CANCELLED");
}
