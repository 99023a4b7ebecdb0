use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;

use super::jwks::{self, Error};
use super::{Config, Owner, SHOP, now};

/// Seconds that a user stays logged in.
const USER: u64 = 3600;
/// Seconds that a token from service to service lives.
const SERVICE: u64 = 60;
/// Seconds for which it is used again: whoever gets it has the rest, which is longer than any call.
const REUSED: u64 = 30;

/// Signs tokens with the key of one owner. Clones share the key.
#[derive(Clone)]
pub struct Signer {
    key: Arc<SigningKey>,
    owner: Owner,
    issuer: String,
    /// By callee, with when they were signed. Who sees the same token again need not check it again.
    current: Arc<Mutex<HashMap<Owner, (u64, String)>>>,
}

impl Signer {
    /// # Errors
    /// The key is missing, unreadable, or not the one whose public half the JWKS has under `owner`.
    pub fn load(config: &Config, owner: Owner) -> Result<Self, Error> {
        let path = config.signing_key.clone().ok_or(Error::NoSigningKey)?;
        let pem = std::fs::read_to_string(&path).map_err(|source| Error::Unreadable { path: path.clone(), source })?;
        let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| Error::NotPrivateKey { path: path.clone() })?;
        let known = jwks::load(&config.jwks)?;
        let public = known.get(&owner).ok_or_else(|| Error::NoKey { path: config.jwks.clone(), owner })?;
        if key.verifying_key() != *public {
            return Err(Error::WrongKey { path, owner });
        }
        Ok(Self { key: Arc::new(key), owner, issuer: config.issuer(), current: Arc::default() })
    }

    /// A user's token, for an hour. Verifiers accept it only if this is account's signer.
    pub fn user_token(&self, account_id: i64, email: &str) -> String {
        let now = now();
        self.sign(&json!({"iss": self.issuer, "aud": SHOP, "sub": account_id.to_string(), "email": email, "iat": now, "exp": now + USER}))
    }

    /// A token with which this owner may call `callee` as itself, for half a minute at least. Ask for one at each call.
    pub fn service_token(&self, callee: Owner) -> String {
        let now = now();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.get(&callee) {
            Some((signed, token)) if (*signed..*signed + REUSED).contains(&now) => token.clone(),
            Some(_) | None => {
                let claims = json!({"iss": self.issuer, "aud": callee.as_str(), "sub": self.owner.as_str(), "iat": now, "exp": now + SERVICE});
                let token = self.sign(&claims);
                current.insert(callee, (now, token.clone()));
                token
            }
        }
    }

    fn sign(&self, claims: &serde_json::Value) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.owner.as_str()});
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = encode(self.key.sign(message.as_bytes()).to_bytes());
        format!("{message}.{signature}")
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signer").field("owner", &self.owner).finish_non_exhaustive()
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
