//! The transactional file: its tables, and a handle that opens it again after an I/O error.

use std::fs;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use kit::crash;
use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};
use uuid::Uuid;

use super::Error;

/// Product id to document, of deleted products too.
pub(super) const DOCUMENTS: TableDefinition<&str, &[u8]> = TableDefinition::new("documents");
/// Place in the order of creation to product id, of those that stand.
pub(super) const LISTING: TableDefinition<u64, &str> = TableDefinition::new("listing");
/// Number of its last change to product id, of deleted products too: what an index that is behind has to read.
pub(super) const CHANGES: TableDefinition<u64, &str> = TableDefinition::new("changes");
/// Events that the broker does not have yet, in the order of the changes.
pub(super) const OUTBOX: TableDefinition<u64, &[u8]> = TableDefinition::new("outbox");
/// Numbers by name.
pub(super) const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");

const FORMAT: &str = "format";
const IDENTITY: &str = "identity";
/// Raised when a program of the version before could not read what this one writes.
const CURRENT_FORMAT: u64 = 1;
/// redb's own default is 1 GiB.
const CACHE_BYTES: usize = 64 << 20;

type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// The open file. After an I/O error redb refuses everything until it is opened again, so that is done here.
pub(super) struct File {
    opener: Opener,
    state: RwLock<State>,
    identity: u64,
}

struct State {
    /// Counts openings: of several who met the same error only the first opens again.
    epoch: u64,
    database: Result<Database, String>,
    writable: bool,
}

impl File {
    /// Opens the file, or makes it. A process that died left nothing but work for redb, which repairs on opening.
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        let builder = || {
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE_BYTES);
            builder
        };
        if !path.exists() {
            // Made aside: one that is half made when the process dies could never be opened.
            let aside = path.with_extension("new");
            if aside.exists() {
                fs::remove_file(&aside)?;
            }
            prepare(&builder().create(&aside)?)?;
            fs::rename(&aside, &path)?;
        }
        let database = builder().open(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => Error::InUse,
            error => error.into(),
        })?;
        Self::new(database, Box::new(move || builder().open(&path)))
    }

    fn new(database: Database, opener: Opener) -> Result<Self, Error> {
        let identity = prepare(&database)?;
        let state = State { epoch: 0, database: Ok(database), writable: true };
        Ok(Self { opener, state: RwLock::new(state), identity })
    }

    /// A number that tells this file from every other.
    pub(super) fn identity(&self) -> u64 {
        self.identity
    }

    /// Whether the last write went through.
    pub(super) fn is_writable(&self) -> bool {
        self.state.read().unwrap_or_else(PoisonError::into_inner).writable
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T, Error>) -> Result<T, Error> {
        self.run(|database| work(&database.begin_read()?))
    }

    /// Does `work` and commits it to the disk, or does nothing.
    pub(super) fn write<T>(&self, work: impl FnOnce(&WriteTransaction) -> Result<T, Error>) -> Result<T, Error> {
        let written = self.run(|database| {
            let transaction = database.begin_write()?;
            let done = work(&transaction)?;
            crash::point("catalog-before-commit");
            transaction.commit()?;
            crash::point("catalog-after-commit");
            Ok(done)
        });
        let writable = written.is_ok();
        if self.is_writable() != writable {
            self.state.write().unwrap_or_else(PoisonError::into_inner).writable = writable;
        }
        written
    }

    fn run<T>(&self, work: impl FnOnce(&Database) -> Result<T, Error>) -> Result<T, Error> {
        let (epoch, done) = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            let done = match &state.database {
                Ok(database) => work(database),
                Err(reason) => Err(Error::Closed(reason.clone())),
            };
            (state.epoch, done)
        };
        if let Err(Error::Storage(_) | Error::Closed(_)) = &done {
            self.reopen(epoch);
        }
        done
    }

    fn reopen(&self, epoch: u64) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.epoch != epoch {
            return;
        }
        state.epoch += 1;
        // Closes the old one first: it holds the file's lock.
        state.database = Err("it is being opened again".to_owned());
        state.database = (self.opener)().map_err(|error| error.to_string());
        match &state.database {
            Ok(_) => tracing::warn!("opened the catalog's file again after an error"),
            Err(error) => tracing::error!(%error, "can't open the catalog's file again"),
        }
    }
}

/// Makes the tables, so that readers find them, and checks that the file is ours. Returns its identity.
fn prepare(database: &Database) -> Result<u64, Error> {
    let transaction = database.begin_write()?;
    let identity = {
        transaction.open_table(DOCUMENTS)?;
        transaction.open_table(LISTING)?;
        transaction.open_table(CHANGES)?;
        transaction.open_table(OUTBOX)?;
        let mut numbers = transaction.open_table(NUMBERS)?;
        let format = numbers.get(FORMAT)?.map(|format| format.value());
        match format {
            Some(CURRENT_FORMAT) => {}
            Some(found) => return Err(Error::Format { found, known: CURRENT_FORMAT }),
            None => {
                numbers.insert(FORMAT, CURRENT_FORMAT)?;
                numbers.insert(IDENTITY, Uuid::new_v4().as_u64_pair().0)?;
            }
        }
        let identity = numbers.get(IDENTITY)?.map(|identity| identity.value());
        identity.ok_or(Error::Damaged("it has no identity"))?
    };
    transaction.commit()?;
    Ok(identity)
}

#[cfg(test)]
mod tests;
