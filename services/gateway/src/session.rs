//! Who asks: the caller's credentials, kept as they came, because the services decide what they are worth.

use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use kit::auth::{Caller, Unauthenticated, Verifier};

/// The `authorization` of one HTTP request, or of one websocket's `connection_init`.
#[derive(Clone)]
pub(crate) struct Session {
    authorization: Option<String>,
    verifier: Arc<Verifier>,
}

/// In bytes. A token has some 300; a header that is far longer breaks the connection to a service, which others share.
const LONGEST: usize = 4 * 1024;

/// An `authorization` that can't be forwarded: not text, several, or far too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authorization header can't be read")]
pub(crate) struct Unreadable;

impl Session {
    pub(crate) fn new(verifier: Arc<Verifier>, authorization: Option<String>) -> Result<Self, Unreadable> {
        match authorization {
            Some(authorization) if authorization.len() > LONGEST => Err(Unreadable),
            authorization => Ok(Self { authorization, verifier }),
        }
    }

    pub(crate) fn from_headers(verifier: Arc<Verifier>, headers: &HeaderMap) -> Result<Self, Unreadable> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let authorization = match (values.next(), values.next()) {
            (None, _) => None,
            (Some(value), None) => Some(value.to_str().map_err(|_| Unreadable)?.to_owned()),
            (Some(_), Some(_)) => return Err(Unreadable),
        };
        Self::new(verifier, authorization)
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// Who it is, where the gateway itself must know. Nobody, without a token; a bad token is an error, not nobody.
    pub(crate) fn caller(&self) -> Result<Option<Caller>, Unauthenticated> {
        match self.authorization() {
            None => Ok(None),
            Some(authorization) => self.verifier.caller(Some(authorization)).map(Some),
        }
    }
}
