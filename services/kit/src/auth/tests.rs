use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signer as _, SigningKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::metadata::MetadataMap;

use super::*;

/// An instance's keys on disk: everybody's private key and one JWKS.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        let keys = Self(tempfile::tempdir().expect("a directory"));
        for owner in Owner::ALL {
            let pem = key(owner).to_pkcs8_pem(LineEnding::LF).expect("a key has a PEM form");
            std::fs::write(keys.path(owner.as_str()), pem.as_bytes()).expect("written");
        }
        keys.write_jwks(&Owner::ALL.map(public));
        keys
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write_jwks(&self, keys: &[Value]) {
        std::fs::write(self.path("jwks"), json!({ "keys": keys }).to_string()).expect("written");
    }

    fn config(&self, key: &str, mode: Mode) -> Config {
        Config { instance: "test".to_owned(), jwks: self.path("jwks"), mode, signing_key: Some(self.path(key)) }
    }

    fn signer(&self, owner: Owner) -> Signer {
        Signer::load(&self.config(owner.as_str(), Mode::Required), owner).expect("its own key")
    }

    fn order(&self, mode: Mode) -> Verifier {
        Verifier::load(&self.config("order", mode), Owner::Order).expect("a good JWKS")
    }
}

fn key(owner: Owner) -> SigningKey {
    SigningKey::from_bytes(&[owner as u8 + 1; 32])
}

fn public(owner: Owner) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key(owner).verifying_key().as_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": owner.as_str(), "x": x})
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn token(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes()))
}

fn header(kid: &str) -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": kid})
}

fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    i64::try_from(now).expect("in this era") + seconds
}

/// A user's claims, with some replaced, or left out where the replacement is null.
fn claims(replace: Value) -> Value {
    let mut claims =
        json!({"iss": "shopctl/test", "aud": "shop", "sub": "7", "email": "a@shop.test", "exp": in_seconds(60)});
    if let (Value::Object(claims), Value::Object(replace)) = (&mut claims, replace) {
        claims.extend(replace);
        claims.retain(|_, value| !value.is_null());
    }
    claims
}

fn bearer(verifier: &Verifier, token: &str) -> Result<Caller, Unauthenticated> {
    verifier.caller(Some(&format!("Bearer {token}")))
}

#[test]
fn a_caller_is_whose_key_signed() {
    let keys = Keys::new();
    let verifier = keys.order(Mode::Required);
    let user = keys.signer(Owner::Account).user_token(7, "a@shop.test");
    let expected = Caller::User { account_id: 7, email: "a@shop.test".to_owned() };
    assert_eq!(bearer(&verifier, &user), Ok(expected.clone()));
    assert_eq!(verifier.caller(Some(&format!("bearer  {user}"))), Ok(expected));
    for owner in [Owner::Product, Owner::Recommender, Owner::Order, Owner::Payment, Owner::Gateway, Owner::Shopctl] {
        let token = keys.signer(owner).service_token(Owner::Order);
        assert_eq!(bearer(&verifier, &token), Ok(Caller::Service(owner)), "{owner}");
        // A claim to be somebody else is only a claim.
        let lie = token_of(owner, json!({"aud": "order", "sub": "payment"}));
        assert_eq!(bearer(&verifier, &lie), Ok(Caller::Service(owner)), "{owner}");
    }
}

fn token_of(owner: Owner, replace: Value) -> String {
    token(&header(owner.as_str()), &claims(replace), &key(owner))
}

#[test]
fn a_token_that_is_wrong_in_any_way_is_refused() {
    let keys = Keys::new();
    let verifier = keys.order(Mode::Required);
    let good = || claims(json!({}));
    assert!(bearer(&verifier, &token_of(Owner::Account, json!({}))).is_ok(), "what the cases start from is good");

    let unsigned = |alg: &str| format!("{}.{}.", part(&json!({"alg": alg, "kid": "account"})), part(&good()));
    let public_half = key(Owner::Account).verifying_key();
    let hmac = |alg| {
        let header = Header { kid: Some("account".to_owned()), ..Header::new(alg) };
        jsonwebtoken::encode(&header, &good(), &EncodingKey::from_secret(public_half.as_bytes())).expect("signed")
    };
    let as_alg = |alg: &str| token(&json!({"alg": alg, "kid": "account"}), &good(), &key(Owner::Account));
    let whole = token_of(Owner::Account, json!({}));
    let swapped = {
        let other = token_of(Owner::Account, json!({"sub": "8"}));
        let parts: Vec<_> = whole.split('.').collect();
        let others: Vec<_> = other.split('.').collect();
        format!("{}.{}.{}", parts[0], others[1], parts[2])
    };
    let cases = [
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("alg EdDSA without a signature", unsigned("EdDSA")),
        ("the public key as an HMAC secret", hmac(Algorithm::HS256)),
        ("the same, longer", hmac(Algorithm::HS512)),
        ("a header that says RS256", as_alg("RS256")),
        ("a header that says ES256", as_alg("ES256")),
        ("a header that says HS256", as_alg("HS256")),
        ("another's key under account's name", token(&header("account"), &good(), &key(Owner::Payment))),
        (
            "account's key under another's name",
            token(&header("payment"), &claims(json!({"aud": "order"})), &key(Owner::Account)),
        ),
        ("an unknown kid", token(&header("mallory"), &good(), &key(Owner::Account))),
        ("no kid", token(&json!({"alg": "EdDSA"}), &good(), &key(Owner::Account))),
        (
            "critical extensions",
            token(&json!({"alg": "EdDSA", "kid": "account", "crit": ["x"]}), &good(), &key(Owner::Account)),
        ),
        ("a user's token by another service", token_of(Owner::Payment, json!({}))),
        ("a service's token by account", token_of(Owner::Account, json!({"aud": "order"}))),
        ("a token for another service", token_of(Owner::Payment, json!({"aud": "product"}))),
        ("a token for the shop and a service", token_of(Owner::Account, json!({"aud": ["shop", "order"]}))),
        ("a token for several services", token_of(Owner::Payment, json!({"aud": ["order", "product"]}))),
        ("no aud", token_of(Owner::Account, json!({"aud": null}))),
        ("another instance", token_of(Owner::Account, json!({"iss": "shopctl/other"}))),
        ("no iss", token_of(Owner::Account, json!({"iss": null}))),
        ("expired", token_of(Owner::Account, json!({"exp": in_seconds(-2)}))),
        ("no exp", token_of(Owner::Account, json!({"exp": null}))),
        ("exp that is no number", token_of(Owner::Account, json!({"exp": "never"}))),
        ("not valid yet", token_of(Owner::Account, json!({"nbf": in_seconds(60)}))),
        ("no sub", token_of(Owner::Account, json!({"sub": null}))),
        ("no e-mail", token_of(Owner::Account, json!({"email": null}))),
        ("sub 0", token_of(Owner::Account, json!({"sub": "0"}))),
        ("a negative sub", token_of(Owner::Account, json!({"sub": "-7"}))),
        ("a sub with a sign", token_of(Owner::Account, json!({"sub": "+7"}))),
        ("a sub with zeros", token_of(Owner::Account, json!({"sub": "007"}))),
        ("a sub out of range", token_of(Owner::Account, json!({"sub": "9223372036854775808"}))),
        ("a word as sub", token_of(Owner::Account, json!({"sub": "admin"}))),
        ("a number as sub", token_of(Owner::Account, json!({"sub": 7}))),
        ("another's payload", swapped),
        ("a cut signature", whole[..whole.len() - 2].to_owned()),
        ("two parts", whole.rsplit_once('.').expect("three parts").0.to_owned()),
        ("four parts", format!("{whole}.x")),
        ("nothing", String::new()),
        ("nonsense", "a.b.c".to_owned()),
    ];
    for (case, token) in cases {
        assert_eq!(bearer(&verifier, &token), Err(Unauthenticated::Invalid), "{case}");
    }
}

#[test]
fn without_a_token_only_an_open_shop_lets_in_and_a_bad_token_is_bad_everywhere() {
    let keys = Keys::new();
    assert_eq!(keys.order(Mode::Required).caller(None), Err(Unauthenticated::Missing));
    assert_eq!(keys.order(Mode::Open).caller(None), Ok(Caller::Anonymous));
    for mode in [Mode::Required, Mode::Open] {
        let verifier = keys.order(mode);
        for authorization in ["", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "token"] {
            assert_eq!(verifier.caller(Some(authorization)), Err(Unauthenticated::Invalid), "{authorization}");
        }
    }
}

#[test]
fn two_authorization_headers_are_refused() {
    let keys = Keys::new();
    let verifier = keys.order(Mode::Open);
    let good: http::HeaderValue =
        format!("Bearer {}", keys.signer(Owner::Account).user_token(7, "a@shop.test")).parse().expect("a header");
    assert_eq!(verifier.grpc_caller(&MetadataMap::new()).expect("open"), Caller::Anonymous);
    let mut headers = http::HeaderMap::new();
    headers.append("authorization", good.clone());
    assert!(verifier.http_caller(&headers).is_ok());
    headers.append("authorization", good);
    let status = verifier.grpc_caller(&MetadataMap::from_headers(headers)).expect_err("twice");
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
}

#[test]
fn a_key_set_that_can_not_be_trusted_refuses_to_start() {
    let keys = Keys::new();
    let load = || {
        Verifier::load(&keys.config("order", Mode::Required), Owner::Order).map(drop).map_err(|error| error.to_string())
    };
    let with = |name: &str, value: Value| {
        let mut key = public(Owner::Account);
        key[name] = value;
        key
    };
    let short = URL_SAFE_NO_PAD.encode([1; 31]);
    let weak = URL_SAFE_NO_PAD.encode({
        let mut identity = [0; 32];
        identity[0] = 1;
        identity
    });
    for (set, reason) in [
        (vec![], "has no key of account"),
        (vec![public(Owner::Order)], "has no key of account"),
        (vec![with("x", json!(short))], "key account: x is not 32 bytes long"),
        (vec![with("x", json!("?"))], "key account: x is not base64url"),
        (vec![with("x", json!(weak))], "key account: x is not a usable public key"),
        (vec![with("kty", json!("RSA"))], "key account: it is not an Ed25519 key"),
        (vec![with("crv", json!("X25519"))], "key account: it is not an Ed25519 key"),
        (vec![with("d", json!("secret"))], "key account: it holds a private key"),
        (vec![public(Owner::Account), public(Owner::Account)], "key account: it is there twice"),
        (vec![with("kid", json!(""))], "it has no kid"),
    ] {
        keys.write_jwks(&set);
        let error = load().expect_err("refused");
        assert!(error.contains(reason), "{error} should tell: {reason}");
    }
    std::fs::write(keys.path("jwks"), "{").expect("written");
    assert!(load().expect_err("refused").ends_with("jwks is not a JSON Web Key Set"));
    std::fs::remove_file(keys.path("jwks")).expect("removed");
    assert!(load().expect_err("refused").ends_with("jwks can't be read"));
}

#[test]
fn keys_of_owners_that_came_later_are_passed_over() {
    let keys = Keys::new();
    let mut later = public(Owner::Order);
    later["kid"] = json!("sixth");
    keys.write_jwks(&[public(Owner::Account), later]);
    keys.order(Mode::Required);
}

#[test]
fn a_signing_key_that_is_not_ours_refuses_to_start() {
    let keys = Keys::new();
    std::fs::write(keys.path("short"), "-----BEGIN PRIVATE KEY-----\nMAo=\n-----END PRIVATE KEY-----\n")
        .expect("written");
    std::fs::write(keys.path("empty"), "").expect("written");
    for (file, reason) in [
        ("payment", "payment is not the private key of order: the JWKS has another public key"),
        ("short", "short is not an Ed25519 private key (PKCS#8, PEM)"),
        ("empty", "empty is not an Ed25519 private key (PKCS#8, PEM)"),
        ("jwks", "jwks is not an Ed25519 private key (PKCS#8, PEM)"),
        ("nowhere", "nowhere can't be read"),
    ] {
        let error = Signer::load(&keys.config(file, Mode::Required), Owner::Order).expect_err("refused").to_string();
        assert!(error.ends_with(reason), "{error} should tell: {reason}");
    }
    let unset = Config { signing_key: None, ..keys.config("order", Mode::Required) };
    assert_eq!(Signer::load(&unset, Owner::Order).expect_err("refused").to_string(), "SHOP_SIGNING_KEY is not set");
    assert!(!format!("{:?}", keys.signer(Owner::Order)).contains("key: "), "a key is never shown");
}

#[test]
fn an_open_shop_must_listen_on_loopback() {
    let read = |address: &'static str| {
        Config::from_lookup(&Lookup::new(move |name| match name {
            "SHOP_AUTH" => Some("open".to_owned()),
            "SHOP_JWKS" => Some("/keys".to_owned()),
            "GRPC_ADDR" => Some(address.to_owned()),
            _ => None,
        }))
    };
    for address in ["127.0.0.1:50051", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(read(address).expect("loopback").mode, Mode::Open, "{address}");
    }
    for address in ["0.0.0.0:50051", "[::]:1", "192.168.1.1:1"] {
        let error = read(address).expect_err("reachable from elsewhere").to_string();
        assert!(error.starts_with("SHOP_AUTH is not valid: open is refused"), "{error}");
    }
}

#[test]
fn no_text_passes_for_a_token_and_no_change_of_a_good_one_goes_unnoticed() {
    let keys = Keys::new();
    let verifier = keys.order(Mode::Required);
    let good = token_of(Owner::Account, json!({"exp": in_seconds(3600)}));
    assert!(bearer(&verifier, &good).is_ok());
    let garbage = prop_oneof![".*", "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,4}", "Bearer .{0,20}"];
    proptest!(|(garbage in garbage, at in any::<Index>(), to in "[ -~]")| {
        prop_assert!(verifier.caller(Some(&garbage)).is_err());
        prop_assert!(bearer(&verifier, &garbage).is_err());
        let at = at.index(good.len());
        let changed = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        prop_assert!(changed == good || bearer(&verifier, &changed).is_err(), "{}", changed);
    });
}
