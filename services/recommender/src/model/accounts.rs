//! What each account ordered.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Item;

/// The lines of an account's newest orders that recommendations are made from. Tastes of years ago count no more, and a
/// long history costs no more than a short one.
const LINES: usize = 500;

/// One account's orders.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// By id, which rises with time.
    orders: BTreeMap<i64, Ordered>,
    /// All items of all of them.
    had: BTreeSet<Item>,
}

#[derive(Debug)]
struct Ordered {
    items: Vec<Item>,
    cancelled: bool,
}

impl Account {
    /// Makes the order hold these items and nothing else.
    pub(super) fn set(&mut self, order: i64, items: Vec<Item>, cancelled: bool) {
        self.had.extend(&items);
        let new = items.clone();
        let old = self.orders.insert(order, Ordered { items, cancelled });
        if old.is_some_and(|old| old.items != new) {
            self.had = self.orders.values().flat_map(|order| &order.items).copied().collect();
        }
    }

    /// Whether the account ever ordered the item, cancelled or not.
    pub(super) fn had(&self, item: Item) -> bool {
        self.had.contains(&item)
    }

    /// What the account ordered last and did not cancel.
    pub(super) fn kept(&self) -> HashSet<Item> {
        let kept = self.orders.values().rev().filter(|order| !order.cancelled);
        kept.flat_map(|order| &order.items).take(LINES).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_count_and_nothing_that_was_ever_ordered_is_forgotten() {
        let mut account = Account::default();
        for order in 0..2 * LINES {
            let id = i64::try_from(order).expect("a small number");
            account.set(id, vec![order], order == 2 * LINES - 1);
        }
        assert_eq!(account.kept(), (LINES - 1..2 * LINES - 1).collect());
        assert!((0..2 * LINES).all(|item| account.had(item)));
    }

    #[test]
    fn an_order_that_was_told_anew_has_no_more_what_it_had() {
        let mut account = Account::default();
        account.set(1, vec![1, 2], false);
        account.set(2, vec![3], false);
        account.set(1, vec![2, 4], false);
        assert_eq!([1, 2, 3, 4].map(|item| account.had(item)), [false, true, true, true]);
        assert_eq!(account.kept(), [2, 3, 4].into());
    }
}
