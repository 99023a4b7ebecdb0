//! What a browser sends for a page of another site, with all that the page could have it send.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, client::IntoClientRequest as _},
};

use super::scene::{People, Scene};
use crate::stack::Stack;

/// What betrays a page of another site. A page of this very machine on another port is one.
const FOREIGN: [(&str, &str); 8] = [
    ("origin", "http://evil.example"),
    ("origin", "http://localhost:1"),
    ("origin", "http://127.0.0.1"),
    ("origin", "null"),
    ("origin", "file://"),
    ("origin", "chrome-extension://abcdefgh"),
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-site", "same-site"),
];

/// The types that a browser sends to any site without asking that site before.
const UNASKED: [&str; 4] =
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; charset=json"];

/// Names of this machine in a foreign name server, and what only looks like ours.
const REBOUND: [&str; 6] =
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "[::]"];

/// Everything that changes something by HTTP, ready to be sent with the owner's token.
fn writes(scene: &Scene<'_>) -> Vec<RequestBuilder> {
    let shop = &scene.people.shop;
    let (product, payment) = (shop.address("product"), shop.address("payment_http"));
    let lamp = json!({ "name": "A lamp", "description": "", "price": 1.0 });
    let order = json!({ "query": format!("mutation {{ cancelOrder(orderId: {}) {{ id }} }}", scene.order) });
    let pay = format!("{payment}/simulate_payment_action/{}/SUCCESS", scene.transaction);
    let request = |method, url: String| shop.client().request(method, url).bearer_auth(&scene.people.owner.token);
    vec![
        request(Method::POST, format!("{product}/products/")).json(&lamp),
        request(Method::POST, format!("{product}/products/bulk")).json(&json!({ "items": [lamp] })),
        request(Method::PUT, format!("{product}/products/{}", scene.product)).json(&lamp),
        request(Method::DELETE, format!("{product}/products/{}", scene.product)),
        request(Method::POST, shop.address("gateway").to_owned()).json(&order),
        request(Method::POST, pay),
    ]
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.expect("it answers").status()
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing_even_with_the_owners_token() {
    let people = People::of(Stack::shared()).await;
    let scene = people.scene().await;
    let before = scene.state().await;
    for (name, value) in FOREIGN {
        for write in writes(&scene) {
            let shown = format!("{write:?}");
            assert_eq!(status(write.header(name, value)).await, StatusCode::FORBIDDEN, "{name}: {value} {shown}");
        }
    }
    assert_eq!(scene.state().await, before);
}

#[tokio::test]
async fn what_a_browser_sends_without_asking_first_is_not_taken_for_json() {
    let people = People::of(Stack::shared()).await;
    let scene = people.scene().await;
    let before = scene.state().await;
    for kind in UNASKED {
        for write in writes(&scene) {
            let (client, request) = write.build_split();
            let mut request = request.expect("a request");
            // What has no body, a browser sends from our own pages only: that is the test before.
            if request.headers().contains_key("content-type") {
                request.headers_mut().insert("content-type", kind.parse().expect("a header"));
                let shown = format!("{request:?}");
                let status = client.execute(request).await.expect("it answers").status();
                let refused = [StatusCode::UNSUPPORTED_MEDIA_TYPE, StatusCode::UNPROCESSABLE_ENTITY];
                assert!(refused.contains(&status), "{kind}: {status} {shown}");
            }
        }
    }
    assert_eq!(scene.state().await, before);
}

#[tokio::test]
async fn a_name_that_was_rebound_to_this_machine_is_answered_by_no_service() {
    let people = People::of(Stack::shared()).await;
    let scene = people.scene().await;
    let before = scene.state().await;
    let shop = &people.shop;
    let gateway = shop.address("gateway").trim_end_matches("/graphql");
    let page = format!("{}/simulate_payment/{}", shop.address("payment_http"), scene.transaction);
    for host in REBOUND {
        let reads = [
            format!("{}/products/", shop.address("product")),
            format!("{}/openapi.json", shop.address("product")),
            format!("{}/health/live", shop.address("product")),
            format!("{gateway}/graphql"),
            format!("{gateway}/health/upstreams"),
            page.clone(),
            format!("{}/health/ready", shop.address("payment_http")),
        ];
        let reads = reads.iter().map(|url| shop.client().get(url));
        for request in reads.chain(writes(&scene)) {
            let shown = format!("{request:?}");
            assert_eq!(status(request.header("host", host)).await, StatusCode::MISDIRECTED_REQUEST, "{host} {shown}");
        }
    }
    assert_eq!(scene.state().await, before);
}

#[tokio::test]
async fn a_page_of_another_site_opens_no_websocket() {
    let shop = Stack::shared().shop();
    let headers = FOREIGN.into_iter().map(|header| (header, 403)).chain(REBOUND.map(|host| (("host", host), 421)));
    for ((name, value), refusal) in headers {
        for protocol in ["graphql-transport-ws", "graphql-ws"] {
            let url = shop.address("gateway").replacen("http", "ws", 1);
            let mut request = url.into_client_request().expect("an address");
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a header"));
            request.headers_mut().insert(name, value.parse().expect("a header"));
            match connect_async(request).await {
                Err(Error::Http(answer)) => assert_eq!(answer.status(), refusal, "{name}: {value}"),
                other => panic!("{name}: {value}: {other:?}"),
            }
        }
    }
}
