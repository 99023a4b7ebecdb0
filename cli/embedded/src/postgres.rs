//! One PostgreSQL cluster for each database: found or downloaded binaries, a template made once, copies of it.

mod account;
mod binaries;
mod cluster;
mod download;
mod error;
mod place;
mod settings;
mod template;

pub use binaries::{Binaries, Version};
pub use cluster::{Durability, Spec, exec, prepare, remove};
pub use error::Error;
pub use settings::Settings;

/// What takes long before a cluster can start, for whoever shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Bytes of the archive that are here; the total is unknown if the server does not tell.
    Downloading { done: u64, total: Option<u64> },
    /// The archive is complete and checked.
    Unpacking,
    /// `initdb` makes the template that clusters are copied from.
    Initialising,
}

/// The binaries that new clusters would get as things are; `None` if they would be downloaded. Changes nothing.
///
/// # Errors
/// When those that the environment names are not usable.
pub fn present(settings: &Settings) -> Result<Option<Binaries>, Error> {
    let account = account::Account::find()?.unwrap_or(account::Account::Caller);
    let places = place::Places::new(settings, &account)?;
    binaries::present(settings, &account, &places)
}

/// Makes sure that server binaries and a template are there, and answers with the binaries.
///
/// Downloads only if nothing suitable is installed or was downloaded before. Two processes at once, or one killed on
/// the way, do no harm: everything appears by rename, under a lock.
///
/// # Errors
/// When no binaries can be had, or `initdb` fails.
pub fn install(settings: &Settings, progress: &(dyn Fn(Progress) + Sync)) -> Result<Binaries, Error> {
    let account = account::Account::resolve()?;
    let places = place::Places::new(settings, &account)?;
    let binaries = binaries::choose(settings, &account, &places, progress)?;
    template::ensure(&binaries, &account, &places, progress)?;
    Ok(binaries)
}
