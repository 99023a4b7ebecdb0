//! What recommendations are computed from, in memory: a pure function of what the database holds, whatever the order in
//! which it came here, so that replicas and restarts agree to the last bit.
//!
//! The score of a product for a set of seeds (what was viewed, or what a shopper has ordered) is a sum over the seeds of
//!
//! - how often both were bought together, in the newest baskets that hold the seed: a cosine in which a basket of n
//!   products counts 1/√n (a wholesaler's order of a hundred things says little about any two of them) and a product that
//!   was seldom bought is held back;
//! - how much their names have in common: variants of one design go into the same basket, also while nobody has bought
//!   this one yet.
//!
//! What has no score follows by popularity, so that there is always something to show.

mod accounts;
mod baskets;
mod names;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::domain::{Order, Product};
use accounts::Account;
use baskets::{Baskets, Key, place};
use names::Names;

/// What the same name weighs, next to a cosine of bought-together that ends at 1. Measured on the real shop's orders:
/// anything from 0.4 to 0.8 does about as well, 0 far worse.
const NAME_WEIGHT: f64 = 0.5;

/// An item's place in the model's tables; items get one when they are first heard of.
type Item = u32;

/// A part of what has changed in the database between two revisions.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// With the last part: the revision up to which nothing is missing.
    pub revision: Option<i64>,
    /// With `None` for one that was deleted.
    pub products: Vec<(String, Option<Product>)>,
    pub orders: Vec<Order>,
    /// Basket id and its products.
    pub imported: Vec<(String, Vec<String>)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Model {
    revision: Option<i64>,
    ids: Vec<String>,
    items: HashMap<String, Item>,
    /// Only what is for sale, by item.
    catalog: HashMap<Item, Product>,
    /// The same by id, so that a place here decides what nothing else does.
    shelf: Vec<Item>,
    names: Names,
    baskets: Baskets,
    accounts: HashMap<i64, Account>,
}

/// What may be recommended, and what decides.
struct Candidate {
    score: f64,
    popularity: usize,
    /// Its place on the shelf.
    nth: usize,
}

impl Candidate {
    fn order(&self, other: &Self) -> Ordering {
        let score = other.score.total_cmp(&self.score);
        score.then_with(|| other.popularity.cmp(&self.popularity)).then_with(|| self.nth.cmp(&other.nth))
    }
}

impl Model {
    /// The revision of the database up to which everything is in here; `None` before anything was loaded.
    pub(crate) fn revision(&self) -> Option<i64> {
        self.revision
    }

    /// Takes in what is new. The same change twice is harmless.
    pub(crate) fn apply(&mut self, changes: Changes) {
        let renamed = !changes.products.is_empty();
        for (id, product) in changes.products {
            let item = self.item(&id);
            match product {
                Some(product) => {
                    self.names.set(item, &product.name);
                    self.catalog.insert(item, product);
                }
                None => {
                    self.names.remove(item);
                    self.catalog.remove(&item);
                }
            }
        }
        if renamed {
            self.names.weigh();
            self.shelf = self.catalog.keys().copied().collect();
            self.shelf.sort_unstable_by_key(|item| &self.ids[place(*item)]);
        }
        for order in changes.orders {
            let items: Vec<Item> = order.basket.product_ids.iter().map(|id| self.item(id)).collect();
            let slot = self.baskets.set(Key::Order(order.id), items, !order.cancelled);
            self.accounts.entry(order.account_id).or_default().add(order.id, slot);
        }
        for (id, products) in changes.imported {
            let items = products.iter().map(|id| self.item(id)).collect();
            self.baskets.set(Key::Imported(id), items, true);
        }
        self.revision = self.revision.max(changes.revision);
    }

    /// For somebody who looks at these products, none of which is among the answers.
    pub(crate) fn for_views(&self, ids: &[String], skip: usize, take: usize) -> Vec<Product> {
        let seeds: Vec<Item> = ids.iter().filter_map(|id| self.items.get(id).copied()).collect();
        self.best(seeds.clone(), seeds, skip, take)
    }

    /// For an account: nothing it ever ordered, cancelled or not. One that never ordered gets what is popular.
    pub(crate) fn for_account(&self, account_id: i64, skip: usize, take: usize) -> Vec<Product> {
        match self.accounts.get(&account_id) {
            Some(account) => {
                let (kept, had) = (account.kept(&self.baskets), account.had(&self.baskets));
                self.best(kept.collect(), had, skip, take)
            }
            None => self.popular(skip, take),
        }
    }

    /// What most baskets hold.
    pub(crate) fn popular(&self, skip: usize, take: usize) -> Vec<Product> {
        self.best(Vec::new(), [], skip, take)
    }

    fn best(
        &self,
        seeds: Vec<Item>,
        excluded: impl IntoIterator<Item = Item>,
        skip: usize,
        take: usize,
    ) -> Vec<Product> {
        let mut scores = self.scores(seeds);
        for item in excluded {
            scores[place(item)] = f64::NEG_INFINITY;
        }
        let wanted = skip.saturating_add(take);
        let mut best = self.leading(&scores, wanted, |score| score > 0.0);
        if best.len() < wanted {
            best = self.leading(&scores, wanted, |score| score >= 0.0);
        }
        best.into_iter().skip(skip).map(|candidate| self.catalog[&self.shelf[candidate.nth]].clone()).collect()
    }

    /// The first `count` of what is for sale and has an `allowed` score, best first.
    fn leading(&self, scores: &[f64], count: usize, allowed: fn(f64) -> bool) -> Vec<Candidate> {
        // Twice as many as are asked for are collected before the worse half of them goes: most never get that far.
        let room = count.saturating_mul(2).max(64);
        let mut best: Vec<Candidate> = Vec::new();
        let mut floor = f64::NEG_INFINITY;
        for (nth, &item) in self.shelf.iter().enumerate() {
            let score = scores[place(item)];
            if score < floor || !allowed(score) {
                continue;
            }
            best.push(Candidate { score, popularity: self.baskets.popularity(item), nth });
            if best.len() == room {
                best.select_nth_unstable_by(count, Candidate::order);
                best.truncate(count);
                floor = best.iter().map(|candidate| candidate.score).fold(f64::INFINITY, f64::min);
            }
        }
        best.sort_unstable_by(Candidate::order);
        best.truncate(count);
        best
    }

    fn scores(&self, mut seeds: Vec<Item>) -> Vec<f64> {
        // Floating point sums depend on their order, and items' places on what came first: seeds go by id, each once.
        seeds.sort_unstable_by_key(|item| &self.ids[place(*item)]);
        seeds.dedup();
        let mut scores = vec![0.0; self.ids.len()];
        self.baskets.add_similarity(seeds.iter().copied(), &mut scores);
        self.names.add_similarity(seeds.into_iter(), NAME_WEIGHT, &mut scores);
        scores
    }

    fn item(&mut self, id: &str) -> Item {
        if let Some(&item) = self.items.get(id) {
            return item;
        }
        let item = Item::try_from(self.ids.len()).expect("far less than 2^32 products fit in memory");
        self.ids.push(id.to_owned());
        self.items.insert(id.to_owned(), item);
        item
    }
}
