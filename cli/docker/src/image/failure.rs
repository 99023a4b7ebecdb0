//! Why an image did not come: the daemon has one status and many words for it.

use bollard::errors::Error as Cause;

use super::reference;
use crate::{Error, daemon};

const DISK: [&str; 3] = ["no space left on device", "disk quota exceeded", "not enough space"];
const NOT_FOUND: [&str; 6] = [
    "manifest unknown",
    "name unknown",
    "repository does not exist",
    "pull access denied",
    "not found",
    "no matching manifest",
];
const LOGIN: [&str; 6] = [
    "unauthorized",
    "authentication required",
    "no basic auth credentials",
    "incorrect username or password",
    "access forbidden",
    "denied",
];
const NETWORK: [&str; 14] = [
    "dial tcp",
    "no such host",
    "connection refused",
    "connection reset",
    "i/o timeout",
    "handshake timeout",
    "network is unreachable",
    "no route to host",
    "client.timeout exceeded",
    "deadline exceeded",
    "request canceled while waiting for connection",
    "name resolution",
    "proxyconnect",
    "eof",
];

pub(super) fn of_pull(image: &str, error: &Cause) -> Error {
    let (image, detail) = (image.to_owned(), daemon::message(error));
    let words = detail.to_lowercase();
    let says = |any: &[&str]| any.iter().any(|text| words.contains(text));
    if says(&DISK) {
        Error::DiskFull { image, detail }
    } else if matches!(error, Cause::RequestTimeoutError) || says(&NETWORK) {
        Error::NoNetwork { image, detail }
    } else if says(&NOT_FOUND) {
        Error::ImageNotFound { image, detail }
    } else if matches!(daemon::status(error), Some(401 | 403)) || says(&LOGIN) {
        let registry = match reference::registry(&image) {
            reference::HUB => "docker.io",
            registry => registry,
        };
        Error::Unauthorized { registry: registry.to_owned(), image, detail }
    } else {
        Error::Pull { image, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_daemon_says_becomes_what_the_user_can_act_on() {
        for (words, kind) in [
            ("manifest for x:9 not found: manifest unknown: manifest unknown", "NotFound"),
            (
                "pull access denied for x, repository does not exist or may require 'docker login': denied: requested \
                 access to the resource is denied",
                "NotFound",
            ),
            ("Head \"http://127.0.0.1:1/v2/x/manifests/1\": no basic auth credentials", "Unauthorized"),
            ("unauthorized: authentication required", "Unauthorized"),
            (
                "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
                "NoNetwork",
            ),
            ("Get \"https://x/v2/\": net/http: TLS handshake timeout", "NoNetwork"),
            ("dial tcp 10.0.0.1:443: connect: connection refused", "NoNetwork"),
            ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", "DiskFull"),
            ("failed to register layer: invalid tar header", "Pull"),
        ] {
            let error = of_pull("here.example/x:9", &Cause::DockerStreamError { error: words.into() });
            let found = match &error {
                Error::ImageNotFound { .. } => "NotFound",
                Error::Unauthorized { registry, .. } if registry == "here.example" => "Unauthorized",
                Error::NoNetwork { .. } => "NoNetwork",
                Error::DiskFull { .. } => "DiskFull",
                Error::Pull { .. } => "Pull",
                _ => "another",
            };
            assert_eq!(found, kind, "{words}");
            assert!(error.hint().is_some());
        }
    }
}
