//! What goes wrong, as the caller may know it: a gRPC code and a text without internals.

use kit::auth::Unauthenticated;
use tonic::{Code, Status};

/// An error for the caller. Its code becomes `extensions.code` of the GraphQL error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Error {
    code: Code,
    message: String,
}

impl Error {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("no such {what}"))
    }

    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, message)
    }

    /// `service` broke its own contract, or we misread it: for the log, not for the caller.
    pub(crate) fn unexpected(service: &'static str, what: impl std::fmt::Display) -> Self {
        tracing::error!(service, "unexpected answer: {what}");
        Self::new(Code::Internal, "internal error")
    }

    pub(crate) fn unavailable(service: &'static str) -> Self {
        Self::new(Code::Unavailable, format!("{service} can't be reached"))
    }

    pub(crate) fn timed_out(service: &'static str) -> Self {
        Self::new(Code::DeadlineExceeded, format!("{service} did not answer in time"))
    }

    /// What a call to `service` ended with. Texts pass only with codes that speak of the request; the others may tell of hosts and ports.
    pub(crate) fn from_status(service: &'static str, status: &Status) -> Self {
        match status.code() {
            code @ (Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unauthenticated) => Self::new(code, status.message()),
            Code::Unavailable => {
                tracing::warn!(service, "unavailable: {}", status.message());
                // The client's own word, that it can't connect, has a cause. The service's has none: it answered.
                match std::error::Error::source(status) {
                    Some(_) => Self::unavailable(service),
                    None => Self::new(Code::Unavailable, format!("{service} answers, but can't reach what it needs")),
                }
            }
            // The client's own error, not the service's word.
            Code::Unknown | Code::Internal | Code::Cancelled if kit::grpc::is_lost(status) => {
                tracing::warn!(service, "connection lost: {}", status.message());
                Self::unavailable(service)
            }
            // tonic's client says `cancelled` when the deadline it set itself has passed.
            Code::DeadlineExceeded | Code::Cancelled => Self::timed_out(service),
            Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => {
                Self::unexpected(service, status)
            }
        }
    }

    /// Whether it is no fault of the caller's, so that the same question may well be answered later.
    pub(crate) fn passes(&self) -> bool {
        match self.code {
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unknown
            | Code::DataLoss => true,
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unauthenticated => false,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        kit::grpc::word(self.code)
    }
}

impl From<Unauthenticated> for Error {
    fn from(error: Unauthenticated) -> Self {
        Self::new(Code::Unauthenticated, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_of_the_request_passes_and_internals_do_not() {
        let refused = Error::from_status("order", &Status::failed_precondition("the order is paid"));
        assert_eq!((refused.code(), refused.to_string().as_str()), ("FAILED_PRECONDITION", "the order is paid"));
        for status in [Status::internal("postgres://shop:secret@127.0.0.1"), Status::unknown("panicked at src/api.rs")]
        {
            let told = Error::from_status("order", &status);
            assert_eq!((told.code(), told.to_string().as_str()), ("INTERNAL", "internal error"));
        }
        let away = Error::from_status("order", &Status::unavailable("tcp connect error: 127.0.0.1:50053"));
        assert_eq!(
            (away.code(), away.to_string().as_str()),
            ("UNAVAILABLE", "order answers, but can't reach what it needs")
        );
    }

    #[test]
    fn a_deadline_of_our_own_is_a_deadline() {
        assert_eq!(Error::from_status("order", &Status::cancelled("Timeout expired")).code(), "DEADLINE_EXCEEDED");
    }
}
