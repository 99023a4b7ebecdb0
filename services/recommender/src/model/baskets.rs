//! What was bought together.

use std::collections::HashMap;

use super::Item;

/// Weights are whole multiples of 1/UNIT: integers add up to the same sum in whatever order they come.
const UNIT: f64 = (1_u64 << 20) as f64;

/// What every product's weight is raised by before another's similarity is divided by it: as if it had been bought once
/// more, alone. Without it whatever was bought once, with the seed, would beat all that is bought with it again and again.
const CAUTION: f64 = 1.0;

/// Which basket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Order(i64),
    Imported(String),
}

/// All baskets, and for each item those that hold it.
#[derive(Debug, Default)]
pub(super) struct Baskets {
    slots: HashMap<Key, usize>,
    baskets: Vec<Basket>,
    holders: Vec<Holders>,
}

#[derive(Debug, Default)]
struct Basket {
    items: Vec<Item>,
    weight: u64,
}

#[derive(Debug, Default)]
struct Holders {
    slots: Vec<usize>,
    /// The sum of their weights.
    weight: u64,
}

impl Baskets {
    /// Makes the basket hold these items, each named once, and nothing else.
    pub(super) fn set(&mut self, key: Key, items: &[Item]) {
        let slot = *self.slots.entry(key).or_insert_with(|| {
            self.baskets.push(Basket::default());
            self.baskets.len() - 1
        });
        let new = Basket { items: items.to_vec(), weight: weight(items.len()) };
        let old = std::mem::replace(&mut self.baskets[slot], new);
        for item in old.items {
            let holders = &mut self.holders[item];
            holders.slots.retain(|holder| *holder != slot);
            holders.weight -= old.weight;
        }
        let highest = items.iter().max().map_or(0, |item| item + 1);
        if self.holders.len() < highest {
            self.holders.resize_with(highest, Holders::default);
        }
        for &item in items {
            let holders = &mut self.holders[item];
            holders.slots.push(slot);
            holders.weight += weight(items.len());
        }
    }

    /// How many baskets hold the item.
    pub(super) fn popularity(&self, item: Item) -> usize {
        self.holders.get(item).map_or(0, |holders| holders.slots.len())
    }

    /// Adds to each item's score its similarity to `seed`, which is below 1.
    pub(super) fn add_similarity(&self, seed: Item, scores: &mut [f64]) {
        let Some(holders) = self.holders.get(seed) else { return };
        let mut together = vec![0_u64; self.holders.len()];
        for &slot in &holders.slots {
            let basket = &self.baskets[slot];
            for &item in &basket.items {
                together[item] += basket.weight;
            }
        }
        let seed_weight = real(holders.weight);
        for (item, weight) in together.into_iter().enumerate() {
            if weight > 0 && item != seed {
                scores[item] += real(weight) / (seed_weight * (real(self.holders[item].weight) + CAUTION)).sqrt();
            }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most UNIT"
)]
fn weight(items: usize) -> u64 {
    if items == 0 { 0 } else { (UNIT / (items as f64).sqrt()).round() as u64 }
}

#[expect(clippy::cast_precision_loss, reason = "exact for less than 2^33 baskets")]
fn real(weight: u64) -> f64 {
    weight as f64 / UNIT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(baskets: &Baskets, seed: Item) -> Vec<f64> {
        let mut scores = vec![0.0; 5];
        baskets.add_similarity(seed, &mut scores);
        scores
    }

    #[test]
    fn bought_together_in_a_small_basket_is_more_similar_than_in_a_large_one() {
        let mut baskets = Baskets::default();
        baskets.set(Key::Order(1), &[0, 1]);
        baskets.set(Key::Order(2), &[0, 2, 3, 4]);
        let scores = scores(&baskets, 0);
        assert!(scores[1] > scores[2] && scores[2] > 0.0, "{scores:?}");
        assert_eq!(scores[2].total_cmp(&scores[3]), std::cmp::Ordering::Equal);
    }

    #[test]
    fn bought_together_again_and_again_beats_bought_together_once() {
        let mut baskets = Baskets::default();
        for order in 1..=5 {
            baskets.set(Key::Order(order), &[0, 1]);
        }
        baskets.set(Key::Order(6), &[0, 2]);
        baskets.set(Key::Order(7), &[1, 3]);
        let scores = scores(&baskets, 0);
        assert!(scores[1] > scores[2] && scores[2] > scores[3], "{scores:?}");
    }

    #[test]
    fn what_was_replaced_leaves_no_trace() {
        let mut changed = Baskets::default();
        changed.set(Key::Imported("a".to_owned()), &[4, 3, 2]);
        changed.set(Key::Order(1), &[0, 1, 2]);
        changed.set(Key::Order(2), &[0, 3]);
        changed.set(Key::Imported("a".to_owned()), &[]);
        changed.set(Key::Order(1), &[0, 1]);
        let mut fresh = Baskets::default();
        fresh.set(Key::Order(2), &[0, 3]);
        fresh.set(Key::Order(1), &[0, 1]);
        for seed in 0..5 {
            assert_eq!(scores(&changed, seed), scores(&fresh, seed), "seed {seed}");
            assert_eq!(changed.popularity(seed), fresh.popularity(seed), "item {seed}");
        }
    }
}
