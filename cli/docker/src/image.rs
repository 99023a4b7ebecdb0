//! Images: which are here, which could be pulled, and pulling them.

mod credentials;
mod failure;
mod progress;
mod reference;

use std::{collections::BTreeSet, time::Duration};

use bollard::{auth::DockerCredentials, query_parameters::CreateImageOptionsBuilder};
use futures::{StreamExt, future};

pub use credentials::Credentials;
pub use progress::{Phase, Progress};

use crate::{Daemon, Error};

/// The id (`sha256:…`) of an image that is here.
///
/// # Errors
/// When the daemon does not say.
pub async fn id(daemon: &Daemon, image: &str) -> Result<Option<String>, Error> {
    let found = daemon.ask_for("look at", &format!("image {image}"), daemon.docker.inspect_image(image)).await?;
    Ok(found.and_then(|found| found.id))
}

/// Those that are not here, each once.
///
/// # Errors
/// When the daemon does not say.
pub async fn missing(daemon: &Daemon, images: &[String]) -> Result<Vec<String>, Error> {
    let images: BTreeSet<&String> = images.iter().collect();
    let found = images.into_iter().map(async |image| {
        let missing = id(daemon, image).await?.is_none();
        Ok(missing.then(|| image.clone()))
    });
    let found: Vec<Option<String>> = future::try_join_all(found).await?;
    Ok(found.into_iter().flatten().collect())
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
    let image = reference::with_tag(image);
    let asked = async {
        let login = Login::of(&image, credentials).await;
        let answer = daemon.docker.inspect_registry_image(&image, login.credentials.clone()).await;
        answer.map(drop).map_err(|error| login.blamed(failure::of_pull(&image, &error)))
    };
    tokio::time::timeout(patience, asked).await.unwrap_or_else(|_| {
        Err(Error::NoNetwork { image: image.clone(), detail: format!("no answer within {} s", patience.as_secs()) })
    })
}

/// Pulls images in parallel. Dropping the future stops it. Images that are complete stay; what there is of the others, a
/// daemon with containerd's image store keeps for the next pull, and one with the older store (20.10 has no other) drops.
///
/// # Errors
/// Those of all images that could not be pulled.
pub async fn pull(
    daemon: &Daemon,
    images: &[String],
    credentials: &Credentials,
    progress: &(dyn Fn(&str, &Progress) + Sync),
) -> Result<(), Vec<Error>> {
    let images: BTreeSet<&String> = images.iter().collect();
    let pulls = images.into_iter().map(|image| pull_one(daemon, image, credentials, progress));
    let failed: Vec<Error> = future::join_all(pulls).await.into_iter().filter_map(Result::err).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed) }
}

async fn pull_one(
    daemon: &Daemon,
    image: &str,
    credentials: &Credentials,
    progress: &(dyn Fn(&str, &Progress) + Sync),
) -> Result<(), Error> {
    let mut tracker = progress::Tracker::default();
    progress(image, &tracker.progress());
    // Without a tag, the daemon would take all that there are.
    let tagged = reference::with_tag(image);
    let login = Login::of(&tagged, credentials).await;
    let options = CreateImageOptionsBuilder::default().from_image(&tagged).build();
    let mut stream = daemon.docker.create_image(Some(options), None, login.credentials.clone());
    while let Some(news) = stream.next().await {
        let news = match news {
            Ok(news) => news,
            Err(error) => return Err(login.blamed(failure::of_pull(&tagged, &error))),
        };
        if tracker.take(&news) {
            progress(image, &tracker.progress());
        }
    }
    // A stream that ends early, as with a daemon that stops, looks like one that is complete.
    if id(daemon, &tagged).await?.is_none() {
        return Err(Error::Pull { image: tagged, detail: "it ended before all was there".into() });
    }
    progress(image, &tracker.done());
    Ok(())
}

/// Credentials, or why there are none.
struct Login {
    credentials: Option<DockerCredentials>,
    trouble: Option<Error>,
}

impl Login {
    async fn of(image: &str, credentials: &Credentials) -> Self {
        match credentials.of_registry(reference::registry(image)).await {
            Ok(credentials) => Self { credentials, trouble: None },
            // Most images are public: they are tried without.
            Err(error) => Self { credentials: None, trouble: Some(error) },
        }
    }

    /// When a registry refuses somebody whose credentials could not be read, that is the reason.
    fn blamed(self, error: Error) -> Error {
        match error {
            Error::Unauthorized { .. } | Error::ImageNotFound { .. } => self.trouble.unwrap_or(error),
            error => error,
        }
    }
}
