//! The caller's name for one attempt at an order.

use thiserror::Error;

/// An `idempotency-key`: 1 to 255 visible ASCII bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

/// Why bytes are no key.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("idempotency-key must be 1 to {} visible ASCII bytes", IdempotencyKey::MAX_LENGTH)]
pub(crate) struct InvalidKey;

impl IdempotencyKey {
    /// In bytes.
    pub(crate) const MAX_LENGTH: usize = 255;

    pub(crate) fn new(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let visible = bytes.iter().all(u8::is_ascii_graphic);
        if !visible || !(1..=Self::MAX_LENGTH).contains(&bytes.len()) {
            return Err(InvalidKey);
        }
        String::from_utf8(bytes.to_vec()).map(Self).map_err(|_| InvalidKey)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_to_255_visible_ascii_bytes() {
        for good in [&b"a"[..], b"~", b"!", &[b'k'; 255]] {
            assert!(IdempotencyKey::new(good).is_ok(), "{} bytes", good.len());
        }
        for bad in [&b""[..], b" ", b"a b", b"a\t", b"\x7f", "é".as_bytes(), &[b'k'; 256]] {
            assert_eq!(IdempotencyKey::new(bad), Err(InvalidKey), "{bad:?}");
        }
    }
}
