//! What a caller may show: the right thing, somebody else's, and whatever forgers try.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey, pkcs8::DecodePrivateKey as _};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::stack::Stack;

/// Everyone with a key whose tokens speak for a service.
const SERVICES: [&str; 6] = ["product", "recommender", "order", "payment", "gateway", "shopctl"];

/// The columns of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nobody,
    /// A token that counts nowhere.
    Bad,
    /// Two `authorization` headers: whichever a server took, another part of the system could take the other.
    Twice,
    /// The right token of another account.
    Stranger,
    /// The callee's name for who signed it.
    Service(&'static str),
    Right,
}

/// The `authorization` headers of a call, under a name that tells a failed cell.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) headers: Vec<String>,
}

/// Signs with every key of an instance, as nobody but its thief could.
pub(super) struct Mint {
    secrets: PathBuf,
    instance: String,
}

impl Mint {
    pub(super) fn of(stack: &Stack, jwks: &str) -> Self {
        let secrets = Path::new(jwks).parent().expect("a file is in a folder").to_owned();
        Self { secrets, instance: stack.instance.clone() }
    }

    fn key(&self, owner: &str) -> SigningKey {
        let pem = fs::read_to_string(self.secrets.join(format!("{owner}.pem"))).expect("this user's own instance");
        SigningKey::from_pkcs8_pem(&pem).expect("a key")
    }

    fn claims(&self, account: i64, replace: &Value) -> Value {
        let mut claims = json!({
            "iss": format!("shopctl/{}", self.instance), "aud": "shop", "sub": account.to_string(),
            "email": "e2e@example.com", "iat": in_seconds(0), "exp": in_seconds(600),
        });
        for (name, value) in replace.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims
    }

    /// What account gives to a user.
    pub(super) fn user(&self, account: i64) -> String {
        sign(&header("account"), &self.claims(account, &json!({})), &self.key("account"))
    }

    /// The same, but good for so many seconds only.
    pub(super) fn user_for(&self, account: i64, seconds: i64) -> String {
        let claims = self.claims(account, &json!({ "exp": in_seconds(seconds) }));
        sign(&header("account"), &claims, &self.key("account"))
    }

    /// What a service shows to another.
    fn service(&self, owner: &str, callee: &str) -> String {
        sign(&header(owner), &self.claims(1, &json!({ "aud": callee, "sub": owner })), &self.key(owner))
    }

    /// Everything that the tables try at `callee` with `account`'s things.
    pub(super) fn credentials(&self, account: i64, stranger: i64, callee: &'static str) -> Vec<Credential> {
        let good = self.user(account);
        let one = |name, kind, header: String| Credential { name, kind, headers: vec![header] };
        let mut all = vec![Credential { name: "no token", kind: Kind::Nobody, headers: Vec::new() }];
        all.extend(self.forged(account, callee).into_iter().map(|(name, header)| one(name, Kind::Bad, header)));
        all.extend([("another's first", stranger), ("the same twice", account)].map(|(name, first)| Credential {
            name,
            kind: Kind::Twice,
            headers: vec![format!("Bearer {}", self.user(first)), format!("Bearer {good}")],
        }));
        all.push(one("another account's", Kind::Stranger, format!("Bearer {}", self.user(stranger))));
        all.extend(
            SERVICES.map(|name| one(name, Kind::Service(name), format!("Bearer {}", self.service(name, callee)))),
        );
        // A scheme's name has no case (RFC 9110).
        all.extend(["Bearer", "bearer", "BEARER"].map(|scheme| one(scheme, Kind::Right, format!("{scheme} {good}"))));
        all
    }

    fn forged(&self, account: i64, callee: &str) -> Vec<(&'static str, String)> {
        let good = self.user(account);
        let with = |replace: Value| sign(&header("account"), &self.claims(account, &replace), &self.key("account"));
        let user = self.claims(account, &json!({}));
        let public = self.key("account").verifying_key().to_bytes();
        let unsigned = |alg: &str| {
            let header = json!({ "alg": alg, "typ": "JWT", "kid": "account" });
            format!("{}.{}.", part(&header), part(&user))
        };
        let cut = &good[..good.len() - 4];
        let payload = {
            let (head, rest) = good.split_once('.').expect("three parts");
            let signature = rest.rsplit('.').next().expect("three parts");
            format!("{head}.{}.{signature}", part(&self.claims(account + 1, &json!({}))))
        };
        let mut forged: Vec<(&str, String)> = vec![
            ("garbage", "garbage".to_owned()),
            ("three words", "a.b.c".to_owned()),
            ("nothing", String::new()),
            ("expired", with(json!({ "exp": in_seconds(-5) }))),
            ("not yet valid", with(json!({ "nbf": in_seconds(300) }))),
            ("without an end", with(json!({ "exp": null }))),
            ("alg none", unsigned("none")),
            ("alg nOnE", unsigned("nOnE")),
            ("without a signature", unsigned("EdDSA")),
            ("a stranger's key", sign(&header("account"), &user, &SigningKey::from_bytes(&rand::random()))),
            ("the public key as HMAC secret", hs256(&user, &public)),
            ("the public key's text as HMAC secret", hs256(&user, URL_SAFE_NO_PAD.encode(public).as_bytes())),
            ("for elsewhere", with(json!({ "aud": "elsewhere" }))),
            ("for one service", with(json!({ "aud": callee }))),
            ("for several", with(json!({ "aud": ["shop", callee] }))),
            ("of another instance", with(json!({ "iss": "shopctl/elsewhere" }))),
            ("of nobody", with(json!({ "iss": null }))),
            ("an account that can't be", with(json!({ "sub": "0" }))),
            ("a cut signature", cut.to_owned()),
            ("another payload", payload),
            ("payment's key as account's", sign(&header("account"), &user, &self.key("payment"))),
            ("payment's key makes a user", sign(&header("payment"), &user, &self.key("payment"))),
            ("account's key as payment's", self.confused("account", "payment", callee)),
            ("order's key as payment's", self.confused("order", "payment", callee)),
            ("a kid that is a path", sign(&header("../account"), &user, &self.key("account"))),
            ("an unknown kid", sign(&header("mallory"), &user, &self.key("account"))),
            ("no kid", sign(&json!({ "alg": "EdDSA" }), &user, &self.key("account"))),
            ("a service's, for another", self.service("payment", "elsewhere")),
        ]
        .into_iter()
        .map(|(name, token)| (name, format!("Bearer {token}")))
        .collect();
        forged.extend([
            ("no scheme", good.clone()),
            ("another scheme", format!("Basic {good}")),
            ("a scheme of its own", format!("Token {good}")),
            ("two tokens", format!("Bearer {good} {good}")),
            ("two in a list", format!("Bearer {good}, Bearer {good}")),
            ("in quotes", format!("Bearer \"{good}\"")),
        ]);
        forged
    }

    /// A service's token under the name of another.
    fn confused(&self, signer: &str, name: &str, callee: &str) -> String {
        sign(&header(name), &self.claims(1, &json!({ "aud": callee, "sub": name })), &self.key(signer))
    }
}

fn header(kid: &str) -> Value {
    json!({ "alg": "EdDSA", "typ": "JWT", "kid": kid })
}

fn sign(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes()))
}

fn hs256(claims: &Value, secret: &[u8]) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": "account" });
    let message = format!("{}.{}", part(&header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of every length");
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    i64::try_from(now).expect("in this era") + seconds
}
