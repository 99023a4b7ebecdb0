//! What each account ordered.

use std::collections::BTreeMap;

use super::Item;

/// The lines of an account's newest orders that recommendations are made from. Tastes of years ago count no more, and a
/// long history costs no more than a short one.
const LINES: usize = 500;

/// One account's orders.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// By id, which rises with time.
    orders: BTreeMap<i64, Ordered>,
    /// All items of all of them, sorted.
    had: Vec<Item>,
}

#[derive(Debug)]
struct Ordered {
    items: Box<[Item]>,
    cancelled: bool,
}

impl Account {
    /// Makes the order hold these items and nothing else.
    pub(super) fn set(&mut self, order: i64, items: Vec<Item>, cancelled: bool) {
        let items: Box<[Item]> = items.into();
        let known = self.orders.get(&order).is_some_and(|old| old.items == items);
        let old = self.orders.insert(order, Ordered { items, cancelled });
        if known {
            return;
        }
        if old.is_some() {
            self.had.clear();
            self.had.extend(self.orders.values().flat_map(|order| &order.items));
        } else {
            self.had.extend(self.orders.get(&order).into_iter().flat_map(|order| &order.items));
        }
        // What it had before is one sorted run: this merges.
        self.had.sort();
        self.had.dedup();
        self.had.shrink_to_fit();
    }

    /// What the account ever ordered, cancelled or not.
    pub(super) fn had(&self) -> &[Item] {
        &self.had
    }

    /// What the account ordered last and did not cancel; an item may be there more than once.
    pub(super) fn kept(&self) -> Vec<Item> {
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
        let orders = 2 * Item::try_from(LINES).expect("a small number");
        for order in 0..orders {
            account.set(order.into(), vec![order], order == orders - 1);
        }
        let mut kept = account.kept();
        kept.sort_unstable();
        assert_eq!(kept, (orders / 2 - 1..orders - 1).collect::<Vec<_>>());
        assert_eq!(account.had(), (0..orders).collect::<Vec<_>>());
    }

    #[test]
    fn an_order_that_was_told_anew_has_no_more_what_it_had() {
        let mut account = Account::default();
        account.set(1, vec![2, 1], false);
        account.set(2, vec![3], false);
        account.set(1, vec![4, 2], false);
        assert_eq!(account.had(), [2, 3, 4]);
        assert_eq!(account.kept(), [3, 4, 2]);
    }
}
