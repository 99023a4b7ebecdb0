//! Signing keys as an instance has them.

use std::{fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey as _, KeypairBytes, spki::der::pem::LineEnding},
};
use serde_json::json;
use tempfile::TempDir;

/// Everyone who signs something; a key's `kid` is its owner's name.
pub const OWNERS: [&str; 7] = ["account", "product", "recommender", "order", "payment", "gateway", "shopctl"];

/// A key for every owner and the JWKS of all, in a folder that goes with this value.
pub struct Keys {
    instance: String,
    dir: TempDir,
}

impl Keys {
    /// # Panics
    /// When the temporary folder cannot be written.
    #[must_use]
    pub fn new(instance: &str) -> Self {
        let keys = Self {
            instance: instance.to_owned(),
            dir: tempfile::tempdir().expect("the temporary folder can be written"),
        };
        let public: Vec<_> = OWNERS
            .iter()
            .map(|owner| {
                let key = SigningKey::from_bytes(&rand::random());
                // Without the public half, as OpenSSL writes it and as an instance has it.
                let pair = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
                let pem = pair.to_pkcs8_pem(LineEnding::LF).expect("every key has this form");
                fs::write(keys.signing_key(owner), pem.as_bytes()).expect("the temporary folder can be written");
                let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
                json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": owner, "x": x})
            })
            .collect();
        fs::write(keys.jwks(), json!({ "keys": public }).to_string()).expect("the temporary folder can be written");
        keys
    }

    /// The instance's name; tokens' `iss` is `shopctl/<instance>`.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Path of everyone's public keys.
    #[must_use]
    pub fn jwks(&self) -> PathBuf {
        self.dir.path().join("jwks.json")
    }

    /// Path of the private key of `owner`.
    #[must_use]
    pub fn signing_key(&self, owner: &str) -> PathBuf {
        self.dir.path().join(format!("{owner}.pem"))
    }
}
