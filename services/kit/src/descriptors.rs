//! How many files and connections this process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// More than any service needs; some systems allow a thousand million, which some libraries take at its word.
const ENOUGH: u64 = 65_536;

/// Takes as many as the system allows: the usual 1,024 are there for programs of the past, and any crowd of idle
/// connections uses them up.
pub(crate) fn raise() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard.min(ENOUGH)
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard.min(ENOUGH), hard)
    {
        tracing::warn!(soft, hard, "can't raise the number of open files: {error}");
    }
}

/// How many there may be now.
pub(crate) fn limit() -> usize {
    getrlimit(Resource::RLIMIT_NOFILE).ok().and_then(|(soft, _)| usize::try_from(soft).ok()).unwrap_or(usize::MAX)
}
