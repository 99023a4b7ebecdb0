use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use argon2::password_hash::{self, Decimal, Ident, Output, ParamsString, PasswordHash, PasswordHasher, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Memory of hashes that are made, for those that come.
///
/// Freed, it would stay with the allocator all the same, once for each thread that has ever made a hash (115 MiB after three
/// shoppers); and what comes fresh from the system comes page by page.
#[derive(Default)]
pub(super) struct Spare(Mutex<Vec<Vec<Block>>>);

impl Spare {
    /// Does something that makes one hash at a time.
    pub(super) fn lend<T>(&self, argon2: &Argon2<'static>, work: impl FnOnce(&Lent<'_>) -> T) -> T {
        let blocks = RefCell::new(self.lock().pop().unwrap_or_default());
        let lent = Lent { argon2, blocks };
        let done = work(&lent);
        self.lock().push(lent.blocks.into_inner());
        done
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Argon2 as it is, but in memory that it is lent.
pub(super) struct Lent<'a> {
    argon2: &'a Argon2<'static>,
    blocks: RefCell<Vec<Block>>,
}

impl Lent<'_> {
    fn output(&self, argon2: &Argon2<'_>, password: &[u8], salt: Salt<'_>) -> password_hash::Result<Output> {
        let mut bytes = [0; Salt::MAX_LENGTH];
        let salt = salt.decode_b64(&mut bytes)?;
        let mut blocks = self.blocks.borrow_mut();
        let (needed, length) = (argon2.params().block_count(), argon2.params().output_len());
        if blocks.len() < needed {
            blocks.resize(needed, Block::default());
        }
        Output::init_with(length.unwrap_or(Params::DEFAULT_OUTPUT_LEN), |out| {
            Ok(argon2.hash_password_into_with_memory(password, salt, out, &mut blocks[..needed])?)
        })
    }
}

impl PasswordHasher for Lent<'_> {
    type Params = Params;

    fn hash_password<'a>(&self, password: &[u8], salt: impl Into<Salt<'a>>) -> password_hash::Result<PasswordHash<'a>> {
        let params = self.argon2.params().clone();
        self.hash_password_customized(password, None, None, params, salt)
    }

    fn hash_password_customized<'a>(
        &self,
        password: &[u8],
        algorithm: Option<Ident<'a>>,
        version: Option<Decimal>,
        params: Params,
        salt: impl Into<Salt<'a>>,
    ) -> password_hash::Result<PasswordHash<'a>> {
        let salt = salt.into();
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let hash = Some(self.output(&Argon2::new(algorithm, version, params.clone()), password, salt)?);
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(salt),
            hash,
        })
    }
}
