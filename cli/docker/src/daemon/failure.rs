//! What an error of bollard means.

use std::io;

use bollard::errors::Error as Cause;

use super::{Endpoint, GREETING, OLDEST};
use crate::Error;

/// The status with which the daemon answered, if it did.
pub(crate) fn status(error: &Cause) -> Option<u16> {
    match error {
        Cause::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// The daemon's own words, or what kept it from saying any.
pub(crate) fn message(error: &Cause) -> String {
    match error {
        Cause::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Cause::DockerStreamError { error } => error.trim().to_owned(),
        Cause::RequestTimeoutError => "it does not answer".into(),
        Cause::SocketNotFoundError(path) => format!("there is no {path}"),
        // hyper wraps what happened into several layers, of which the innermost says it.
        error => {
            let mut innermost: &dyn std::error::Error = error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            innermost.to_string()
        }
    }
}

pub(super) fn of_connection(endpoint: &Endpoint, error: &Cause) -> Error {
    let (url, why) = (endpoint.url.clone(), endpoint.why.clone());
    match error {
        Cause::RequestTimeoutError => {
            Error::NoDaemon { url, why, detail: format!("no answer within {} s", GREETING.as_secs()) }
        }
        Cause::DockerResponseServerError { .. } | Cause::JsonDataError { .. } | Cause::APIVersionParseError {} => {
            Error::NotDocker { url, detail: message(error) }
        }
        error => match io_kind(error) {
            Some(io::ErrorKind::PermissionDenied) => Error::Permission { url },
            Some(_) => Error::NoDaemon { url, why, detail: message(error) },
            None if matches!(error, Cause::SocketNotFoundError(_)) => {
                Error::NoDaemon { url, why, detail: message(error) }
            }
            None => Error::NotDocker { url, detail: message(error) },
        },
    }
}

/// Away, if it said nothing; else what it said.
pub(super) fn of_request(endpoint: &Endpoint, action: &'static str, object: &str, error: &Cause) -> Error {
    match error {
        Cause::DockerResponseServerError { .. } | Cause::DockerStreamError { .. } => {
            Error::Refused { action, object: object.to_owned(), detail: message(error) }
        }
        error => Error::NoDaemon { url: endpoint.url.clone(), why: endpoint.why.clone(), detail: message(error) },
    }
}

fn io_kind(error: &Cause) -> Option<io::ErrorKind> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}

/// `1.41`
pub(crate) fn oldest() -> String {
    format!("{}.{}", OLDEST.0, OLDEST.1)
}
