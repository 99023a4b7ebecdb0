//! What products' names have in common: the cosine of their words, where a word that few names have counts most.

use std::collections::{BTreeSet, HashMap};

use super::Item;
use super::baskets::place;

/// A word that more names have says nothing about any two of them, and would cost the most.
const COMMON: usize = 1_000;

/// A word's place in the tables.
type Word = u32;

/// The words of all names, and for each word the items that have it.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<String, Word>,
    texts: Vec<String>,
    items: Vec<Vec<Item>>,
    words: HashMap<Item, Box<[Word]>>,
    /// For each item 1 by the length of its vector of weights, as of the last [`Names::weigh`]; 0 where all its words are
    /// everybody's.
    shares: Vec<f64>,
}

impl Names {
    pub(super) fn set(&mut self, item: Item, name: &str) {
        self.remove(item);
        // By their texts, and therefore in the same order everywhere.
        let words: Box<[Word]> = words(name).into_iter().map(|word| self.word(word)).collect();
        for &word in &words {
            self.items[place(word)].push(item);
        }
        self.words.insert(item, words);
    }

    pub(super) fn remove(&mut self, item: Item) {
        for word in self.words.remove(&item).into_iter().flatten() {
            self.items[place(word)].retain(|other| *other != item);
        }
    }

    /// To be called when names have changed: every weight depends on all of them.
    pub(super) fn weigh(&mut self) {
        let length = |words: &[Word]| words.iter().map(|word| self.weight(*word).powi(2)).sum::<f64>().sqrt();
        let mut shares = vec![0.0; self.words.keys().max().map_or(0, |item| place(*item) + 1)];
        for (&item, words) in &self.words {
            let length = length(words);
            shares[place(item)] = if length > 0.0 { 1.0 / length } else { 0.0 };
        }
        self.shares = shares;
    }

    /// Adds to each item's score its similarity to each of the seeds, 0 to 1, times `factor`; to those of the seeds
    /// themselves nothing that means anything. The order of the seeds makes a difference to the sums, in the last bit.
    pub(super) fn add_similarity(&self, seeds: impl Iterator<Item = Item>, factor: f64, scores: &mut [f64]) {
        let mut asked: HashMap<Word, f64> = HashMap::new();
        for seed in seeds {
            for &word in self.words.get(&seed).into_iter().flatten() {
                *asked.entry(word).or_default() += self.shares[place(seed)];
            }
        }
        let mut asked: Vec<(Word, f64)> = asked.into_iter().collect();
        asked.sort_unstable_by_key(|(word, _)| &self.texts[place(*word)]);
        for (word, share) in asked {
            let share = factor * share * self.weight(word).powi(2);
            if share > 0.0 {
                for &item in &self.items[place(word)] {
                    scores[place(item)] += share * self.shares[place(item)];
                }
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a catalog has far less than 2^52 products")]
    fn weight(&self, word: Word) -> f64 {
        match self.items[place(word)].len() {
            having @ 1..=COMMON => (self.words.len() as f64 / having as f64).ln(),
            _ => 0.0,
        }
    }

    fn word(&mut self, text: String) -> Word {
        if let Some(&word) = self.known.get(&text) {
            return word;
        }
        let word = Word::try_from(self.texts.len()).expect("far less than 2^32 words fit in memory");
        self.known.insert(text.clone(), word);
        self.texts.push(text);
        self.items.push(Vec::new());
        word
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

    fn named(names: &[String]) -> Names {
        let mut known = Names::default();
        for (item, name) in (0..).zip(names) {
            known.set(item, name);
        }
        known.weigh();
        known
    }

    /// To the first, but for its own.
    fn scores(names: &Names) -> Vec<f64> {
        let mut scores = vec![0.0; names.shares.len()];
        names.add_similarity([0].into_iter(), 1.0, &mut scores);
        scores.split_off(1)
    }

    #[test]
    fn words_are_compared_without_case_and_plural() {
        assert_eq!(words("Set of 3 MUGS, glass"), ["set", "of", "3", "mug", "glas"].map(str::to_owned).into());
        assert!(words(" - ").is_empty());
    }

    #[test]
    fn a_rarer_word_in_common_makes_more_similar() {
        let names = named(&["red retro mug", "blue retro mug", "red hat", "red bag"].map(str::to_owned));
        let scores = scores(&names);
        assert!(scores[0] > scores[1] && scores[1] > 0.0 && scores[0] < 1.0, "{scores:?}");
    }

    #[test]
    fn a_word_that_a_thousand_names_have_makes_nothing_similar() {
        let lamps = |count: usize| (0..count).map(|nth| format!("lamp {nth}")).collect::<Vec<_>>();
        let others = (0..COMMON).map(|nth| format!("mug {nth}"));
        let few = named(&lamps(COMMON).into_iter().chain(others.clone()).collect::<Vec<_>>());
        assert!(scores(&few)[..COMMON - 1].iter().all(|score| *score > 0.0));
        let many = named(&lamps(COMMON + 1).into_iter().chain(others).collect::<Vec<_>>());
        assert!(scores(&many)[..COMMON].iter().all(|score| *score == 0.0));
    }

    #[test]
    fn a_name_that_is_gone_counts_nowhere() {
        let mut names = named(&["red mug", "red mug", "hat"].map(str::to_owned));
        names.remove(1);
        names.weigh();
        assert!(scores(&names).iter().all(|score| *score == 0.0));
    }
}
