//! What products' names have in common: the cosine of their words, where a word that few names have counts most.

use std::collections::{BTreeSet, HashMap};

use super::Item;

/// The words of all names, and for each word the items that have it.
#[derive(Debug, Default)]
pub(super) struct Names {
    words: HashMap<Item, BTreeSet<String>>,
    items: HashMap<String, Vec<Item>>,
    /// For each item 1 by the length of its vector of weights, as of the last [`Names::weigh`]; 0 where all its words are
    /// everybody's.
    shares: Vec<f64>,
}

impl Names {
    pub(super) fn set(&mut self, item: Item, name: &str) {
        self.remove(item);
        let words = words(name);
        for word in &words {
            self.items.entry(word.clone()).or_default().push(item);
        }
        self.words.insert(item, words);
    }

    pub(super) fn remove(&mut self, item: Item) {
        for word in self.words.remove(&item).into_iter().flatten() {
            if let Some(items) = self.items.get_mut(&word) {
                items.retain(|other| *other != item);
            }
        }
    }

    /// To be called when names have changed: every weight depends on all of them.
    pub(super) fn weigh(&mut self) {
        let length = |words: &BTreeSet<String>| words.iter().map(|word| self.weight(word).powi(2)).sum::<f64>().sqrt();
        let mut shares = vec![0.0; self.words.keys().max().map_or(0, |item| item + 1)];
        for (&item, words) in &self.words {
            let length = length(words);
            shares[item] = if length > 0.0 { 1.0 / length } else { 0.0 };
        }
        self.shares = shares;
    }

    /// Adds to each item's score its similarity to `seed`, 0 to 1, times `factor`.
    pub(super) fn add_similarity(&self, seed: Item, factor: f64, scores: &mut [f64]) {
        for word in self.words.get(&seed).into_iter().flatten() {
            let share = factor * self.weight(word).powi(2) * self.shares[seed];
            for &item in self.items.get(word).into_iter().flatten().filter(|item| **item != seed) {
                scores[item] += share * self.shares[item];
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a catalog has far less than 2^52 products")]
    fn weight(&self, word: &str) -> f64 {
        let having = self.items.get(word).map_or(0, Vec::len).max(1);
        (self.words.len() as f64 / having as f64).ln()
    }
}

/// Lower case, without the plural's s: `BLUE MUGS` and `Red mug` share a word.
fn words(name: &str) -> BTreeSet<String> {
    let singular = |word: String| match word.strip_suffix('s') {
        Some(stem) if stem.len() > 2 => stem.to_owned(),
        Some(_) | None => word,
    };
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| singular(word.to_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case_and_plural() {
        assert_eq!(words("Set of 3 MUGS, glass"), ["set", "of", "3", "mug", "glas"].map(str::to_owned).into());
        assert!(words(" - ").is_empty());
    }

    #[test]
    fn a_rarer_word_in_common_makes_more_similar() {
        let mut names = Names::default();
        for (item, name) in ["red retro mug", "blue retro mug", "red hat", "red bag"].into_iter().enumerate() {
            names.set(item, name);
        }
        names.weigh();
        let mut scores = vec![0.0; 4];
        names.add_similarity(0, 1.0, &mut scores);
        assert!(scores[1] > scores[2] && scores[2] > 0.0 && scores[1] < 1.0, "{scores:?}");
        assert_eq!(scores[0].total_cmp(&0.0), std::cmp::Ordering::Equal);
    }

    #[test]
    fn a_name_that_is_gone_counts_nowhere() {
        let mut names = Names::default();
        for (item, name) in ["red mug", "red mug", "hat"].into_iter().enumerate() {
            names.set(item, name);
        }
        names.remove(1);
        names.weigh();
        let mut scores = vec![0.0; 3];
        names.add_similarity(0, 1.0, &mut scores);
        assert!(scores.iter().all(|score| *score == 0.0), "{scores:?}");
    }
}
