//! The payment page and its buttons, for people and for programs.

use futures::future::join_all;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ORIGIN, REFERRER_POLICY};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::shop::{ALICE, BROWSER, Shop};

fn page(id: &str) -> String {
    format!("/simulate_payment/{id}")
}

fn action(id: &str, outcome: &str) -> String {
    format!("/simulate_payment_action/{id}/{outcome}")
}

async fn put_on_the_list(shop: &Shop, product: &str, name: &str, price_cents: i64) {
    sqlx::query(
        "INSERT INTO price_list (product_id, version, name, price_cents, deleted) VALUES ($1, 1, $2, $3, false)",
    )
    .bind(product)
    .bind(name)
    .bind(price_cents)
    .execute(&shop.pool)
    .await
    .expect("listed");
}

#[tokio::test]
async fn a_program_gets_json_and_pays_by_the_link_in_it() {
    let shop = Shop::start().await;
    let (order, id) = shop.session().await;
    let body: Value = shop.get(&page(&id)).await.json().await.expect("json");
    assert_eq!(body["success_url"], action(&id, "SUCCESS"));
    assert_eq!(body["fail_url"], action(&id, "FAILED"));
    assert_eq!(body["amount_cents"], 1250);
    assert!(body["message"].is_string());
    let answer = shop.get(&action(&id, "SUCCESS")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let body: Value = answer.json().await.expect("json");
    assert_eq!((&body["status"], body["message"].is_string()), (&Value::from("SUCCESS"), true));
    shop.settled(order, "SUCCESS").await;
    assert_eq!(shop.orders.status(order), "PAID");
}

#[tokio::test]
async fn a_person_sees_what_is_bought_and_two_buttons() {
    let shop = Shop::start().await;
    let order = shop.orders.add(ALICE, &[("mug", 2, 500), ("pen", 1, 100)], 1100);
    put_on_the_list(&shop, "mug", "Mug with a handle", 500).await;
    put_on_the_list(&shop, "pen", "Pen", 120).await;
    let id = shop.checkout(order).await.expect("a session");
    let (status, html) = shop.browse(&page(&id)).await;
    assert_eq!(status, StatusCode::OK);
    for shown in [
        "Mug with a handle",
        "2 × 5.00",
        "10.00",
        "Pay 11.00",
        "it is 1.20 now",
        &format!("<form method=\"post\" action=\"{}\">", action(&id, "SUCCESS")),
        &format!("<form method=\"post\" action=\"{}\">", action(&id, "FAILED")),
    ] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
}

#[tokio::test]
async fn names_from_the_catalog_are_text_and_nothing_else() {
    let shop = Shop::start().await;
    let order = shop.orders.add(ALICE, &[("bad", 1, 100), ("long", 1, 100), ("<i>\"'&", 1, 100)], 300);
    put_on_the_list(&shop, "bad", "<script>alert('x')</script>\u{1b}[2J\u{202e}\" onload=\"", 100).await;
    let long = "x".repeat(100_000) + "\n\r\u{200b}\u{9b}31m\u{2028}</th></table>";
    put_on_the_list(&shop, "long", &long, 100).await;
    let id = shop.checkout(order).await.expect("a session");
    let (_, html) = shop.browse(&page(&id)).await;
    assert!(
        html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\\u{1b}[2J\\u{202e}&quot; onload=&quot;"),
        "{html}"
    );
    assert!(html.contains("&lt;i&gt;&quot;&#39;&amp;"), "{html}");
    assert!(html.contains("x\\u{a}\\u{d}\\u{200b}\\u{9b}31m\\u{2028}&lt;/th&gt;&lt;/table&gt;"));
    for raw in ["<script", "<i>", "\u{1b}", "\u{9b}", "\u{202e}", "\u{200b}", "\u{2028}", "\r"] {
        assert!(!html.contains(raw), "{raw:?}");
    }
    assert_eq!(html.matches("</table>").count(), 1);
}

#[tokio::test]
async fn the_page_allows_no_script_no_frame_no_referrer_and_no_copy() {
    let shop = Shop::start().await;
    let (_, id) = shop.session().await;
    let answer = shop.request(Method::GET, &page(&id)).header(ACCEPT, BROWSER).send().await.expect("an answer");
    let header = |name| answer.headers()[&name].to_str().expect("text").to_owned();
    assert_eq!(header(CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(REFERRER_POLICY), "no-referrer");
    assert_eq!(header(CACHE_CONTROL), "no-store");
    let policy = header(CONTENT_SECURITY_POLICY);
    for part in ["default-src 'none'", "style-src 'sha256-", "form-action 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = answer.text().await.expect("a page");
    for loaded in ["<script", "src=", "@import", "url(", "http://", "https://"] {
        assert!(!html.contains(loaded), "{loaded}");
    }
}

#[tokio::test]
async fn the_buttons_pay_or_cancel_and_lead_back_to_the_page() {
    let shop = Shop::start().await;
    for (outcome, said, order_status) in
        [("SUCCESS", "Your payment went through", "PAID"), ("FAILED", "This payment was not made", "PAYMENT_FAILED")]
    {
        let (order, id) = shop.session().await;
        // A browser under our Referrer-Policy says so of its origin.
        let press = shop
            .request(Method::POST, &action(&id, outcome))
            .header(ACCEPT, BROWSER)
            .header(ORIGIN, "null")
            .header("sec-fetch-site", "same-origin");
        let answer = press.send().await.expect("an answer");
        assert_eq!((answer.status(), answer.url().path()), (StatusCode::OK, page(&id).as_str()));
        let html = answer.text().await.expect("a page");
        assert!(html.contains(said) && !html.contains("<form"), "{html}");
        shop.settled(order, outcome).await;
        assert_eq!(shop.orders.status(order), order_status);
    }
}

#[tokio::test]
async fn a_page_of_another_site_can_not_press_the_buttons() {
    let shop = Shop::start().await;
    let (_, id) = shop.session().await;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "http://localhost:8080"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let press = shop.request(Method::POST, &action(&id, "SUCCESS")).header(name, value);
        assert_eq!(press.send().await.expect("an answer").status(), StatusCode::FORBIDDEN, "{name}: {value}");
    }
    let rebound = shop.request(Method::POST, &action(&id, "SUCCESS")).header("host", "evil.example");
    assert!(rebound.send().await.expect("an answer").status().is_client_error());
    assert_eq!(shop.count("SELECT count(*) FROM provider_deliveries").await, 0);
    let own = shop.request(Method::POST, &action(&id, "SUCCESS")).header(ORIGIN, format!("http://{}", shop.http));
    assert_eq!(own.send().await.expect("an answer").status(), StatusCode::OK);
}

#[tokio::test]
async fn looking_is_not_paying() {
    let shop = Shop::start().await;
    let (_, id) = shop.session().await;
    let head = shop.request(Method::HEAD, &action(&id, "SUCCESS")).send().await.expect("an answer");
    assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(shop.request(Method::HEAD, &page(&id)).send().await.expect("an answer").status(), StatusCode::OK);
    assert_eq!(shop.count("SELECT count(*) FROM provider_deliveries").await, 0);
}

#[tokio::test]
async fn the_first_decision_counts_and_the_other_one_is_a_conflict() {
    let shop = Shop::start().await;
    for _ in 0..5 {
        let (order, id) = shop.session().await;
        let presses = (0..20).map(|n| {
            let outcome = if n % 2 == 0 { "SUCCESS" } else { "FAILED" };
            let answer = shop.request(Method::GET, &action(&id, outcome)).send();
            async move { (outcome, answer.await.expect("an answer").status()) }
        });
        let answers = join_all(presses).await;
        shop.settled(order, &shop.stored(&id).await).await;
        let winner = shop.stored(&id).await;
        for (outcome, status) in answers {
            let expected = if outcome == winner { StatusCode::OK } else { StatusCode::CONFLICT };
            assert_eq!(status, expected, "{outcome} though {winner}");
        }
        assert_eq!(shop.count("SELECT count(*) FROM webhooks WHERE deliveries <> 1").await, 0);
    }
}

#[tokio::test]
async fn an_unknown_transaction_is_404_and_another_word_400() {
    let shop = Shop::start().await;
    let (_, id) = shop.session().await;
    for unknown in ["unknown", "%00", "%20", &"x".repeat(500)] {
        assert_eq!(shop.get(&page(unknown)).await.status(), StatusCode::NOT_FOUND, "{unknown}");
        assert_eq!(shop.get(&action(unknown, "SUCCESS")).await.status(), StatusCode::NOT_FOUND, "{unknown}");
        assert_eq!(shop.browse(&page(unknown)).await.0, StatusCode::NOT_FOUND, "{unknown}");
    }
    for word in ["MAYBE", "success", "PENDING", "%00"] {
        assert_eq!(shop.get(&action(&id, word)).await.status(), StatusCode::BAD_REQUEST, "{word}");
    }
    assert_eq!(shop.stored(&id).await, "PENDING");
}

#[tokio::test]
async fn a_decision_whose_webhook_was_never_sent_is_sent_after_a_restart() {
    let shop = Shop::start().await;
    let (order, id) = shop.session().await;
    // What a kill between the decision and the webhook leaves.
    sqlx::query(
        "INSERT INTO provider_deliveries (transaction_id, outcome, webhook_id, payment_gateway_id, attempts, due_at)
         VALUES ($1, 'SUCCESS', 'msg_left', 'pg_left', 1, now() + interval '1 s')",
    )
    .bind(&id)
    .execute(&shop.pool)
    .await
    .expect("left behind");
    let (_, html) = shop.browse(&page(&id)).await;
    assert!(html.contains("is being processed") && html.contains("http-equiv=\"refresh\""), "{html}");
    assert_eq!(shop.get(&action(&id, "FAILED")).await.status(), StatusCode::CONFLICT);
    shop.settled(order, "SUCCESS").await;
    assert_eq!(
        shop.count("SELECT count(*) FROM provider_deliveries WHERE due_at IS NULL AND last_answer = '200'").await,
        1
    );
}
