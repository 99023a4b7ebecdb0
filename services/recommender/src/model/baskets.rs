//! What was bought together.

use std::collections::HashMap;

use super::Item;

/// Weights are whole multiples of 1/UNIT: integers add up to the same sum in whatever order they come.
const UNIT: f64 = (1_u64 << 32) as f64;

/// What every product's weight is raised by before another's similarity is divided by it: as if it had been bought once
/// more, alone. Without it whatever was bought once, with the seed, would beat all that is bought with it again and again.
const CAUTION: f64 = 1.0;

/// Items of one basket, at most, for it to say anything about two of them: as many as an order has. Popular is also what
/// larger ones hold.
const LARGEST: usize = 500;

/// Baskets of one seed that are asked what it is bought with, the newest: of what is bought every day they are a sample,
/// and a question costs the same however long the history is.
const NEWEST: usize = 32;

/// Which basket. Their order is taken for that of time: what was imported was bought elsewhere, before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Imported(String),
    Order(i64),
}

/// A basket's place in the table.
pub(super) type Slot = u32;

/// All baskets, and for each item those that hold it.
#[derive(Debug, Default)]
pub(super) struct Baskets {
    slots: HashMap<Key, Slot>,
    keys: Vec<Key>,
    baskets: Vec<Basket>,
    bought: Vec<Bought>,
}

#[derive(Debug, Default)]
struct Basket {
    /// Sorted, each once.
    items: Box<[Item]>,
    /// What was cancelled is kept, but says nothing about its items.
    counts: bool,
}

/// What the baskets say about an item.
#[derive(Debug, Default)]
struct Bought {
    /// Those that hold it, oldest first.
    baskets: Vec<Slot>,
    /// The sum of their weights.
    weight: u64,
}

impl Baskets {
    /// Makes the basket hold these items, each named once, and nothing else; whether they `count` for anybody but its owner.
    pub(super) fn set(&mut self, key: Key, mut items: Vec<Item>, counts: bool) -> Slot {
        items.sort_unstable();
        let slot = self.slot(key);
        let known = &self.baskets[place(slot)];
        // Most of what is told about an order is that it goes on.
        if known.counts == counts && *known.items == *items {
            return slot;
        }
        let highest = items.last().map_or(0, |item| place(*item) + 1);
        if self.bought.len() < highest {
            self.bought.resize_with(highest, Bought::default);
        }
        let key = &self.keys[place(slot)];
        let new = Basket { items: items.into(), counts };
        let old = std::mem::replace(&mut self.baskets[place(slot)], new);
        let new = &self.baskets[place(slot)];
        let older = |other: &Slot| self.keys[place(*other)] < *key;
        for &item in old.counted() {
            let bought = &mut self.bought[place(item)];
            bought.weight -= old.weight();
            bought.baskets.remove(bought.baskets.partition_point(older));
        }
        for &item in new.counted() {
            let bought = &mut self.bought[place(item)];
            bought.weight += new.weight();
            bought.baskets.insert(bought.baskets.partition_point(older), slot);
        }
        slot
    }

    /// What is in a basket, and whether it counts.
    pub(super) fn get(&self, slot: Slot) -> (&[Item], bool) {
        let Basket { items, counts } = &self.baskets[place(slot)];
        (items, *counts)
    }

    /// How many baskets hold the item.
    pub(super) fn popularity(&self, item: Item) -> usize {
        self.bought.get(place(item)).map_or(0, |bought| bought.baskets.len())
    }

    /// Adds to each item's score its similarity to each of the seeds, which is below 1; to those of the seeds themselves
    /// nothing that means anything. The order of the baskets makes no difference to the sums, that of the seeds would.
    pub(super) fn add_similarity(&self, seeds: impl Iterator<Item = Item>, scores: &mut [f64]) {
        let mut shares = vec![0.0; self.baskets.len()];
        let mut asked = Vec::new();
        for bought in seeds.filter_map(|seed| self.bought.get(place(seed))) {
            let newest = self.newest(bought);
            let sampled: u64 = newest.iter().map(|slot| self.baskets[place(*slot)].weight()).sum();
            if sampled == 0 {
                continue;
            }
            let share = 1.0 / real(sampled).sqrt();
            for &slot in newest {
                let known = &mut shares[place(slot)];
                if *known == 0.0 {
                    asked.push(slot);
                }
                *known += share;
            }
        }
        let mut together = vec![0_u64; self.bought.len()];
        for slot in asked {
            let basket = &self.baskets[place(slot)];
            let told = multiple(shares[place(slot)] * real(basket.weight()));
            for &item in basket.counted() {
                together[place(item)] += told;
            }
        }
        for ((score, together), bought) in scores.iter_mut().zip(together).zip(&self.bought) {
            if together > 0 {
                *score += real(together) / (real(bought.weight) + CAUTION).sqrt();
            }
        }
    }

    /// How many lines a question with these seeds looks at.
    #[cfg(test)]
    pub(super) fn steps(&self, seeds: impl Iterator<Item = Item>) -> usize {
        let asked: std::collections::HashSet<Slot> =
            seeds.flat_map(|seed| self.newest(&self.bought[place(seed)])).copied().collect();
        asked.into_iter().map(|slot| self.baskets[place(slot)].items.len()).sum()
    }

    fn newest<'a>(&self, bought: &'a Bought) -> &'a [Slot] {
        &bought.baskets[bought.baskets.len().saturating_sub(NEWEST)..]
    }

    fn slot(&mut self, key: Key) -> Slot {
        *self.slots.entry(key).or_insert_with_key(|key| {
            self.keys.push(key.clone());
            self.baskets.push(Basket::default());
            Slot::try_from(self.keys.len() - 1).expect("far less than 2^32 baskets fit in memory")
        })
    }
}

impl Basket {
    fn counted(&self) -> &[Item] {
        if self.counts { &self.items } else { &[] }
    }

    #[expect(clippy::cast_precision_loss, reason = "at most LARGEST")]
    fn weight(&self) -> u64 {
        match self.items.len() {
            items @ 1..=LARGEST => multiple(1.0 / (items as f64).sqrt()),
            _ => 0,
        }
    }
}

/// Where something stands in a table.
pub(super) fn place(number: u32) -> usize {
    number as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and far below 2^31")]
fn multiple(real: f64) -> u64 {
    (real * UNIT).round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "exact for less than 2^21 baskets, and good enough beyond")]
fn real(multiples: u64) -> f64 {
    multiples as f64 / UNIT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(baskets: &Baskets, seed: Item) -> Vec<f64> {
        let mut scores = vec![0.0; baskets.bought.len().max(5)];
        baskets.add_similarity([seed].into_iter(), &mut scores);
        scores[place(seed)] = 0.0;
        scores
    }

    fn set(baskets: &mut Baskets, key: Key, items: &[Item]) {
        baskets.set(key, items.to_vec(), true);
    }

    #[test]
    fn bought_together_in_a_small_basket_is_more_similar_than_in_a_large_one() {
        let mut baskets = Baskets::default();
        set(&mut baskets, Key::Order(1), &[0, 1]);
        set(&mut baskets, Key::Order(2), &[0, 2, 3, 4]);
        let scores = scores(&baskets, 0);
        assert!(scores[1] > scores[2] && scores[2] > 0.0, "{scores:?}");
        assert_eq!(scores[2].total_cmp(&scores[3]), std::cmp::Ordering::Equal);
    }

    #[test]
    fn bought_together_again_and_again_beats_bought_together_once() {
        let mut baskets = Baskets::default();
        for order in 1..=5 {
            set(&mut baskets, Key::Order(order), &[0, 1]);
        }
        set(&mut baskets, Key::Order(6), &[0, 2]);
        set(&mut baskets, Key::Order(7), &[1, 3]);
        let scores = scores(&baskets, 0);
        assert!(scores[1] > scores[2] && scores[2] > scores[3], "{scores:?}");
        assert!(scores[1] < 1.0, "{scores:?}");
    }

    #[test]
    fn what_was_replaced_leaves_no_trace() {
        let mut changed = Baskets::default();
        set(&mut changed, Key::Imported("a".to_owned()), &[4, 3, 2]);
        set(&mut changed, Key::Order(1), &[0, 1, 2]);
        set(&mut changed, Key::Order(2), &[0, 3]);
        set(&mut changed, Key::Imported("a".to_owned()), &[]);
        set(&mut changed, Key::Order(1), &[0, 1]);
        changed.set(Key::Order(2), vec![0, 3], false);
        set(&mut changed, Key::Order(2), &[0, 3]);
        changed.set(Key::Order(3), vec![0, 1], false);
        let mut fresh = Baskets::default();
        set(&mut fresh, Key::Order(2), &[0, 3]);
        set(&mut fresh, Key::Order(1), &[0, 1]);
        for seed in 0..5 {
            assert_eq!(scores(&changed, seed), scores(&fresh, seed), "seed {seed}");
            assert_eq!(changed.popularity(seed), fresh.popularity(seed), "item {seed}");
        }
    }

    #[test]
    fn of_what_is_bought_every_day_the_newest_baskets_tell_in_whatever_order_they_came() {
        let newest = i64::try_from(NEWEST).expect("a small number");
        // Item 0 went with item 1 long ago, and goes with item 2 now.
        let baskets = |id: i64| (Key::Order(id), vec![0, if id < newest { 1 } else { 2 }]);
        let (mut forwards, mut backwards) = (Baskets::default(), Baskets::default());
        for id in 0..2 * newest {
            let (key, items) = baskets(id);
            forwards.set(key, items, true);
            let (key, items) = baskets(2 * newest - 1 - id);
            backwards.set(key, items, true);
        }
        let told = scores(&forwards, 0);
        assert!(told[1] == 0.0 && told[2] > 0.9 && told[2] < 1.0, "{told:?}");
        assert_eq!(told, scores(&backwards, 0));
        assert_eq!(forwards.popularity(1), NEWEST, "popular is what all baskets hold");
    }

    #[test]
    fn a_basket_that_is_larger_than_any_order_makes_popular_but_not_similar() {
        let mut baskets = Baskets::default();
        let all: Vec<Item> = (0..=Item::try_from(LARGEST).expect("a small number")).collect();
        set(&mut baskets, Key::Imported("a".to_owned()), &all);
        set(&mut baskets, Key::Imported("b".to_owned()), &all);
        assert_eq!(baskets.popularity(7), 2);
        assert!(scores(&baskets, 7).iter().all(|score| *score == 0.0));
        set(&mut baskets, Key::Imported("b".to_owned()), &all[1..]);
        assert_eq!(baskets.popularity(7), 2);
        assert_eq!(scores(&baskets, 7).iter().filter(|score| **score > 0.0).count(), LARGEST - 1);
    }
}
