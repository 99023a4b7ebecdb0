//! The words of all products, for who looks for one that was mistyped. Elasticsearch finds documents by an inexact word, but
//! neither says which words those were nor takes one that is inexact and incomplete; so the words are fetched, seldom, and
//! compared here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Error;
use super::client::{Body, Client};
use super::query::stands;
use crate::store::text::{MOST_CORRECTIONS, SHORTEST_BEGINNING, slips_allowed};

/// How old the words may be: together with the index's own delay less than the second that a search may lag.
const FRESH: Duration = Duration::from_millis(400);
/// Elasticsearch gives no more at once. In a larger catalog the rarest words are not there, and no slip leads to them.
const MOST_WORDS: usize = 65_000;

#[derive(Default)]
pub(super) struct Lexicon {
    fetched: Mutex<Option<(Instant, Arc<Vec<String>>)>>,
}

#[derive(Deserialize)]
struct Answer {
    /// Nothing is left of it where there is no word.
    aggregations: Option<Aggregations>,
}

#[derive(Deserialize)]
struct Aggregations {
    words: Words,
}

#[derive(Deserialize)]
struct Words {
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    key: String,
}

impl Lexicon {
    /// The known words that `word` was meant to be: those with the fewest slips between.
    pub(super) async fn corrections(
        &self,
        client: &Client,
        alias: &str,
        word: &str,
        being_typed: bool,
    ) -> Result<BTreeSet<String>, Error> {
        if slips_allowed(word) == 0 {
            return Ok(BTreeSet::new());
        }
        let words = self.words(client, alias).await?;
        Ok(nearest(&words, word, being_typed))
    }

    async fn words(&self, client: &Client, alias: &str) -> Result<Arc<Vec<String>>, Error> {
        // Whoever comes meanwhile waits for the same answer.
        let mut fetched = self.fetched.lock().await;
        if let Some((_, words)) = fetched.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(words.clone());
        }
        let at = Instant::now();
        let search = json!({
            "size": 0,
            "query": stands(),
            "aggs": {"words": {"terms": {"field": "lexicon", "size": MOST_WORDS}}},
        });
        let path = format!("/{alias}/_search?filter_path=aggregations.words.buckets.key");
        let answer: Answer = client.call(Method::POST, &path, Body::Json(search)).await?;
        let buckets = answer.aggregations.map(|aggregations| aggregations.words.buckets).unwrap_or_default();
        let mut words: Vec<String> = buckets.into_iter().map(|bucket| bucket.key).collect();
        words.sort_unstable();
        let words = Arc::new(words);
        *fetched = Some((at, words.clone()));
        Ok(words)
    }
}

fn nearest(words: &[String], word: &str, being_typed: bool) -> BTreeSet<String> {
    let typed: Vec<char> = word.chars().collect();
    let most = usize::from(slips_allowed(word));
    let beginning = being_typed && typed.len() >= SHORTEST_BEGINNING;
    let mut found: Vec<BTreeSet<String>> = vec![BTreeSet::new(); 2 * most];
    for known in words {
        let characters: Vec<char> = known.chars().collect();
        if characters.len() + most < typed.len() || (!beginning && characters.len() > typed.len() + most) {
            continue;
        }
        let (whole, begins) = slips(&typed, &characters);
        // Fewer slips first, and of as many those of a whole word.
        let rank =
            [(beginning, begins, 1), (true, whole, 0)].into_iter().filter(|(asked, slips, _)| *asked && *slips <= most);
        let rank = rank.map(|(_, slips, kind)| 2 * slips.saturating_sub(1) + kind).min();
        if let Some(found) = rank.and_then(|rank| found.get_mut(rank)) {
            found.insert(known.clone());
        }
    }
    let nearest = found.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
    nearest.into_iter().take(MOST_CORRECTIONS).collect()
}

/// Characters to insert, remove, replace or swap with their neighbour to get from `typed` to `known`, and to get to whichever
/// beginning of it is nearest.
fn slips(typed: &[char], known: &[char]) -> (usize, usize) {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=known.len()).collect();
    for (row, character) in typed.iter().enumerate() {
        let mut current = vec![row + 1; known.len() + 1];
        for column in 0..known.len() {
            let replaced = last[column] + usize::from(known[column] != *character);
            let mut least = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *character == known[column - 1] && typed[row - 1] == known[column] {
                least = least.min(before[column - 1] + 1);
            }
            current[column + 1] = least;
        }
        before = std::mem::replace(&mut last, current);
    }
    let whole = last.last().copied().unwrap_or_default();
    (whole, last.into_iter().min().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(word: &str, being_typed: bool) -> Vec<String> {
        let words = ["globe", "gloves", "inflatable", "mug", "rug", "inflation", "jug", "political"].map(str::to_owned);
        nearest(&words, word, being_typed).into_iter().collect()
    }

    #[test]
    fn the_fewest_slips_win_and_whole_words_before_beginnings() {
        assert_eq!(near("glove", false), ["globe", "gloves"]);
        assert_eq!(near("golbe", false), ["globe"]);
        assert_eq!(near("bug", false), ["jug", "mug", "rug"]);
        assert_eq!(near("inflatb", false), Vec::<String>::new());
        assert_eq!(near("inflatb", true), ["inflatable", "inflation"]);
        assert_eq!(near("politcla", false), ["political"]);
    }

    #[test]
    fn short_words_and_stock_codes_have_no_slips() {
        for word in ["mg", "rag1", "1globe"] {
            assert_eq!(near(word, true), Vec::<String>::new(), "{word}");
        }
    }

    #[test]
    fn slips_are_counted_as_a_typist_makes_them() {
        let count = |typed: &str, known: &str| {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            slips(&characters(typed), &characters(known))
        };
        assert_eq!(count("", ""), (0, 0));
        assert_eq!(count("caek", "cake"), (1, 1));
        assert_eq!(count("infl", "inflatable"), (6, 0));
        assert_eq!(count("imfl", "inflatable"), (7, 1));
        assert_eq!(count("abc", ""), (3, 3));
    }
}
