//! Who may do what: the caller comes from the token, never from the request.

use kit::auth::{Caller, Owner};
use thiserror::Error;

use super::{Status, stored_id};

/// The orders that a caller can see; the others don't exist for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    OwnedBy(i64),
}

impl Scope {
    /// The account that an order must belong to, if any.
    pub(crate) fn account_id(self) -> Option<i64> {
        match self {
            Self::All => None,
            Self::OwnedBy(account_id) => Some(account_id),
        }
    }
}

/// Why a caller may not.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Denied {
    #[error("the call names no account and carries no token")]
    Unnamed,
    #[error("account {0} is not the caller's")]
    OtherAccount(u64),
    #[error("account {0} is unknown")]
    UnknownAccount(u64),
    #[error("service {0} has no account")]
    ServiceWithoutAccount(&'static str),
    #[error("service {0} may not read orders")]
    ReadingService(&'static str),
    #[error("the caller may not set {0}")]
    Setting(Status),
}

/// The account on whose behalf `caller` acts when the request names `requested` (0: the caller's own).
pub(crate) fn account(caller: &Caller, requested: u64) -> Result<i64, Denied> {
    match caller {
        Caller::User { account_id, .. } if requested == 0 || u64::try_from(*account_id) == Ok(requested) => {
            Ok(*account_id)
        }
        Caller::User { .. } => Err(Denied::OtherAccount(requested)),
        Caller::Service(owner) => Err(Denied::ServiceWithoutAccount(owner.as_str())),
        Caller::Anonymous if requested == 0 => Err(Denied::Unnamed),
        Caller::Anonymous => stored_id(requested).ok_or(Denied::UnknownAccount(requested)),
    }
}

/// The orders that `caller` may read. Without a token, in open mode, a call acts as the owner of what it names.
pub(crate) fn reading(caller: &Caller) -> Result<Scope, Denied> {
    match caller {
        Caller::User { account_id, .. } => Ok(Scope::OwnedBy(*account_id)),
        Caller::Service(Owner::Payment) | Caller::Anonymous => Ok(Scope::All),
        Caller::Service(
            owner @ (Owner::Account
            | Owner::Product
            | Owner::Recommender
            | Owner::Order
            | Owner::Gateway
            | Owner::Shopctl),
        ) => Err(Denied::ReadingService(owner.as_str())),
    }
}

/// The orders for which `caller` may set `status`: payment tells how a payment ended, an owner cancels.
pub(crate) fn setting(caller: &Caller, status: Status) -> Result<Scope, Denied> {
    match (status, caller) {
        (Status::Paid | Status::PaymentFailed, Caller::Service(Owner::Payment)) => Ok(Scope::All),
        (Status::Cancelled, Caller::User { account_id, .. }) => Ok(Scope::OwnedBy(*account_id)),
        (Status::Cancelled, Caller::Anonymous) => Ok(Scope::All),
        (
            Status::Pending | Status::Paid | Status::PaymentFailed | Status::Cancelled,
            Caller::User { .. } | Caller::Service(_) | Caller::Anonymous,
        ) => Err(Denied::Setting(status)),
    }
}
