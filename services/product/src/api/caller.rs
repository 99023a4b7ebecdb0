//! In whose name a request changes the catalog.

use axum::extract::FromRequestParts;
use http::request::Parts;
use kit::auth::Caller;

use super::Shop;
use super::error::ApiError;
use crate::domain::Actor;

/// Somebody who may write. To be taken before the body, so that a stranger learns nothing from it.
pub(super) enum Seller {
    Account(i64),
    /// Open mode: whoever the request names.
    Anonymous,
}

impl FromRequestParts<Shop> for Seller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, ApiError> {
        match shop.verifier.http_caller(&parts.headers)? {
            Caller::User { account_id, .. } => Ok(Self::Account(account_id)),
            Caller::Service(_) => Err(ApiError::Forbidden("Only accounts sell products")),
            Caller::Anonymous => Ok(Self::Anonymous),
        }
    }
}

const ANOTHER: ApiError = ApiError::Forbidden("account_id is not the caller's");

impl Seller {
    /// The account that a new product will belong to; `named` is the one in the request.
    pub(super) fn account(&self, named: Option<i64>) -> Result<i64, ApiError> {
        match (self, named) {
            (Self::Account(own), Some(named)) if named != *own => Err(ANOTHER),
            (Self::Account(own), _) => Ok(*own),
            (Self::Anonymous, named) => named.ok_or(ApiError::Unauthenticated),
        }
    }

    /// In whose name a product that exists is changed.
    pub(super) fn actor(&self, named: Option<i64>) -> Result<Actor, ApiError> {
        match (self, named) {
            (Self::Account(own), Some(named)) if named != *own => Err(ANOTHER),
            (Self::Account(own), _) => Ok(Actor::Account(*own)),
            (Self::Anonymous, Some(named)) => Ok(Actor::Account(named)),
            (Self::Anonymous, None) => Ok(Actor::Owner),
        }
    }
}
