//! Places at which a process may be ended as `kill -9` would, or held up: around every commit, publish, store of an offset,
//! and call to another service. Their names are `<what>-before-<step>` and `<what>-after-<step>`; each service's tests have
//! a table of all of them, and compare everything after a death at each.

#[cfg(feature = "failpoints")]
mod armed;

#[cfg(feature = "failpoints")]
pub use armed::arm;

/// Does what `FAILPOINTS` or the supervisor says of this place. Nothing at all without the feature `failpoints`, which no
/// binary has that somebody relies on.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(feature = "failpoints")]
    armed::pass(name);
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}
