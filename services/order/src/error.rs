//! What can go wrong with a call, and the gRPC code that says so.

use thiserror::Error;
use tonic::{Code, Status};

use crate::catalog;
use crate::domain::access::Denied;
use crate::domain::basket::Refusal;
use crate::domain::key::InvalidKey;
use crate::domain::{self, IdempotencyKey};

/// Why a call was not carried out.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Key(#[from] InvalidKey),
    #[error("idempotency-key {:?} was used for another order", .0.as_str())]
    KeyReused(IdempotencyKey),
    #[error("cursor is not one of this service's")]
    Cursor,
    #[error("order status {0:?} is unknown")]
    UnknownStatus(String),
    #[error("order {0} is unknown")]
    UnknownOrder(u64),
    #[error("order {order} is {from} and can't become {to}")]
    Transition { order: i64, from: domain::Status, to: domain::Status },
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    #[error("order event can't be encoded")]
    Event(#[from] serde_json::Error),
    #[error("order {order} can't be read from the store: {reason}")]
    Stored { order: i64, reason: String },
    #[error("order store failed")]
    Store(#[from] sqlx::Error),
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::Refused(Refusal::UnknownProduct(_)) | Self::UnknownOrder(_) => Code::NotFound,
            Self::Denied(Denied::UnknownAccount(_)) => Code::NotFound,
            Self::Refused(
                Refusal::Empty
                | Refusal::NoQuantity(_)
                | Refusal::TooManyOf(_)
                | Refusal::TooManyProducts
                | Refusal::TotalTooHigh,
            )
            | Self::Key(_)
            | Self::Cursor
            | Self::UnknownStatus(_) => Code::InvalidArgument,
            Self::KeyReused(_) => Code::AlreadyExists,
            Self::Transition { .. } => Code::FailedPrecondition,
            Self::Denied(Denied::Unnamed) => Code::Unauthenticated,
            Self::Denied(
                Denied::OtherAccount(_)
                | Denied::ServiceWithoutAccount(_)
                | Denied::ReadingService(_)
                | Denied::Setting(_),
            ) => Code::PermissionDenied,
            Self::Catalog(catalog::Error::Away(_)) => Code::Unavailable,
            Self::Store(error) if kit::database::is_outage(error) => Code::Unavailable,
            Self::Catalog(catalog::Error::Price { .. }) | Self::Event(_) | Self::Stored { .. } | Self::Store(_) => {
                Code::Internal
            }
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        kit::grpc::refusal(error.code(), &error)
    }
}
