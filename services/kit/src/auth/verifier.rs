use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use tonic::metadata::MetadataMap;

use super::jwks::{self, Error};
use super::{Caller, Config, Mode, Owner, SHOP, now};

/// Tokens that are remembered, at most: then all are forgotten.
const REMEMBERED: usize = 1024;

/// Tells who calls one service. Clones share the keys, and the tokens that were found good.
#[derive(Clone)]
pub struct Verifier(Arc<Keys>);

struct Keys {
    keys: HashMap<Owner, DecodingKey>,
    issuer: String,
    audience: Owner,
    mode: Mode,
    /// Whole tokens: a caller's next calls carry the same one, and to check a signature costs more than most of them.
    known: Mutex<HashMap<String, Verified>>,
}

/// What a token says for as long as it is valid.
#[derive(Clone)]
struct Verified {
    caller: Caller,
    /// Seconds since 1970, the last of which it is valid in.
    expires: f64,
}

/// The call carries no token, or none that counts here. What is wrong with it is for the log, not for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    #[error("no bearer token was given")]
    Missing,
    #[error("the bearer token is not valid")]
    Invalid,
}

impl From<Unauthenticated> for tonic::Status {
    fn from(error: Unauthenticated) -> Self {
        Self::unauthenticated(error.to_string())
    }
}

/// `aud` must be one word: a token that is good in two places has no owner's blessing.
#[derive(Deserialize)]
struct UserClaims {
    #[serde(rename = "aud")]
    _aud: String,
    sub: String,
    email: String,
    exp: f64,
}

#[derive(Deserialize)]
struct ServiceClaims {
    #[serde(rename = "aud")]
    _aud: String,
    exp: f64,
}

impl Verifier {
    /// # Errors
    /// The JWKS can't be read, holds a key that can't be used, or has none of account.
    pub fn load(config: &Config, audience: Owner) -> Result<Self, Error> {
        let keys = jwks::load(&config.jwks)?;
        if !keys.contains_key(&Owner::Account) {
            return Err(Error::NoKey { path: config.jwks.clone(), owner: Owner::Account });
        }
        let keys = keys.into_iter().map(|(owner, key)| (owner, DecodingKey::from_ed_der(key.as_bytes()))).collect();
        if config.mode == Mode::Open {
            tracing::warn!(
                "SHOP_AUTH=open: CALLS WITHOUT A TOKEN ARE ACCEPTED, whoever reaches this port may act for anybody"
            );
        }
        Ok(Self(Arc::new(Keys { keys, issuer: config.issuer(), audience, mode: config.mode, known: Mutex::default() })))
    }

    pub fn mode(&self) -> Mode {
        self.0.mode
    }

    /// Who sent the request that has this `authorization` header.
    pub fn caller(&self, authorization: Option<&str>) -> Result<Caller, Unauthenticated> {
        let Some(authorization) = authorization else {
            return match self.0.mode {
                Mode::Required => Err(Unauthenticated::Missing),
                Mode::Open => Ok(Caller::Anonymous),
            };
        };
        let (scheme, token) = authorization.split_once(' ').ok_or(Unauthenticated::Invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Unauthenticated::Invalid);
        }
        let token = token.trim_ascii_start();
        if let Some(caller) = self.known(token) {
            return Ok(caller);
        }
        let verified = self.verify(token).map_err(|reason| {
            tracing::debug!("refused a token: {reason}");
            Unauthenticated::Invalid
        })?;
        let caller = verified.caller.clone();
        self.remember(token, verified);
        Ok(caller)
    }

    /// Who sent the request that has these headers. Several `authorization` headers are as bad as a forged one.
    pub fn http_caller(&self, headers: &http::HeaderMap) -> Result<Caller, Unauthenticated> {
        let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
        let authorization =
            values.next().map(|value| value.to_str().map_err(|_| Unauthenticated::Invalid)).transpose()?;
        if values.next().is_some() {
            return Err(Unauthenticated::Invalid);
        }
        self.caller(authorization)
    }

    /// Who sent the gRPC request that has this metadata.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, without a reason that would help a forger.
    pub fn grpc_caller(&self, metadata: &MetadataMap) -> Result<Caller, tonic::Status> {
        self.http_caller(metadata.as_ref()).map_err(Into::into)
    }

    /// Whose token this is, if it was found good before and still is.
    fn known(&self, token: &str) -> Option<Caller> {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Verified { caller, expires } = known.get(token)?;
        (*expires >= seconds(now())).then(|| caller.clone())
    }

    fn remember(&self, token: &str, verified: Verified) {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(token.to_owned(), verified);
    }

    fn verify(&self, token: &str) -> Result<Verified, String> {
        let header = decode_header(token).map_err(|error| error.to_string())?;
        if header.crit.is_some() {
            return Err("it has critical extensions, none of which is known".to_owned());
        }
        let kid = header.kid.ok_or("it has no kid")?;
        let owner: Owner = kid.parse().map_err(|_| "its kid is unknown")?;
        let key = self.0.keys.get(&owner).ok_or("its kid has no key here")?;
        match owner {
            Owner::Account => {
                let claims: UserClaims = self.claims(token, key, SHOP)?;
                let account_id = account_id(&claims.sub).ok_or("its sub is no account")?;
                Ok(Verified { caller: Caller::User { account_id, email: claims.email }, expires: claims.exp })
            }
            Owner::Product | Owner::Recommender | Owner::Order | Owner::Payment | Owner::Gateway | Owner::Shopctl => {
                let claims: ServiceClaims = self.claims(token, key, self.0.audience.as_str())?;
                Ok(Verified { caller: Caller::Service(owner), expires: claims.exp })
            }
        }
    }

    fn claims<T: serde::de::DeserializeOwned>(
        &self,
        token: &str,
        key: &DecodingKey,
        audience: &str,
    ) -> Result<T, String> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&self.0.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        decode(token, key, &validation).map(|token| token.claims).map_err(|error| error.to_string())
    }
}

/// The one way in which account writes an id: decimal, positive, without sign or leading zeros.
fn account_id(sub: &str) -> Option<i64> {
    sub.parse().ok().filter(|id: &i64| *id > 0 && id.to_string() == sub)
}

#[expect(clippy::cast_precision_loss, reason = "exact for the next hundred million years")]
fn seconds(time: u64) -> f64 {
    time as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_a_token_ends_with_it_and_is_bounded() {
        let known = Mutex::default();
        let keys =
            Keys { keys: HashMap::new(), issuer: String::new(), audience: Owner::Order, mode: Mode::Open, known };
        let verifier = Verifier(Arc::new(keys));
        let verified = |expires: f64| Verified { caller: Caller::Anonymous, expires };
        verifier.remember("expired", verified(seconds(now()) - 1.0));
        verifier.remember("valid", verified(seconds(now()) + 600.0));
        assert_eq!(verifier.known("expired"), None);
        assert_eq!(verifier.known("valid"), Some(Caller::Anonymous));
        assert_eq!(verifier.known("forged"), None);
        for nth in 0..2 * REMEMBERED {
            verifier.remember(&nth.to_string(), verified(seconds(now()) + 600.0));
        }
        assert!(verifier.0.known.lock().expect("no panic").len() <= REMEMBERED);
    }
}
