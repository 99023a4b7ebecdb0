//! Where a page ended, as text that a client hands back and need not understand.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::{Key, Position, Sort};

/// A cursor of one list means nothing in another, so each says which it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Cursor {
    #[serde(rename = "l")]
    List(u64),
    #[serde(rename = "s")]
    Search { of: u64, position: Position },
}

pub(super) fn of_list(after: u64) -> String {
    encode(&Cursor::List(after))
}

pub(super) fn of_search(text: &str, sort: Sort, position: Position) -> String {
    encode(&Cursor::Search { of: fingerprint(text, sort), position })
}

/// `None` if it is no cursor of the list.
pub(super) fn into_list(cursor: &str) -> Option<u64> {
    match decode(cursor)? {
        Cursor::List(after) => Some(after),
        Cursor::Search { .. } => None,
    }
}

/// `None` if it is no cursor of this very search.
pub(super) fn into_search(cursor: &str, text: &str, sort: Sort) -> Option<Position> {
    match decode(cursor)? {
        Cursor::Search { of, position } if of == fingerprint(text, sort) && fits(sort, &position.key) => Some(position),
        Cursor::List(_) | Cursor::Search { .. } => None,
    }
}

fn fits(sort: Sort, key: &Key) -> bool {
    match sort {
        Sort::Relevance => matches!(key, Key::Score(score) if score.is_finite()),
        Sort::PriceRising | Sort::PriceFalling => matches!(key, Key::Price(_)),
        Sort::NameRising | Sort::NameFalling => matches!(key, Key::Name(_)),
    }
}

fn encode(cursor: &Cursor) -> String {
    let json = serde_json::to_vec(cursor);
    // Numbers, text and unit variants: there is nothing that JSON can't hold.
    URL_SAFE_NO_PAD.encode(json.unwrap_or_default())
}

fn decode(cursor: &str) -> Option<Cursor> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

/// Tells searches apart; a mix-up that it misses gives a page from the wrong place, nothing worse.
fn fingerprint(text: &str, sort: Sort) -> u64 {
    let mut hasher = DefaultHasher::new();
    (text, sort as u8).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_good_only_for_the_list_it_came_from() {
        let position = Position { key: Key::Price(85), sequence: 7 };
        let search = of_search("globe", Sort::PriceRising, position.clone());
        assert_eq!(into_search(&search, "globe", Sort::PriceRising), Some(position));
        assert_eq!(into_search(&search, "globe", Sort::PriceFalling), None);
        assert_eq!(into_search(&search, "mug", Sort::PriceRising), None);
        assert_eq!(into_list(&search), None);
        assert_eq!(into_list(&of_list(7)), Some(7));
        assert_eq!(into_search(&of_list(7), "", Sort::Relevance), None);
    }

    #[test]
    fn a_key_of_another_order_is_refused() {
        let forged = of_search("", Sort::NameRising, Position { key: Key::Score(1.0), sequence: 1 });
        assert_eq!(into_search(&forged, "", Sort::NameRising), None);
    }

    proptest! {
        #[test]
        fn every_position_survives(sequence: u64, score in -1e30_f32..1e30, name in ".{0,40}", after: u64) {
            let key = Key::Score(score);
            let position = Position { key, sequence };
            let cursor = of_search("q", Sort::Relevance, position.clone());
            prop_assert_eq!(into_search(&cursor, "q", Sort::Relevance), Some(position));
            let position = Position { key: Key::Name(name), sequence };
            let cursor = of_search("q", Sort::NameFalling, position.clone());
            prop_assert_eq!(into_search(&cursor, "q", Sort::NameFalling), Some(position));
            prop_assert_eq!(into_list(&of_list(after)), Some(after));
        }

        #[test]
        fn what_is_no_cursor_is_refused(text in ".{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(into_list(&text), None);
            let _ = into_search(&text, "q", Sort::Relevance);
            let _ = into_list(&URL_SAFE_NO_PAD.encode(bytes));
        }
    }
}
