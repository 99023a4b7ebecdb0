use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kit::auth::Caller;
use serde_json::Value;

use crate::shop::Shop;

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("a JWT has three parts");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("its parts are base64url");
    serde_json::from_slice(&bytes).expect("its parts are JSON")
}

#[tokio::test]
async fn a_token_names_its_account_and_lasts_an_hour() {
    let shop = Shop::required().await;
    let token = shop.register("Ada", "ada@example.org", "correct horse").await.expect("registered");

    let header = part(&token, 0);
    assert_eq!((&header["alg"], &header["kid"]), (&"EdDSA".into(), &"account".into()));
    let claims = part(&token, 1);
    assert_eq!(claims["iss"], "shopctl/test");
    assert_eq!(claims["aud"], "shop");
    assert_eq!(claims["email"], "ada@example.org");
    let id: u64 = claims["sub"].as_str().expect("sub is a string").parse().expect("sub is the id in decimal");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let expires = claims["exp"].as_u64().expect("exp is a number");
    assert!((now + 3500..=now + 3600).contains(&expires), "expires in {} s", expires - now);

    assert_eq!(shop.account(Some(&token), id).await.expect("one's own account").id, id);
}

#[tokio::test]
async fn other_services_accept_the_tokens_of_both_register_and_login() {
    let shop = Shop::required().await;
    let registered = shop.register("Ada", "ada@example.org", "correct horse").await.expect("registered");
    let logged_in = shop.login("ada@example.org", "correct horse").await.expect("logged in");
    let callers = [registered, logged_in].map(|token| {
        shop.verifier.caller(Some(&format!("Bearer {token}"))).expect("account's tokens count everywhere")
    });
    assert_eq!(callers[0], callers[1]);
    assert!(matches!(&callers[0], Caller::User { email, .. } if email == "ada@example.org"), "{:?}", callers[0]);
}
