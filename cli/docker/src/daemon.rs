//! The Docker daemon: which one the docker CLI would talk to, and a connection to it.

mod endpoint;
mod failure;

use std::{fmt, time::Duration};

use bollard::{API_DEFAULT_VERSION, Docker};

pub use endpoint::{Endpoint, Surroundings, find};
pub(crate) use failure::{message, oldest, status};

use crate::Error;

/// For the first answer: whoever is there answers at once.
const GREETING: Duration = Duration::from_secs(3);
/// For all that is no stream. Creating a container on a busy machine takes seconds.
const ANSWER: Duration = Duration::from_secs(60);
/// API of Docker 20.10.
const OLDEST: (u32, u32) = (1, 41);

/// A daemon that has answered.
#[derive(Debug, Clone)]
pub struct Daemon {
    pub(crate) docker: Docker,
    endpoint: Endpoint,
    version: Version,
}

/// What the daemon says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Of the engine: `20.10.24`.
    pub engine: String,
    /// The newest API that it speaks: `1.41`.
    pub api: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Docker {} (API {})", self.engine, self.api)
    }
}

impl Version {
    pub(crate) fn speaks(&self, oldest: (u32, u32)) -> bool {
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
        let mut parts = self.api.split('.');
        matches!((number(parts.next()), number(parts.next())), (Some(major), Some(minor)) if (major, minor) >= oldest)
    }
}

impl Daemon {
    /// The daemon that the environment of this process leads to.
    ///
    /// # Errors
    /// As [`find`] and [`Self::connect`].
    pub async fn from_environment() -> Result<Self, Error> {
        Self::connect(&find(&Surroundings::of_process())?).await
    }

    /// Asks the daemon for its version, and settles on an API that both speak. Takes 3 s at most.
    ///
    /// # Errors
    /// When there is none, it does not let this user in, or is too old.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, Error> {
        let failed = |error| failure::of_connection(endpoint, &error);
        let timeout = ANSWER.as_secs();
        let docker = if endpoint.url.starts_with("unix://") {
            Docker::connect_with_unix(&endpoint.url, timeout, API_DEFAULT_VERSION)
        } else {
            Docker::connect_with_http(&with_port(&endpoint.url), timeout, API_DEFAULT_VERSION)
        };
        // The daemon wants base64 for URLs; bollard 0.21 writes the other one, which differs for some passwords.
        let docker = docker.map_err(failed)?.with_request_modifier(|mut request| {
            if let Some(auth) = request.headers_mut().get_mut("X-Registry-Auth")
                && let Ok(fixed) = auth.to_str().unwrap_or_default().replace('+', "-").replace('/', "_").parse()
            {
                *auth = fixed;
            }
            request
        });
        let greeting = async {
            let version = docker.version().await?;
            Ok((docker.negotiate_version().await?, version))
        };
        let (docker, version) = match tokio::time::timeout(GREETING, greeting).await {
            Ok(answer) => answer.map_err(failed)?,
            Err(_) => return Err(failed(bollard::errors::Error::RequestTimeoutError)),
        };
        let version = Version {
            engine: version.version.unwrap_or_else(|| "of an unknown version".into()),
            api: version.api_version.unwrap_or_default(),
        };
        if !version.speaks(OLDEST) {
            let Version { engine, api } = version;
            return Err(Error::TooOld { url: endpoint.url.clone(), engine, api });
        }
        Ok(Self { docker, endpoint: endpoint.clone(), version })
    }

    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// An answer of the daemon, or why it did not do what it was asked for.
    pub(crate) async fn ask<T>(
        &self,
        action: &'static str,
        object: &str,
        answer: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, Error> {
        self.answer(answer).await.map_err(|error| self.refused(action, object, &error))
    }

    /// As [`Self::ask`]; what is not there (404) is none.
    pub(crate) async fn ask_for<T>(
        &self,
        action: &'static str,
        object: &str,
        answer: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<Option<T>, Error> {
        match self.answer(answer).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(self.refused(action, object, &error)),
        }
    }

    /// Whatever the daemon says, within a minute.
    pub(crate) async fn answer<T>(
        &self,
        answer: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, bollard::errors::Error> {
        let timeout = Err(bollard::errors::Error::RequestTimeoutError);
        tokio::time::timeout(ANSWER, answer).await.unwrap_or(timeout)
    }

    pub(crate) fn refused(&self, action: &'static str, object: &str, error: &bollard::errors::Error) -> Error {
        failure::of_request(&self.endpoint, action, object, error)
    }
}

/// Docker's port where none is named.
fn with_port(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if port { url.to_owned() } else { format!("{url}:2375") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_from_20_10_on_serve() {
        for (api, expected) in
            [("1.40", false), ("1.41", true), ("1.52", true), ("2.0", true), ("", false), ("x.y", false)]
        {
            let version = Version { engine: "x".into(), api: api.into() };
            assert_eq!(version.speaks(OLDEST), expected, "{api}");
        }
    }

    #[test]
    fn a_host_without_port_has_dockers() {
        for (url, expected) in [
            ("tcp://a", "tcp://a:2375"),
            ("tcp://a:1/", "tcp://a:1"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("tcp://[::1]:5", "tcp://[::1]:5"),
        ] {
            assert_eq!(with_port(url), expected);
        }
    }
}
