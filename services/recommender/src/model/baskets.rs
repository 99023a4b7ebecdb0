//! What was bought together.

use std::collections::HashMap;

use super::Item;

/// Weights are whole multiples of 1/UNIT: integers add up to the same sum in whatever order they come.
const UNIT: f64 = (1_u64 << 20) as f64;

/// What every product's weight is raised by before another's similarity is divided by it: as if it had been bought once
/// more, alone. Without it whatever was bought once, with the seed, would beat all that is bought with it again and again.
const CAUTION: f64 = 1.0;

/// Items of one basket, at most, for it to say anything about two of them: as many as an order has. What it costs to take
/// a basket in grows with their square; popular is also what larger ones hold.
const LARGEST: usize = 500;

/// Which basket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Order(i64),
    Imported(String),
}

/// All baskets, and for each item those that it was bought with: a question costs the neighbours of its seeds, however
/// many baskets hold them.
#[derive(Debug, Default)]
pub(super) struct Baskets {
    slots: HashMap<Key, usize>,
    /// The items of each, in their order, each once.
    baskets: Vec<Vec<Item>>,
    bought: Vec<Bought>,
    /// What each item's weight makes of its similarity to another: a long history asks for it a million times.
    damping: Vec<f64>,
}

/// What the baskets say about an item.
#[derive(Debug, Default)]
struct Bought {
    /// How many hold it.
    baskets: usize,
    /// The sum of their weights.
    weight: u64,
    /// By item, each once, and only those with some weight.
    neighbours: Vec<Neighbour>,
}

/// Another item in the same baskets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Neighbour {
    item: Item,
    /// The sum of the weights of the baskets that hold both.
    weight: u64,
}

impl Baskets {
    /// Makes each basket hold these items, each named once, and nothing else.
    pub(super) fn set(&mut self, changes: Vec<(Key, Vec<Item>)>) {
        // Adding all up anew costs a step for each pair in a basket, finding the place of a new pair some ten.
        let anew = changes.len() > self.baskets.len();
        for (key, mut items) in changes {
            items.sort_unstable();
            self.replace(key, items, anew);
        }
        if anew {
            self.add_up();
        }
    }

    /// How many baskets hold the item.
    pub(super) fn popularity(&self, item: Item) -> usize {
        self.bought.get(item).map_or(0, |bought| bought.baskets)
    }

    /// Adds to each item's score its similarity to `seed`, which is below 1.
    pub(super) fn add_similarity(&self, seed: Item, scores: &mut [f64]) {
        let Some(bought) = self.bought.get(seed) else { return };
        let share = 1.0 / (real(bought.weight).sqrt() * UNIT);
        for &Neighbour { item, weight } in &bought.neighbours {
            scores[item] += multiples(weight) * share * self.damping[item];
        }
    }

    #[cfg(test)]
    pub(super) fn neighbours(&self, item: Item) -> &[Neighbour] {
        self.bought.get(item).map_or(&[], |bought| &bought.neighbours)
    }

    /// Unless `anew`, the neighbours follow.
    fn replace(&mut self, key: Key, items: Vec<Item>, anew: bool) {
        let slot = *self.slots.entry(key).or_insert_with(|| {
            self.baskets.push(Vec::new());
            self.baskets.len() - 1
        });
        // Most of what is told about an order is that it goes on.
        if self.baskets[slot] == items {
            return;
        }
        let highest = items.last().map_or(0, |item| item + 1);
        if self.bought.len() < highest {
            self.bought.resize_with(highest, Bought::default);
            self.damping.resize(highest, damping(0));
        }
        let old = std::mem::replace(&mut self.baskets[slot], items);
        let (new, old_weight) = (&self.baskets[slot], weight(old.len()));
        for &item in &old {
            let bought = &mut self.bought[item];
            bought.baskets -= 1;
            bought.weight -= old_weight;
            self.damping[item] = damping(bought.weight);
            if !anew && old_weight > 0 {
                bought.take(item, &old, old_weight);
            }
        }
        let new_weight = weight(new.len());
        for &item in new {
            let bought = &mut self.bought[item];
            bought.baskets += 1;
            bought.weight += new_weight;
            self.damping[item] = damping(bought.weight);
            if !anew && new_weight > 0 {
                bought.add(item, new, new_weight);
            }
        }
    }

    /// Makes all neighbours, from all baskets.
    fn add_up(&mut self) {
        // For each item, what follows it in the baskets that hold it: each pair is met once, at its lower item.
        let mut followers = vec![Vec::new(); self.bought.len()];
        for (slot, items) in self.baskets.iter().enumerate().filter(|(_, items)| weight(items.len()) > 0) {
            for (place, &item) in items.iter().enumerate() {
                followers[item].push((slot, place + 1));
            }
        }
        self.bought.iter_mut().for_each(|bought| bought.neighbours.clear());
        let mut together = vec![0_u64; self.bought.len()];
        let mut found = Vec::new();
        for (item, followers) in followers.into_iter().enumerate() {
            for (slot, from) in followers {
                let weight = weight(self.baskets[slot].len());
                for &other in &self.baskets[slot][from..] {
                    if together[other] == 0 {
                        found.push(other);
                    }
                    together[other] += weight;
                }
            }
            // Lower items have told this one of themselves already, in their order.
            found.sort_unstable();
            for other in found.drain(..) {
                let weight = std::mem::take(&mut together[other]);
                self.bought[item].neighbours.push(Neighbour { item: other, weight });
                self.bought[other].neighbours.push(Neighbour { item, weight });
            }
        }
    }
}

impl Bought {
    /// One basket more holds `item`, whose this is, and the rest of `items`.
    fn add(&mut self, item: Item, items: &[Item], weight: u64) {
        let known = self.neighbours.len();
        for &other in items.iter().filter(|other| **other != item) {
            match self.neighbours[..known].binary_search_by_key(&other, |neighbour| neighbour.item) {
                Ok(place) => self.neighbours[place].weight += weight,
                Err(_) => self.neighbours.push(Neighbour { item: other, weight }),
            }
        }
        if self.neighbours.len() > known {
            // Two runs that are sorted: this only merges them.
            self.neighbours.sort();
        }
    }

    /// One basket less does.
    fn take(&mut self, item: Item, items: &[Item], weight: u64) {
        for &other in items.iter().filter(|other| **other != item) {
            if let Ok(place) = self.neighbours.binary_search_by_key(&other, |neighbour| neighbour.item) {
                self.neighbours[place].weight -= weight;
            }
        }
        self.neighbours.retain(|neighbour| neighbour.weight > 0);
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most UNIT"
)]
fn weight(items: usize) -> u64 {
    match items {
        1..=LARGEST => (UNIT / (items as f64).sqrt()).round() as u64,
        _ => 0,
    }
}

fn damping(weight: u64) -> f64 {
    1.0 / (real(weight) + CAUTION).sqrt()
}

fn real(weight: u64) -> f64 {
    multiples(weight) / UNIT
}

#[expect(clippy::cast_precision_loss, reason = "exact for less than 2^33 baskets")]
fn multiples(weight: u64) -> f64 {
    weight as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(baskets: &Baskets, seed: Item) -> Vec<f64> {
        let mut scores = vec![0.0; 5];
        baskets.add_similarity(seed, &mut scores);
        scores
    }

    fn set(baskets: &mut Baskets, key: Key, items: &[Item]) {
        baskets.set(vec![(key, items.to_vec())]);
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
    }

    #[test]
    fn what_was_replaced_leaves_no_trace() {
        let mut changed = Baskets::default();
        set(&mut changed, Key::Imported("a".to_owned()), &[4, 3, 2]);
        set(&mut changed, Key::Order(1), &[0, 1, 2]);
        set(&mut changed, Key::Order(2), &[0, 3]);
        set(&mut changed, Key::Imported("a".to_owned()), &[]);
        set(&mut changed, Key::Order(1), &[0, 1]);
        let mut fresh = Baskets::default();
        set(&mut fresh, Key::Order(2), &[0, 3]);
        set(&mut fresh, Key::Order(1), &[0, 1]);
        for seed in 0..5 {
            assert_eq!(scores(&changed, seed), scores(&fresh, seed), "seed {seed}");
            assert_eq!(changed.popularity(seed), fresh.popularity(seed), "item {seed}");
        }
    }

    #[test]
    fn all_at_once_comes_to_the_same_as_one_after_another() {
        // Every basket of at most four of seven items.
        let baskets: Vec<Vec<Item>> = (0..1_usize << 7)
            .map(|set| (0..7).filter(|item| set >> item & 1 == 1).collect())
            .filter(|items: &Vec<Item>| items.len() <= 4)
            .collect();
        let changes = |n: i64| baskets.iter().zip(n..).map(|(items, id)| (Key::Order(id), items.clone()));
        let (mut at_once, mut slowly) = (Baskets::default(), Baskets::default());
        at_once.set(changes(0).chain(changes(1)).collect());
        for change in changes(0).chain(changes(1)) {
            slowly.set(vec![change]);
        }
        for seed in 0..7 {
            assert_eq!(at_once.neighbours(seed), slowly.neighbours(seed), "seed {seed}");
            assert_eq!(at_once.bought[seed].weight, slowly.bought[seed].weight, "seed {seed}");
            assert_eq!(at_once.popularity(seed), slowly.popularity(seed), "item {seed}");
        }
    }

    #[test]
    fn a_basket_that_is_larger_than_any_order_makes_popular_but_not_similar() {
        let mut baskets = Baskets::default();
        let all: Vec<Item> = (0..=LARGEST).collect();
        set(&mut baskets, Key::Imported("a".to_owned()), &all);
        set(&mut baskets, Key::Imported("b".to_owned()), &all);
        assert_eq!((baskets.popularity(7), baskets.neighbours(7)), (2, &[][..]));
        set(&mut baskets, Key::Imported("b".to_owned()), &all[1..]);
        assert_eq!((baskets.popularity(7), baskets.neighbours(7).len()), (2, LARGEST - 1));
    }
}
