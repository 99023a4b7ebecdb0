//! Everything that can go wrong between this service and Elasticsearch.

use http::StatusCode;
use serde::Deserialize;

use crate::store::Unavailable;

/// Each message says everything: the causes below are not chained, so that nothing is said twice.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("Elasticsearch does not answer: {0}")]
    Unreachable(String),
    #[error("Elasticsearch refuses ({status}, {kind}): {reason}")]
    Refused { status: StatusCode, kind: String, reason: String },
    #[error("Elasticsearch's answer can't be understood: {0}")]
    Malformed(String),
    #[error("the catalog's index is not prepared yet: {0}")]
    Unprepared(String),
    #[error("the alias {alias} stands for {found}, whose mapping this program does not know")]
    Foreign { alias: String, found: String },
    #[error("a document can't be made: {0}")]
    Document(String),
    #[error("the writes were given up: {0}")]
    Aborted(&'static str),
    #[error("others change the same document all the time")]
    Contended,
    #[error("it takes too long; nobody knows whether it will be written")]
    Late,
    #[error("the catalog is being closed")]
    Stopped,
}

impl Error {
    /// Whether somebody else has written the document since it was read.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { kind, .. } if kind == "version_conflict_engine_exception")
    }

    /// Whether the index or the alias is not there: removed, moved by another replica, or never made.
    pub(super) fn is_index_missing(&self) -> bool {
        matches!(self, Self::Refused { kind, .. } if kind == "index_not_found_exception")
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }

    pub(super) fn refused(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Refusal {
            error: Cause,
        }
        match serde_json::from_slice::<Refusal>(body) {
            Ok(Refusal { error }) => error.into_error(status),
            Err(_) => {
                let reason = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
                Self::Refused { status, kind: "no reason given".to_owned(), reason }
            }
        }
    }
}

/// Why Elasticsearch refuses something, as it says it in answers and in parts of them.
#[derive(Debug, Deserialize)]
pub(super) struct Cause {
    r#type: String,
    reason: Option<String>,
}

impl Cause {
    pub(super) fn into_error(self, status: StatusCode) -> Error {
        Error::Refused { status, kind: self.r#type, reason: self.reason.unwrap_or_default() }
    }
}

impl From<reqwest::Error> for Error {
    /// Without the address, which may hold a password, and with the causes: the outermost says next to nothing.
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(kit::telemetry::chain(&error.without_url()).to_string())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}
