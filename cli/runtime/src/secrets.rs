//! What an instance keeps to itself: signing keys and random secrets, one file each, readable by their owner only.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes, spki::der::pem::LineEnding},
};
use serde_json::json;

/// Everyone who signs something; a key's `kid` is its owner's name.
pub const OWNERS: [&str; 7] = ["account", "product", "recommender", "order", "payment", "gateway", "shopctl"];

/// Why a secret could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read secret {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not an Ed25519 private key in PKCS#8 PEM")]
    Malformed { path: PathBuf },
    #[error("secret {path} is empty")]
    Empty { path: PathBuf },
}

/// One Ed25519 key pair per owner, and the JWKS with all public keys.
#[derive(Debug, Clone)]
pub struct Keys {
    dir: PathBuf,
}

impl Keys {
    /// Makes `<owner>.pem` (PKCS#8) for each of `owners` that has none yet in `dir`, and writes `jwks.json` anew.
    ///
    /// # Errors
    /// When a file cannot be read or written, or an existing key is malformed.
    pub fn create(dir: &Path, owners: &[&str]) -> Result<Self, Error> {
        create_private_dir(dir)?;
        let keys = Self { dir: dir.to_owned() };
        let mut public = Vec::with_capacity(owners.len());
        for owner in owners {
            let key = keys.load_or_create(owner)?;
            public.push(json!({
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": owner,
                "x": URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
            }));
        }
        write_private(&keys.jwks(), format!("{:#}\n", json!({ "keys": public })).as_bytes())?;
        Ok(keys)
    }

    /// Everyone's public keys.
    #[must_use]
    pub fn jwks(&self) -> PathBuf {
        self.dir.join("jwks.json")
    }

    /// The private key of `owner`.
    #[must_use]
    pub fn signing_key(&self, owner: &str) -> PathBuf {
        self.dir.join(format!("{owner}.pem"))
    }

    fn load_or_create(&self, owner: &str) -> Result<SigningKey, Error> {
        let path = self.signing_key(owner);
        match fs::read_to_string(&path) {
            Ok(pem) => SigningKey::from_pkcs8_pem(&pem).map_err(|_| Error::Malformed { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = SigningKey::from_bytes(&rand::random());
                // Without the public half (version 1), as OpenSSL writes it: every reader takes that form.
                let pem = KeypairBytes { secret_key: key.to_bytes(), public_key: None }
                    .to_pkcs8_pem(LineEnding::LF)
                    .map_err(|_| Error::Malformed { path: path.clone() })?;
                write_private(&path, pem.as_bytes())?;
                Ok(key)
            }
            Err(source) => Err(Error::Read { path, source }),
        }
    }
}

/// What a random secret is for, hence its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 192 random bits that need no escaping in a URL.
    Password,
    /// `whsec_` and 32 random bytes in base64 (Standard Webhooks).
    Webhook,
}

/// The value of the secret kept in `path`, made at the first call and the same ever after.
///
/// # Errors
/// When the file cannot be read or written, or is empty.
pub fn load_or_create(path: &Path, shape: Shape) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Ok(value) if value.trim().is_empty() => Err(Error::Empty { path: path.to_owned() }),
        Ok(value) => Ok(value.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let value = generate(shape);
            write_private(path, value.as_bytes())?;
            Ok(value)
        }
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

fn generate(shape: Shape) -> String {
    match shape {
        Shape::Password => URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>()),
        Shape::Webhook => format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>())),
    }
}

/// Creates `dir` and its parents with mode 0700; an existing one is tightened to it.
///
/// # Errors
/// When it cannot be created, or belongs to somebody else.
pub fn create_private_dir(dir: &Path) -> Result<(), Error> {
    let write_error = |source| Error::Write { path: dir.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(write_error)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(write_error)
}

/// Writes a file of mode 0600 in one step: nobody ever reads half of it, not even after a power cut.
///
/// # Errors
/// When the file, or the draft beside it, cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    replace(path, content, true)
}

/// The same for what means nothing any more after a power cut, without waiting for the disk.
///
/// # Errors
/// When the file, or the draft beside it, cannot be written.
pub fn write_passing(path: &Path, content: &[u8]) -> Result<(), Error> {
    replace(path, content, false)
}

fn replace(path: &Path, content: &[u8], lasting: bool) -> Result<(), Error> {
    let draft = path.with_extension(format!("{:08x}.tmp", rand::random::<u32>()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
        file.write_all(content)?;
        if lasting { file.sync_data() } else { Ok(()) }
    });
    written.and_then(|()| fs::rename(&draft, path)).map_err(|source| {
        // On a full disk the draft would stay for ever.
        let _ = fs::remove_file(&draft);
        Error::Write { path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a secret is there").permissions().mode() & 0o777
    }

    #[test]
    fn keys_are_made_once_and_only_their_owner_can_read_them() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let keys = Keys::create(dir.path(), &OWNERS).expect("keys are made");
        let pem = |owner| fs::read_to_string(keys.signing_key(owner)).expect("a key is there");
        let (order, jwks) = (pem("order"), fs::read_to_string(keys.jwks()).expect("a JWKS is there"));
        assert!(order.starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_ne!(order, pem("payment"));
        assert_eq!(mode(&keys.signing_key("order")), 0o600);

        Keys::create(dir.path(), &OWNERS).expect("keys are read");
        assert_eq!(pem("order"), order);
        assert_eq!(fs::read_to_string(keys.jwks()).expect("a JWKS is there"), jwks);
        let jwks: serde_json::Value = serde_json::from_str(&jwks).expect("the JWKS is JSON");
        assert_eq!(jwks["keys"].as_array().map(Vec::len), Some(OWNERS.len()));
        assert_eq!(jwks["keys"][3]["kid"], "order");
    }

    #[test]
    fn a_secret_stays_the_same_and_has_its_shape() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("webhook");
        let secret = load_or_create(&path, Shape::Webhook).expect("a secret is made");
        assert!(secret.starts_with("whsec_"));
        assert_eq!(load_or_create(&path, Shape::Webhook).expect("a secret is read"), secret);
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("taken");
        fs::create_dir_all(path.join("by a folder")).expect("folders are made");
        assert!(matches!(write_private(&path, b"x"), Err(Error::Write { .. })));
        assert_eq!(fs::read_dir(dir.path()).expect("it can be read").count(), 1);
    }

    #[test]
    fn an_empty_secret_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("seller");
        fs::write(&path, "\n").expect("the file is written");
        assert!(matches!(load_or_create(&path, Shape::Password), Err(Error::Empty { .. })));
    }
}
