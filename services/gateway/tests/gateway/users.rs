use serde_json::json;
use tonic::Status;

use crate::shop::Shop;

#[tokio::test]
async fn hello_says_hello_to_anyone() {
    let shop = Shop::required().await;
    let greeting = shop.client().query("{ hello }").await.data()["hello"].clone();
    assert!(greeting.is_string(), "{greeting}");
}

#[tokio::test]
async fn registering_and_logging_in_give_a_token_and_send_none() {
    let shop = Shop::required().await;
    // Clients often send the token they have along, run out or not.
    let client = shop.client().with_token("stale");
    let register =
        r#"mutation { register(name: "Ada", email: "ada@example.org", password: "correct horse") { token } }"#;
    assert_eq!(client.query(register).await.data()["register"]["token"], "token of ada@example.org");
    let login = r#"mutation { login(email: "ada@example.org", password: "correct horse") { token } }"#;
    assert_eq!(client.query(login).await.data()["login"]["token"], "token of ada@example.org");
    for method in ["register", "login"] {
        assert_eq!(shop.fakes.calls(method)[0].authorization, None);
    }
    let wrong = r#"mutation { login(email: "ada@example.org", password: "battery staple") { token } }"#;
    let refused = client.query(wrong).await;
    assert_eq!(refused.error(), ("UNAUTHENTICATED", "wrong e-mail address or password"));
}

#[tokio::test]
async fn me_is_the_account_of_the_token() {
    let shop = Shop::required().await;
    let me = shop.user(7).query("{ me { id name email } }").await;
    assert_eq!(me.data()["me"], json!({"id": 7, "name": "Ada", "email": "user7@example.org"}));
    assert_eq!(shop.client().query("{ me { id } }").await.code(), "UNAUTHENTICATED");
    let bad = shop.client().with_token("forged").query("{ me { id } }").await;
    assert_eq!(bad.code(), "UNAUTHENTICATED");
    assert_eq!(bad.0["data"], json!({"me": null}));
    let calls = shop.fakes.calls("get_account");
    assert_eq!(calls.last().expect("asked").authorization.as_deref(), Some("Bearer forged"), "as it came");
}

#[tokio::test]
async fn recommendations_are_for_the_user_named_else_for_the_caller_else_for_anyone() {
    let shop = Shop::required().await;
    let query = "{ recommendations { id name description price priceCents } }";
    let mug = json!({"id": "mug", "name": "Mug", "description": "Holds tea", "price": 12.75, "priceCents": 1275});
    assert_eq!(shop.client().query(query).await.data()["recommendations"], json!([mug]));
    shop.user(7).query(query).await.data();
    shop.user(7).query(r#"{ recommendations(userId: "9") { id } }"#).await.data();
    let asked: Vec<_> = shop.fakes.calls("get_recommendations").into_iter().map(|call| call.detail).collect();
    for (asked, user) in asked.iter().zip([r#"user_id: "0""#, r#"user_id: "7""#, r#"user_id: "9""#]) {
        assert!(asked.contains(user), "{asked}");
    }
    assert_eq!(shop.client().with_token("forged").query(query).await.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn recommendations_by_views_pass_on_what_was_viewed() {
    let shop = Shop::required().await;
    let query = r#"{ recommendationsBasedOnViewed(productIds: ["a", "b"], skip: 1, take: 3) { id } }"#;
    assert_eq!(shop.client().query(query).await.data()["recommendationsBasedOnViewed"], json!([{"id": "mug"}]));
    let asked = shop.fakes.calls("get_recommendations_based_on_viewed")[0].detail.clone();
    assert!(asked.contains(r#"ids: ["a", "b"], skip: 1, take: 3"#), "{asked}");
    let negative = r#"{ recommendationsBasedOnViewed(productIds: [], take: -1) { id } }"#;
    assert_eq!(shop.client().query(negative).await.code(), "INVALID_ARGUMENT");
}

#[tokio::test]
async fn an_error_has_the_code_of_the_service_and_tells_no_internals() {
    let shop = Shop::required().await;
    for (status, code, message) in [
        (Status::internal("postgres://shop:secret@10.0.0.1"), "INTERNAL", "internal error"),
        (Status::unknown("panicked at api.rs"), "INTERNAL", "internal error"),
        (
            Status::unavailable("tcp connect error 10.0.0.1"),
            "UNAVAILABLE",
            "account answers, but can't reach what it needs",
        ),
        (Status::deadline_exceeded("slow disk /dev/sda"), "DEADLINE_EXCEEDED", "account did not answer in time"),
        (
            Status::already_exists("the e-mail address has an account already"),
            "ALREADY_EXISTS",
            "the e-mail address has an account already",
        ),
        (Status::resource_exhausted("too many tries"), "RESOURCE_EXHAUSTED", "too many tries"),
    ] {
        shop.fakes.state().failure = Some(status);
        let answer = shop.user(7).query("{ me { id } }").await;
        assert_eq!(answer.error(), (code, message));
    }
}
