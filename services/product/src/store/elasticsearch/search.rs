//! One search: which of its words are known, what the others were meant to be, and the page.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Error;
use super::client::{Body, Client};
use super::document::Source;
use super::error::Cause;
use super::lexicon::Lexicon;
use super::query::{self, Word};
use crate::domain::{Key, Page, Position, Search, Sort};
use crate::store::text;

#[derive(Deserialize)]
struct Answers {
    responses: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    hits: Option<Hits>,
    error: Option<Cause>,
}

#[derive(Deserialize)]
pub(super) struct Hits {
    total: Total,
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_source")]
    source: Option<Source>,
    #[serde(default)]
    sort: Vec<Value>,
}

pub(super) struct Searcher<'s> {
    pub(super) client: &'s Client,
    pub(super) alias: &'s str,
    pub(super) lexicon: &'s Lexicon,
}

impl Searcher<'_> {
    pub(super) async fn page(&self, search: &Search) -> Result<Page<Position>, Error> {
        if search.text.trim().is_empty() {
            return Ok(self.first_level(search, vec![query::everything()]).await?.unwrap_or_else(nothing));
        }
        let words = text::searched(&search.text);
        if words.is_empty() {
            return Ok(nothing());
        }
        // Most of the time all words are known and some product has all of them: then one request is enough.
        let known: Vec<Word> = words.iter().cloned().map(Word::Known).collect();
        let mut asked: Vec<Value> = words.iter().map(|word| probe(&query::with_beginning(word))).collect();
        asked.push(body(search, &query::at_least(&known, known.len()), search.after.as_ref()));
        let mut answers = self.ask(&asked).await?;
        let hoped_for = answers.pop().ok_or_else(incomplete)?;
        let unknown: Vec<usize> = (0..words.len()).filter(|at| answers[*at].total.value == 0).collect();
        let moving = search.sort == Sort::Relevance && search.after.is_some();
        if unknown.is_empty() && hoped_for.total.value > 0 && !moving {
            return page(search, hoped_for);
        }
        let mut meant = known;
        for at in unknown {
            let being_typed = at + 1 == words.len();
            let corrections = self.lexicon.corrections(self.client, self.alias, &words[at], being_typed).await?;
            meant[at] = Word::Mistyped(corrections);
        }
        // Products with all of the words; if there are none, with all but one, and so on.
        let levels = (1..=meant.len()).rev().map(|count| query::at_least(&meant, count)).collect();
        Ok(self.first_level(search, levels).await?.unwrap_or_else(nothing))
    }

    /// The page of the first query that finds anything at all.
    async fn first_level(&self, search: &Search, queries: Vec<Value>) -> Result<Option<Page<Position>>, Error> {
        let mut asked = Vec::new();
        for query in &queries {
            asked.push(body(search, query, search.after.as_ref()));
            asked.push(standing(query, search.after.as_ref()));
        }
        let mut answers = self.ask(&asked).await?.into_iter();
        for query in queries {
            let (Some(hits), Some(standing)) = (answers.next(), answers.next()) else { return Err(incomplete()) };
            if hits.total.value == 0 {
                continue;
            }
            // Scores move a little with every document that comes or goes. So the page begins after the product that ended
            // the page before, wherever it stands now, and only if it is gone after where it stood.
            let Some(after) = moved(search, standing)? else { return page(search, hits).map(Some) };
            let hits = self.ask(&[body(search, &query, Some(&after))]).await?.pop().ok_or_else(incomplete)?;
            return page(search, hits).map(Some);
        }
        Ok(None)
    }

    async fn ask(&self, searches: &[Value]) -> Result<Vec<Hits>, Error> {
        let lines: String = searches.iter().map(|search| format!("{{}}\n{search}\n")).collect();
        let path = format!("/{}/_msearch", self.alias);
        let answers: Answers = self.client.call(Method::POST, &path, Body::Lines(lines.into_bytes())).await?;
        let hits = |answer: Answer| match answer {
            Answer { hits: Some(hits), error: None } => Ok(hits),
            Answer { error: Some(error), .. } => Err(error.into_error(http::StatusCode::BAD_REQUEST)),
            Answer { hits: None, error: None } => Err(incomplete()),
        };
        let hits: Vec<Hits> = answers.responses.into_iter().map(hits).collect::<Result<_, _>>()?;
        if hits.len() == searches.len() { Ok(hits) } else { Err(incomplete()) }
    }
}

fn body(search: &Search, query: &Value, after: Option<&Position>) -> Value {
    let (key, order) = match search.sort {
        Sort::Relevance => ("_score", "desc"),
        Sort::PriceRising => ("price", "asc"),
        Sort::PriceFalling => ("price", "desc"),
        Sort::NameRising => ("name.whole", "asc"),
        Sort::NameFalling => ("name.whole", "desc"),
    };
    let mut body = json!({
        "query": query,
        "sort": [{key: order}, {"sequence": "asc"}],
        // One more tells whether a page follows.
        "size": search.limit + 1,
        "track_total_hits": true,
        "_source": {"excludes": ["lexicon", "unpublished"]},
    });
    if let Some(Position { key, sequence }) = after {
        let key = match key {
            Key::Score(score) => json!(score),
            Key::Price(cents) => json!(cents),
            Key::Name(name) => json!(name),
        };
        body["search_after"] = json!([key, sequence]);
    }
    body
}

/// Whether there is anything.
fn probe(query: &Value) -> Value {
    json!({"query": query, "size": 0, "track_total_hits": 1})
}

/// Where the product that ended the page before stands now.
fn standing(query: &Value, after: Option<&Position>) -> Value {
    match after {
        Some(Position { key: Key::Score(_), sequence }) => json!({
            "query": {"bool": {"must": query, "filter": {"term": {"sequence": sequence}}}},
            "sort": [{"_score": "desc"}, {"sequence": "asc"}],
            "size": 1,
            "_source": false,
        }),
        Some(Position { key: Key::Price(_) | Key::Name(_), .. }) | None => probe(&json!({"match_none": {}})),
    }
}

/// The place after which the page has to begin, if it is not where the page before ended.
fn moved(search: &Search, standing: Hits) -> Result<Option<Position>, Error> {
    let Some(hit) = standing.hits.into_iter().next() else { return Ok(None) };
    let now = position(search.sort, &hit.sort)?;
    Ok((search.after.as_ref() != Some(&now)).then_some(now))
}

fn page(search: &Search, Hits { mut hits, .. }: Hits) -> Result<Page<Position>, Error> {
    let more = hits.len() > search.limit;
    hits.truncate(search.limit);
    let next = match hits.last() {
        Some(last) if more => Some(position(search.sort, &last.sort)?),
        Some(_) | None => None,
    };
    let products = hits.iter().filter_map(|hit| hit.source.as_ref()?.product(&hit.id)).collect();
    Ok(Page { products, next })
}

fn position(sort: Sort, values: &[Value]) -> Result<Position, Error> {
    let [key, sequence] = values else { return Err(incomplete()) };
    let key = match sort {
        #[expect(clippy::cast_possible_truncation, reason = "it is a float that was printed")]
        Sort::Relevance => key.as_f64().map(|score| Key::Score(score as f32)),
        Sort::PriceRising | Sort::PriceFalling => key.as_u64().map(Key::Price),
        Sort::NameRising | Sort::NameFalling => key.as_str().map(|name| Key::Name(name.to_owned())),
    };
    let position = key.zip(sequence.as_u64()).map(|(key, sequence)| Position { key, sequence });
    position.ok_or_else(incomplete)
}

fn nothing() -> Page<Position> {
    Page { products: Vec::new(), next: None }
}

fn incomplete() -> Error {
    Error::Malformed("a part of the answer is missing".to_owned())
}
