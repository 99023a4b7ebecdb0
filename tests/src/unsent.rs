use std::error::Error;
use std::iter::successors;

use tonic::{Code, Status};

/// Whether `status` is tonic's own word for a call that its connection no longer took, since the server had closed it or
/// was about to (GOAWAY): other clients say UNAVAILABLE, or send it again by themselves.
pub fn is_unsent(status: &Status) -> bool {
    // With a source it is the client's own.
    let mut causes = successors(status.source(), |&cause| cause.source()).peekable();
    let is_leave = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<h2::Error>().is_some_and(|error| {
            error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
        })
    };
    match status.code() {
        Code::Cancelled => causes.peek().is_some(),
        Code::Internal => causes.any(is_leave),
        _ => false,
    }
}
