//! What can go wrong with a call, and the gRPC code that says so.

use thiserror::Error;
use tonic::{Code, Status};

use crate::api::MAX_VIEWS;
use crate::domain::Invalid;

/// Why a call was not carried out.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("basket {basket:?} can't be imported: {reason}")]
    Basket { basket: String, reason: Invalid },
    #[error("ids: at most {MAX_VIEWS} viewed products")]
    TooManyViews,
    #[error("only shopctl may import history")]
    NotShopctl,
    #[error("product {product:?} can't be read from the store: {reason}")]
    Stored { product: String, reason: String },
    #[error("recommender store failed")]
    Store(#[from] sqlx::Error),
    #[error("recommendations could not be made")]
    Model(#[from] tokio::task::JoinError),
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::Basket { .. } | Self::TooManyViews => Code::InvalidArgument,
            Self::NotShopctl => Code::PermissionDenied,
            Self::Store(error) if kit::database::is_outage(error) => Code::Unavailable,
            Self::Stored { .. } | Self::Store(_) | Self::Model(_) => Code::Internal,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        kit::grpc::refusal(error.code(), &error)
    }
}
