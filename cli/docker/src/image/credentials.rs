use std::{fs::File, io, path::PathBuf, time::Duration};

use bollard::auth::DockerCredentials;
use docker_credential::{CredentialRetrievalError, DockerCredential};

use crate::Error;

/// For a credential helper, which may ask a keychain.
const HELPER: Duration = Duration::from_secs(20);

/// Where the user's credentials for registries are: Docker's `config.json`, with its helpers.
#[derive(Debug, Clone)]
pub struct Credentials {
    config: Option<PathBuf>,
}

impl Credentials {
    /// `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`.
    #[must_use]
    pub fn from_lookup(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = variable("DOCKER_CONFIG").or_else(|| variable("HOME").map(|home| home.join(".docker")));
        Self { config: folder.map(|folder| folder.join("config.json")) }
    }

    /// None where the user has not logged in.
    pub(super) async fn of_registry(&self, registry: &str) -> Result<Option<DockerCredentials>, Error> {
        let failed = |detail: String| Error::Credentials { registry: registry.to_owned(), detail };
        let Some(path) = &self.config else { return Ok(None) };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(format!("{}: {error}", path.display()))),
        };
        // A helper is a program, and the crate waits for it.
        let server = registry.to_owned();
        let read = tokio::task::spawn_blocking(move || {
            docker_credential::get_credential_from_reader(io::BufReader::new(file), &server)
        });
        let found = match tokio::time::timeout(HELPER, read).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => {
                return Err(failed(format!("the credential helper does not answer within {} s", HELPER.as_secs())));
            }
        };
        match found {
            Ok(found) => Ok(Some(login(registry, found))),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
            // The words of all helpers for somebody who has not logged in.
            Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
                if [&stdout, &stderr].iter().any(|said| said.contains("credentials not found")) =>
            {
                Ok(None)
            }
            Err(CredentialRetrievalError::HelperFailure { helper, stdout, stderr }) => {
                Err(failed(format!("{helper} says: {} {}", stdout.trim(), stderr.trim())))
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

fn login(registry: &str, found: DockerCredential) -> DockerCredentials {
    let serveraddress = Some(registry.to_owned());
    match found {
        DockerCredential::IdentityToken(token) => {
            DockerCredentials { identitytoken: Some(token), serveraddress, ..DockerCredentials::default() }
        }
        DockerCredential::UsernamePassword(username, password) => DockerCredentials {
            username: Some(username),
            password: Some(password),
            serveraddress,
            ..DockerCredentials::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn of(config: &str, registry: &str) -> Result<Option<DockerCredentials>, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.json"), config).expect("it is written");
        let path = folder.path().to_str().expect("plain text").to_owned();
        Credentials::from_lookup(|name| (name == "DOCKER_CONFIG").then(|| path.clone())).of_registry(registry).await
    }

    #[tokio::test]
    async fn a_login_is_found_by_the_name_of_its_registry() {
        // me:secret
        let config = r#"{"auths":{"127.0.0.1:5000":{"auth":"bWU6c2VjcmV0"},"https://index.docker.io/v1/":{"auth":"bWU6c2VjcmV0"}}}"#;
        for registry in ["127.0.0.1:5000", super::super::reference::HUB] {
            let found = of(config, registry).await.expect("readable").expect("a login");
            assert_eq!((found.username.as_deref(), found.password.as_deref()), (Some("me"), Some("secret")));
        }
        assert_eq!(of(config, "ghcr.io").await.expect("readable"), None);
        assert_eq!(of("{}", "ghcr.io").await.expect("readable"), None);
    }

    #[tokio::test]
    async fn who_has_no_settings_has_no_login() {
        let nobody = Credentials::from_lookup(|_| None);
        assert_eq!(nobody.of_registry("ghcr.io").await.expect("readable"), None);
        let elsewhere = Credentials::from_lookup(|name| (name == "HOME").then(|| "/nonexistent".into()));
        assert_eq!(elsewhere.of_registry("ghcr.io").await.expect("readable"), None);
    }

    #[tokio::test]
    async fn a_login_that_cannot_be_read_is_an_error() {
        for config in
            ["{", r#"{"credsStore":"shopctl-test-that-is-not-there"}"#, r#"{"auths":{"r.example":{"auth":"%"}}}"#]
        {
            let error = of(config, "r.example").await.expect_err(config);
            assert!(matches!(error, Error::Credentials { .. }), "{error}");
        }
    }
}
