//! What each account ordered.

use super::Item;
use super::baskets::{Baskets, Slot};

/// The lines of an account's newest orders that recommendations are made from. Tastes of years ago count no more, and a
/// long history costs no more than a short one.
const LINES: usize = 200;

/// One account's orders: their ids, which rise with time, and their baskets.
#[derive(Debug, Default)]
pub(super) struct Account(Vec<(i64, Slot)>);

impl Account {
    pub(super) fn add(&mut self, order: i64, basket: Slot) {
        if let Err(place) = self.0.binary_search(&(order, basket)) {
            self.0.insert(place, (order, basket));
        }
    }

    /// All that the account ever ordered, cancelled or not; an item may be there more than once.
    pub(super) fn had<'a>(&'a self, baskets: &'a Baskets) -> impl Iterator<Item = Item> + 'a {
        self.0.iter().flat_map(|&(_, slot)| baskets.get(slot).0).copied()
    }

    /// What the account ordered last and did not cancel; an item may be there more than once.
    pub(super) fn kept<'a>(&'a self, baskets: &'a Baskets) -> impl Iterator<Item = Item> + 'a {
        let kept = self.0.iter().rev().map(|&(_, slot)| baskets.get(slot)).filter(|(_, counts)| *counts);
        kept.flat_map(|(items, _)| items).copied().take(LINES)
    }
}

#[cfg(test)]
mod tests {
    use super::super::baskets::Key;
    use super::*;

    #[test]
    fn the_newest_lines_count_and_nothing_that_was_ever_ordered_is_forgotten() {
        let (mut account, mut baskets) = (Account::default(), Baskets::default());
        let orders = 2 * Item::try_from(LINES).expect("a small number");
        for order in (0..orders).rev() {
            let slot = baskets.set(Key::Order(order.into()), vec![order], order != orders - 1);
            account.add(order.into(), slot);
            account.add(order.into(), slot);
        }
        assert!(account.kept(&baskets).eq((orders / 2 - 1..orders - 1).rev()));
        assert!(account.had(&baskets).eq(0..orders));
    }

    #[test]
    fn an_order_that_was_told_anew_has_no_more_what_it_had() {
        let (mut account, mut baskets) = (Account::default(), Baskets::default());
        for (order, items) in [(1, vec![2, 1]), (2, vec![3]), (1, vec![4, 2])] {
            account.add(order, baskets.set(Key::Order(order), items, true));
        }
        assert!(account.had(&baskets).eq([2, 4, 3]));
        assert!(account.kept(&baskets).eq([3, 2, 4]));
    }
}
