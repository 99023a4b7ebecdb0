//! Everything a call can end with besides an answer, and what the caller is told of it.

use kit::database;
use tonic::Status;

use crate::domain::Invalid;
use crate::{password, store, throttle};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// One text for an unknown address and a wrong password: nobody learns who has an account.
    #[error("wrong e-mail address or password")]
    BadCredentials,
    #[error("no such account")]
    UnknownAccount,
    #[error("accounts are for people: a service's token has none")]
    NotForServices,
    #[error("name an account or send a token")]
    Nobody,
    #[error(transparent)]
    Crowded(#[from] throttle::Crowded),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Password(#[from] password::Error),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Invalid(_) => Self::invalid_argument(text),
            Error::BadCredentials | Error::Nobody => Self::unauthenticated(text),
            Error::UnknownAccount => Self::not_found(text),
            Error::NotForServices => Self::permission_denied(text),
            Error::Crowded(_) => Self::resource_exhausted(text),
            Error::Store(store::Error::EmailTaken) => Self::already_exists(text),
            Error::Store(store::Error::Database(cause)) => {
                tracing::error!(error = %cause, "the account store failed");
                if database::is_outage(&cause) {
                    Self::unavailable("accounts can't be reached")
                } else {
                    Self::internal("internal error")
                }
            }
            Error::Password(cause) => {
                tracing::error!(error = %cause, "a password could not be hashed or verified");
                Self::internal("internal error")
            }
        }
    }
}
