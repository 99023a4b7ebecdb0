//! Images: which are here, which could be pulled, and pulling them.

mod credentials;
mod progress;

use std::time::Duration;

pub use credentials::Credentials;
pub use progress::{Phase, Progress};

use crate::{Daemon, Error};

/// The id (`sha256:…`) of an image that is here.
///
/// # Errors
/// When the daemon does not say.
pub async fn id(daemon: &Daemon, image: &str) -> Result<Option<String>, Error> {
    let _ = (daemon, image);
    todo!()
}

/// Those that are not here, each once.
///
/// # Errors
/// When the daemon does not say.
pub async fn missing(daemon: &Daemon, images: &[String]) -> Result<Vec<String>, Error> {
    let _ = (daemon, images);
    todo!()
}

/// Whether the registry has the image and would give it to this user.
///
/// # Errors
/// Why not; a registry that does not answer within `patience` is not reached.
pub async fn obtainable(
    daemon: &Daemon,
    image: &str,
    credentials: &Credentials,
    patience: Duration,
) -> Result<(), Error> {
    let _ = (daemon, image, credentials, patience);
    todo!()
}

/// Pulls images in parallel. Dropping the future stops it; what is complete stays, so that the next pull goes on from there.
///
/// # Errors
/// Those of all images that could not be pulled.
pub async fn pull(
    daemon: &Daemon,
    images: &[String],
    credentials: &Credentials,
    progress: &(dyn Fn(&str, &Progress) + Sync),
) -> Result<(), Vec<Error>> {
    let _ = (daemon, images, credentials, progress);
    todo!()
}
