//! Turns what somebody typed into a query: whole words, words still being typed, and words with a slip in them.

use std::collections::BTreeSet;

use tantivy::collector::Count;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, FuzzyTermQuery, Occur, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, TantivyError, Term};

use super::index::Index;
use crate::store::text::{self, MOST_CORRECTIONS, SHORTEST_BEGINNING};

/// What was typed, word by word.
pub(super) struct Words(Vec<Box<dyn Query>>);

impl Words {
    pub(super) fn read(text: &str, index: &Index, searcher: &Searcher) -> Result<Self, TantivyError> {
        let words = text::searched(text);
        let fields = index.fields;
        let lexicon = Lexicon { searcher, fields: [(fields.sku, 5.0), (fields.name, 3.0), (fields.description, 1.0)] };
        let last = words.len().saturating_sub(1);
        let words = words.iter().enumerate().map(|(at, word)| lexicon.word(word, at == last));
        Ok(Self(words.collect::<Result<_, _>>()?))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Products with at least so many of the words.
    pub(super) fn at_least(&self, count: usize) -> Box<dyn Query> {
        let words = self.0.iter().map(|word| word.box_clone()).collect();
        Box::new(BooleanQuery::union_with_minimum_required_clauses(words, count))
    }
}

/// The words that the index knows.
struct Lexicon<'s> {
    searcher: &'s Searcher,
    /// With what a hit there counts for.
    fields: [(Field, f32); 3],
}

impl Lexicon<'_> {
    /// A word that the index knows, whole or as a beginning, is taken as it is. Only one that it does not know is a
    /// slip: else somebody who wants a mug would get jugs and rugs.
    fn word(&self, word: &str, being_typed: bool) -> Result<Box<dyn Query>, TantivyError> {
        let begins = self.fields.map(|(field, _)| {
            Box::new(FuzzyTermQuery::new_prefix(Term::from_field_text(field, word), 0, true)) as Box<dyn Query>
        });
        let begins = BooleanQuery::union(begins.into());
        // Counted rather than looked up: the words of deleted products stay in the index for a while.
        if self.searcher.search(&begins, &Count)? > 0 {
            let begins = ConstScoreQuery::new(Box::new(begins), 1.0);
            return Ok(Box::new(BooleanQuery::union(vec![Box::new(begins), self.whole(word)])));
        }
        let corrections = self.corrections(word, being_typed)?;
        Ok(match corrections.len() {
            0 => Box::new(EmptyQuery),
            _ => Box::new(DisjunctionMaxQuery::new(corrections.iter().map(|word| self.whole(word)).collect())),
        })
    }

    /// Hits of exactly this word: always better than a beginning of it, rarer words and shorter names better still.
    fn whole(&self, word: &str) -> Box<dyn Query> {
        let hits = self.fields.map(|(field, weight)| {
            let term = TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::WithFreqs);
            let found = ConstScoreQuery::new(Box::new(term.clone()), weight);
            let parts: Vec<(Occur, Box<dyn Query>)> =
                vec![(Occur::Must, Box::new(BoostQuery::new(Box::new(term), weight))), (Occur::Must, Box::new(found))];
            Box::new(BooleanQuery::new(parts)) as Box<dyn Query>
        });
        Box::new(DisjunctionMaxQuery::new(hits.into()))
    }

    /// The known words that `word` was meant to be: those with the fewest slips between.
    fn corrections(&self, word: &str, being_typed: bool) -> Result<BTreeSet<String>, TantivyError> {
        for slips in 1..=text::slips_allowed(word) {
            let found = self.near(|term| FuzzyTermQuery::new(term, slips, true), word)?;
            if !found.is_empty() {
                return Ok(found);
            }
            if being_typed && word.chars().count() >= SHORTEST_BEGINNING {
                let found = self.near(|term| FuzzyTermQuery::new_prefix(term, slips, true), word)?;
                if !found.is_empty() {
                    return Ok(found);
                }
            }
        }
        Ok(BTreeSet::new())
    }

    fn near(&self, query: impl Fn(Term) -> FuzzyTermQuery, word: &str) -> Result<BTreeSet<String>, TantivyError> {
        let mut found = BTreeSet::new();
        for segment in self.searcher.segment_readers() {
            for (field, _) in self.fields {
                let automaton = query(Term::from_field_text(field, word)).automaton()?;
                let inverted = segment.inverted_index(field)?;
                let mut words = inverted.terms().search(automaton).into_stream()?;
                while found.len() < MOST_CORRECTIONS && words.advance() {
                    found.insert(String::from_utf8_lossy(words.key()).into_owned());
                }
            }
        }
        Ok(found)
    }
}
