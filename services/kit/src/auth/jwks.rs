use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;

use super::Owner;

/// A key or a set of keys that a service can't start with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("SHOP_SIGNING_KEY is not set")]
    NoSigningKey,
    #[error("{} can't be read", .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} is not a JSON Web Key Set", .path.display())]
    NotJwks { path: PathBuf, source: serde_json::Error },
    #[error("{}: key {kid}: {reason}", .path.display())]
    BadKey { path: PathBuf, kid: String, reason: &'static str },
    #[error("{} has no key of {owner}", .path.display())]
    NoKey { path: PathBuf, owner: Owner },
    #[error("{} is not an Ed25519 private key (PKCS#8, PEM)", .path.display())]
    NotPrivateKey { path: PathBuf },
    #[error("{} is not the private key of {owner}: the JWKS has another public key", .path.display())]
    WrongKey { path: PathBuf, owner: Owner },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoSigningKey | Self::NotPrivateKey { .. } | Self::WrongKey { .. } => {
                "set SHOP_SIGNING_KEY to the path of this service's own private key; `shopctl env SERVICE` prints that of a running instance"
            }
            Self::Unreadable { .. } | Self::NotJwks { .. } | Self::BadKey { .. } | Self::NoKey { .. } => {
                "SHOP_JWKS and SHOP_SIGNING_KEY must name files of one instance; `shopctl env SERVICE` prints those of a running one"
            }
        }
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: Option<String>,
    kty: String,
    crv: Option<String>,
    alg: Option<String>,
    x: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

/// Everybody's public keys. Keys of owners that this version does not know are skipped.
pub(super) fn load(path: &Path) -> Result<HashMap<Owner, VerifyingKey>, Error> {
    let text = std::fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    let set: Set = serde_json::from_slice(&text).map_err(|source| Error::NotJwks { path: path.to_owned(), source })?;
    let mut keys = HashMap::new();
    for key in set.keys {
        let kid = key.kid.clone().unwrap_or_default();
        let bad = |reason| Error::BadKey { path: path.to_owned(), kid: kid.clone(), reason };
        if kid.is_empty() {
            return Err(bad("it has no kid"));
        }
        let public = public_key(&key).map_err(bad)?;
        let Ok(owner) = kid.parse::<Owner>() else { continue };
        if keys.insert(owner, public).is_some() {
            return Err(bad("it is there twice"));
        }
    }
    Ok(keys)
}

fn public_key(key: &Key) -> Result<VerifyingKey, &'static str> {
    if key.d.is_some() {
        return Err("it holds a private key, which nobody but its owner may have");
    }
    if key.kty != "OKP"
        || key.crv.as_deref() != Some("Ed25519")
        || key.alg.as_deref().is_some_and(|alg| alg != "EdDSA" && alg != "Ed25519")
    {
        return Err("it is not an Ed25519 key");
    }
    let x = key.x.as_deref().ok_or("x is missing")?;
    let bytes = URL_SAFE_NO_PAD.decode(x).map_err(|_| "x is not base64url")?;
    let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| "x is not 32 bytes long")?;
    // A weak key (of small order) verifies signatures that nobody made.
    VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak()).ok_or("x is not a usable public key")
}
