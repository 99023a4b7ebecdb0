//! Places at which a test may end the process as `kill -9` would: around every commit, publish, store of an offset, and
//! call to another service. Their names are `<what>-before-<step>` and `<what>-after-<step>`; each service's tests have a
//! table of all of them, and compare everything after a death at each.

/// Ends the process if `FAILPOINTS` names this place (`<name>=return`; see the crate `fail`). Nothing at all without the
/// feature `failpoints`, which no binary has that somebody relies on.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(name, |_| std::process::abort());
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}

/// Reads `FAILPOINTS`, for as long as the value lives.
#[cfg(feature = "failpoints")]
pub fn arm() -> impl Sized {
    fail::FailScenario::setup()
}
