//! A place in a list of orders, as callers carry it: opaque, so that its content may change.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::stored_id;
use crate::error::Error;

/// The place after the order `id`.
pub(super) fn encode(id: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("order:{id}"))
}

/// The order after which the page begins; `None` for the first page.
pub(super) fn decode(cursor: &str) -> Result<Option<i64>, Error> {
    if cursor.is_empty() {
        return Ok(None);
    }
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let id = text.as_deref().and_then(|text| text.strip_prefix("order:")).and_then(|id| id.parse().ok());
    id.and_then(stored_id).map(Some).ok_or(Error::Cursor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        assert_eq!(decode(&encode(1)).expect("a cursor"), Some(1));
        assert_eq!(decode(&encode(2_147_483_647)).expect("a cursor"), Some(2_147_483_647));
        assert_eq!(decode("").expect("the first page"), None);
    }

    #[test]
    fn what_this_service_never_gave_is_refused() {
        for cursor in ["1", "order:1", "!", "b3JkZXI6", "b3JkZXI6LTE", "b3JkZXI6OTk5OTk5OTk5OTk5"] {
            assert!(matches!(decode(cursor), Err(Error::Cursor)), "{cursor}");
        }
    }

    proptest! {
        #[test]
        fn every_place_survives_and_nothing_else_is_one(id in 1..=i64::from(i32::MAX), text: String, bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(id)).ok().flatten(), Some(id));
            for cursor in [text, URL_SAFE_NO_PAD.encode(bytes)] {
                if let Ok(Some(id)) = decode(&cursor) {
                    prop_assert!(id > 0, "{}", cursor);
                }
            }
        }
    }
}
