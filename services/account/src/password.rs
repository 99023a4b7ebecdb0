//! Password hashes: argon2id, off the async threads, so many at a time as there are cores.

mod memory;

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use argon2::password_hash::{self, PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::domain::Password;
use memory::{Lent, Spare};

/// OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("password hash: {0}")]
    Hash(#[from] password_hash::Error),
    #[error("password hash: its task was cut off")]
    Interrupted,
}

/// Hashes and verifies. One is as slow as the other, whether the account exists or not.
#[derive(Clone)]
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    /// Verified against where no account is, so that an unknown address takes the time of a wrong password.
    decoy: Arc<str>,
    /// A hash takes a core for some ten milliseconds and 19 MiB: waiting here costs neither. More than there are cores would
    /// not be done sooner; so many leave everyone else, health checks too, their fair share of the scheduler.
    permits: Arc<Semaphore>,
    spare: Arc<Spare>,
}

/// Hashes that go at once.
pub(crate) fn cores() -> u32 {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from(cores).unwrap_or(u32::MAX)
}

impl Hasher {
    pub(crate) fn new() -> Result<Self, Error> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(password_hash::Error::from)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let spare = Arc::new(Spare::default());
        let decoy = spare.lend(&argon2, |argon2| hash(argon2, &rand::random::<[u8; 32]>()))?.into();
        Ok(Self { argon2, decoy, permits: Arc::new(Semaphore::new(cores() as usize)), spare })
    }

    /// The PHC string to store.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Error> {
        self.run(move |argon2| hash(argon2, password.as_bytes())).await
    }

    /// Whether `password` is the one behind `stored`. False, after as long a time, when nothing is stored.
    pub(crate) async fn verify(&self, password: Password, stored: Option<String>) -> Result<bool, Error> {
        let decoy = Arc::clone(&self.decoy);
        self.run(move |argon2| {
            let exists = stored.is_some();
            let phc = PasswordHash::new(stored.as_deref().unwrap_or(&decoy))?;
            match argon2.verify_password(password.as_bytes(), &phc) {
                Ok(()) => Ok(exists),
                Err(password_hash::Error::Password) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Lent<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Error::Interrupted)?;
        // The permit goes with the work: a caller who hangs up does not make room for one more at once.
        let (argon2, spare) = (self.argon2.clone(), Arc::clone(&self.spare));
        tokio::task::spawn_blocking(move || {
            let done = spare.lend(&argon2, work);
            drop(permit);
            done
        })
        .await
        .map_err(|_| Error::Interrupted)?
    }
}

fn hash(argon2: &Lent<'_>, password: &[u8]) -> Result<String, Error> {
    let salt = SaltString::encode_b64(&rand::random::<[u8; SALT_BYTES]>())?;
    Ok(argon2.hash_password(password, &salt)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text.to_owned()).expect("a valid password")
    }

    #[tokio::test]
    async fn a_hash_says_argon2id_with_the_promised_cost_and_verifies_only_its_password() {
        let hasher = Hasher::new().expect("the parameters are valid");
        let stored = hasher.hash(password("correct horse")).await.expect("hashing works");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(hasher.verify(password("correct horse"), Some(stored.clone())).await.expect("verifying works"));
        assert!(!hasher.verify(password("battery staple"), Some(stored)).await.expect("verifying works"));
    }

    #[tokio::test]
    async fn what_one_hash_leaves_in_memory_changes_nothing_about_the_next() {
        let hasher = Hasher::new().expect("the parameters are valid");
        for text in ["correct horse", "battery staple"] {
            let stored = hasher.hash(password(text)).await.expect("hashing works");
            let phc = PasswordHash::new(&stored).expect("a PHC string");
            Argon2::default().verify_password(text.as_bytes(), &phc).expect("the library agrees");
        }
    }

    #[tokio::test]
    async fn the_same_password_hashes_differently_each_time() {
        let hasher = Hasher::new().expect("the parameters are valid");
        let one = hasher.hash(password("same")).await.expect("hashing works");
        let other = hasher.hash(password("same")).await.expect("hashing works");
        assert_ne!(one, other);
    }

    #[tokio::test]
    async fn nothing_stored_verifies_nothing() {
        let hasher = Hasher::new().expect("the parameters are valid");
        assert!(!hasher.verify(password("anything"), None).await.expect("verifying works"));
    }
}
