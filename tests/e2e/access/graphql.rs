//! Every field that an operation of the gateway can begin with.

use std::{collections::BTreeSet, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};
use uuid::Uuid;

use super::{
    credentials::Credential,
    scene::{People, Scene},
    table::{self, Answer, D, Mode, N, OK, Row, U, Verdict, row},
};

/// Far more than an answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// As [`super::rpc`]'s: no token, bad, two headers, another account's, a service's, right; services that may more; open
/// mode. Two headers are refused before there is a query. A service's token is made for whom the gateway asks.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("Query.hello",                          "gateway", [OK, OK, U, OK, OK, OK], &[], OK),
    row("Query.me",                             "account", [U, U, U, OK, D, OK], &[], U),
    row("Query.product",                        "product", [OK, OK, U, OK, OK, OK], &[], OK),
    row("Query.products",                       "product", [OK, OK, U, OK, OK, OK], &[], OK),
    row("Query.recommendations",                "gateway", [OK, U, U, OK, OK, OK], &[], OK),
    row("Query.recommendations (for the owner)", "gateway", [OK, OK, U, OK, OK, OK], &[], OK),
    row("Query.recommendationsBasedOnViewed",   "gateway", [OK, OK, U, OK, OK, OK], &[], OK),
    row("Query.order",                          "order", [U, U, U, N, D, OK], &[("payment", OK)], OK),
    row("Query.orders",                         "order", [U, U, U, OK, D, OK], &[], U),
    row("Query.orders (of the owner)",          "order", [U, U, U, D, D, OK], &[], OK),
    row("Mutation.register",                    "account", [OK, OK, U, OK, OK, OK], &[], OK),
    row("Mutation.login",                       "account", [OK, OK, U, OK, OK, OK], &[], OK),
    row("Mutation.createOrder",                 "order", [U, U, U, OK, D, OK], &[], U),
    row("Mutation.createOrder (for the owner)", "order", [U, U, U, D, D, OK], &[], OK),
    row("Mutation.cancelOrder",                 "order", [U, U, U, N, D, OK], &[], OK),
    row("Mutation.checkout",                    "payment", [U, U, U, N, D, OK], &[], OK),
    row("Mutation.checkout (for the owner)",    "payment", [U, U, U, D, D, OK], &[], OK),
    row("Mutation.createProduct",               "product", [U, U, U, OK, D, OK], &[], U),
    row("Mutation.createProduct (for the owner)", "product", [U, U, U, D, D, OK], &[], OK),
    row("Mutation.updateProduct",               "product", [U, U, U, D, D, OK], &[], OK),
    row("Mutation.deleteProduct",               "product", [U, U, U, D, D, OK], &[], OK),
    // A socket takes a token that is good at the gateway, so that a service's for order is none.
    row("Subscription.orderStatus",             "order", [U, U, U, N, U, OK], &[], OK),
];

/// The types that anyone may see, whosever they are.
const PUBLIC: [&str; 5] = ["AuthResponse", "PageInfo", "Product", "ProductConnection", "ProductEdge"];

pub(super) async fn holds(people: &People, mode: Mode) {
    table::complete(ROWS, &fields(people).await);
    assert_eq!(reached_by_anyone(people).await, PUBLIC.map(str::to_owned).into());
    table::holds(people, mode, ROWS, async |row, scene, credential| match row.call() {
        "Subscription.orderStatus" => subscribe(scene, credential).await,
        _ => ask(row.what, scene, credential).await,
    })
    .await;
}

/// As the gateway's introspection has them.
async fn fields(people: &People) -> Vec<String> {
    let query = "{ __schema { queryType { name fields { name } } mutationType { name fields { name } } \
                 subscriptionType { name fields { name } } } }";
    let answer = people.shop.graphql(&people.owner.token, query, Value::Null).await.expect("the gateway answers");
    let roots = answer["data"]["__schema"].as_object().unwrap_or_else(|| panic!("{answer}")).values();
    let fields = roots.flat_map(|root| {
        let fields = root["fields"].as_array().expect("an object has fields").iter();
        fields.map(|field| format!("{}.{}", root["name"].as_str().unwrap_or(""), field["name"].as_str().unwrap_or("")))
    });
    fields.collect()
}

/// The types that lie behind what needs no token: fields of fields are as open as those that an operation begins with.
async fn reached_by_anyone(people: &People) -> BTreeSet<String> {
    let query =
        "{ __schema { types { name fields { name type { name ofType { name ofType { name ofType { name } } } } } } } }";
    let answer = people.shop.graphql(&people.owner.token, query, Value::Null).await.expect("the gateway answers");
    let types = answer["data"]["__schema"]["types"].as_array().unwrap_or_else(|| panic!("{answer}"));
    // Scalars have no fields and lead nowhere.
    let fields = |of: &str| types.iter().find(|one| one["name"] == of).and_then(|one| one["fields"].as_array());
    let mut next: Vec<String> = Vec::new();
    for row in ROWS.iter().filter(|row| row.cells[0] == OK) {
        let (root, name) = row.call().split_once('.').expect("a root and its field");
        let field = fields(root).and_then(|fields| fields.iter().find(|field| field["name"] == name));
        next.push(named(&field.unwrap_or_else(|| panic!("{root} has no {name}"))["type"]));
    }
    let mut reached = BTreeSet::new();
    while let Some(of) = next.pop() {
        if let Some(fields) = fields(&of)
            && reached.insert(of)
        {
            next.extend(fields.iter().map(|field| named(&field["type"])));
        }
    }
    reached
}

/// The type within lists and what is never null.
fn named(mut of: &Value) -> String {
    while !of["ofType"].is_null() {
        of = &of["ofType"];
    }
    of["name"].as_str().expect("a type has a name").to_owned()
}

async fn ask(what: &str, scene: &Scene<'_>, credential: &Credential) -> Answer {
    let shop = &scene.people.shop;
    let mut request = shop.client().post(shop.address("gateway"));
    for header in &credential.headers {
        request = request.header("authorization", header);
    }
    let body = json!({ "query": operation(what), "variables": {
        "order": scene.order, "product": scene.product, "owner": scene.people.owner.id,
        "user": scene.people.owner.id.to_string(), "email": scene.people.email,
        "new": format!("{}@example.com", Uuid::new_v4().simple()),
    } });
    let answer: Value = async { request.json(&body).send().await?.json().await }.await.expect("the gateway answers");
    Answer { verdict: table::of_graphql(&answer), shown: answer.to_string() }
}

fn operation(what: &str) -> String {
    let field = match what.split_once('.').map_or(what, |(_, field)| field) {
        "hello" => "{ hello }",
        "me" => "{ me { id name email } }",
        "product" => "query ($product: String!) { product(id: $product) { id } }",
        "products" => "{ products(first: 1) { nodes { id } } }",
        "recommendations" => "{ recommendations { id } }",
        "recommendations (for the owner)" => "query ($user: String) { recommendations(userId: $user) { id } }",
        "recommendationsBasedOnViewed" => {
            "query ($product: String!) { recommendationsBasedOnViewed(productIds: [$product]) { id } }"
        }
        "order" => "query ($order: Int!) { order(id: $order) { id accountId totalCents } }",
        "orders" => "{ orders(first: 1) { nodes { id accountId } } }",
        "orders (of the owner)" => "query ($owner: Int) { orders(first: 1, accountId: $owner) { nodes { id } } }",
        "register" => {
            "mutation ($new: String!) { register(name: \"E\", email: $new, password: \"long enough\") { token } }"
        }
        "login" => "mutation ($email: String!) { login(email: $email, password: \"long enough\") { token } }",
        "createOrder" => {
            "mutation ($product: String!) { createOrder(products: [{ productId: $product, quantity: 1 }]) { id } }"
        }
        "createOrder (for the owner)" => {
            "mutation ($product: String!, $owner: Int) {
                createOrder(accountId: $owner, products: [{ productId: $product, quantity: 1 }]) { id } }"
        }
        "cancelOrder" => "mutation ($order: Int!) { cancelOrder(orderId: $order) { id } }",
        "checkout" => "mutation ($order: Int!) { checkout(orderId: $order) { checkoutUrl } }",
        "checkout (for the owner)" => {
            "mutation ($order: Int!, $owner: Int) { checkout(orderId: $order, userId: $owner) { checkoutUrl } }"
        }
        "createProduct" => "mutation { createProduct(name: \"A lamp\", description: \"\", price: 1) { id } }",
        "createProduct (for the owner)" => {
            "mutation ($owner: Int) {
                createProduct(name: \"A lamp\", description: \"\", price: 1, accountId: $owner) { id } }"
        }
        "updateProduct" => "mutation ($product: String!) { updateProduct(id: $product, price: 1) { id } }",
        "deleteProduct" => "mutation ($product: String!) { deleteProduct(id: $product) }",
        other => panic!("no test asks for {other}"),
    };
    field.to_owned()
}

/// The token is in `connection_init`, where clients of a browser must put it; two of them can only be headers.
async fn subscribe(scene: &Scene<'_>, credential: &Credential) -> Answer {
    let answer = tokio::time::timeout(PATIENCE, subscribed(scene, credential)).await;
    match answer.expect("the gateway answers") {
        Ok(answer) => answer,
        Err(Error::Http(refused)) if refused.status() == 401 => Answer { verdict: U, shown: format!("{refused:?}") },
        Err(other) => Answer { verdict: Verdict::Other, shown: other.to_string() },
    }
}

async fn subscribed(scene: &Scene<'_>, credential: &Credential) -> Result<Answer, Error> {
    let url = scene.people.shop.address("gateway").replacen("http", "ws", 1);
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
    let payload = match credential.headers.as_slice() {
        [] => json!({}),
        [one] => json!({ "Authorization": one }),
        several => {
            for header in several {
                request.headers_mut().append("authorization", header.parse().expect("a header"));
            }
            json!({})
        }
    };
    let (mut socket, _) = connect_async(request).await?;
    let query = format!("subscription {{ orderStatus(orderId: {}) {{ id status }} }}", scene.order);
    socket.send(Message::text(json!({ "type": "connection_init", "payload": payload }).to_string())).await?;
    while let Some(message) = socket.next().await {
        let text = match message? {
            Message::Close(Some(frame)) if u16::from(frame.code) == 4403 => {
                return Ok(Answer { verdict: U, shown: frame.to_string() });
            }
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => continue,
            other => return Ok(Answer { verdict: Verdict::Other, shown: format!("{other:?}") }),
        };
        let message: Value = serde_json::from_str(&text).expect("messages are JSON");
        match message["type"].as_str() {
            Some("connection_ack") => {
                let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": query } });
                socket.send(Message::text(subscribe.to_string())).await?;
            }
            Some("next") => {
                return Ok(Answer { verdict: table::of_graphql(&message["payload"]), shown: message.to_string() });
            }
            _ => return Ok(Answer { verdict: Verdict::Other, shown: message.to_string() }),
        }
    }
    Ok(Answer { verdict: Verdict::Other, shown: "the connection ended".to_owned() })
}
