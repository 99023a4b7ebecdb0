//! Orders what a query found and cuts out a page.

use std::cmp::Ordering;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::query::AllQuery;
use tantivy::{DocId, Score, Searcher, SegmentOrdinal, SegmentReader, TantivyError};

use super::index::{Index, NAME, PRICE, SEQUENCE};
use super::words::Words;
use crate::domain::{Key, Position, Search, Sort};

/// The page's places, and whether more follow.
pub(super) fn page(search: &Search, index: &Index) -> Result<(Vec<Position>, bool), TantivyError> {
    let searcher = index.reader.searcher();
    let hits = Hits { sort: search.sort };
    let mut hits = if search.text.trim().is_empty() {
        searcher.search(&AllQuery, &hits)?
    } else {
        matches(&search.text, index, &searcher, &hits)?
    };
    if let Some(after) = search.after.as_ref().map(|after| standing(after, &hits)) {
        hits.retain(|hit| order(search.sort, &after, hit) == Ordering::Less);
    }
    let more = hits.len() > search.limit;
    if more {
        hits.select_nth_unstable_by(search.limit, |one, other| order(search.sort, one, other));
        hits.truncate(search.limit);
    }
    hits.sort_unstable_by(|one, other| order(search.sort, one, other));
    Ok((hits, more))
}

/// Products with all of the words; if there are none, with all but one, and so on: better something near than nothing.
fn matches(text: &str, index: &Index, searcher: &Searcher, hits: &Hits) -> Result<Vec<Position>, TantivyError> {
    let words = Words::read(text, index, searcher)?;
    for count in (1..=words.len()).rev() {
        let found = searcher.search(&words.at_least(count), hits)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Scores move a little with every document that comes or goes. So the page begins after the product that ended the page
/// before, wherever it stands now, and only if it is gone after where it stood.
fn standing(after: &Position, hits: &[Position]) -> Position {
    match after.key {
        Key::Score(_) => hits.iter().find(|hit| hit.sequence == after.sequence).unwrap_or(after).clone(),
        Key::Price(_) | Key::Name(_) => after.clone(),
    }
}

fn order(sort: Sort, one: &Position, other: &Position) -> Ordering {
    let keys = match (&one.key, &other.key) {
        (Key::Score(one), Key::Score(other)) => one.total_cmp(other),
        (Key::Price(one), Key::Price(other)) => one.cmp(other),
        (Key::Name(one), Key::Name(other)) => one.cmp(other),
        // Keys of one search are of one kind.
        (Key::Score(_) | Key::Price(_) | Key::Name(_), _) => Ordering::Equal,
    };
    let keys = match sort {
        Sort::PriceRising | Sort::NameRising => keys,
        Sort::Relevance | Sort::PriceFalling | Sort::NameFalling => keys.reverse(),
    };
    keys.then(one.sequence.cmp(&other.sequence))
}

/// Collects every hit with what it is ordered by.
struct Hits {
    sort: Sort,
}

struct SegmentHits {
    sequences: Column<u64>,
    keys: Keys,
    found: Vec<(DocId, Score)>,
}

enum Keys {
    Scores,
    Prices(Column<u64>),
    Names(StrColumn),
}

impl Collector for Hits {
    type Fruit = Vec<Position>;
    type Child = SegmentHits;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> Result<SegmentHits, TantivyError> {
        let columns = segment.fast_fields();
        let keys = match self.sort {
            Sort::Relevance => Keys::Scores,
            Sort::PriceRising | Sort::PriceFalling => Keys::Prices(columns.u64(PRICE)?),
            Sort::NameRising | Sort::NameFalling => {
                let names = columns.str(NAME)?;
                Keys::Names(names.ok_or_else(|| TantivyError::FieldNotFound(NAME.to_owned()))?)
            }
        };
        Ok(SegmentHits { sequences: columns.u64(SEQUENCE)?, keys, found: Vec::new() })
    }

    fn requires_scoring(&self) -> bool {
        self.sort == Sort::Relevance
    }

    fn merge_fruits(
        &self,
        segments: Vec<<SegmentHits as SegmentCollector>::Fruit>,
    ) -> Result<Self::Fruit, TantivyError> {
        let segments = segments.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(segments.into_iter().flatten().collect())
    }
}

impl SegmentCollector for SegmentHits {
    type Fruit = Result<Vec<Position>, TantivyError>;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.found.push((doc, score));
    }

    fn harvest(self) -> Self::Fruit {
        let position = |(doc, score): (DocId, Score)| {
            let key = match &self.keys {
                Keys::Scores => Key::Score(score),
                Keys::Prices(prices) => Key::Price(prices.first(doc).unwrap_or_default()),
                Keys::Names(names) => Key::Name(name(names, doc)?),
            };
            Ok(Position { key, sequence: self.sequences.first(doc).unwrap_or_default() })
        };
        self.found.into_iter().map(position).collect()
    }
}

fn name(names: &StrColumn, doc: DocId) -> Result<String, TantivyError> {
    let mut name = String::new();
    if let Some(ordinal) = names.term_ords(doc).next() {
        names.ord_to_str(ordinal, &mut name)?;
    }
    Ok(name)
}
