//! Relay connections over services that page by a cursor of their own.
//!
//! Such a service gives a cursor for the end of each page, not for each item. Ours says "so many items after that cursor":
//! for the last item of a page it is the service's own, hence exact even when items come and go in between.

use async_graphql::OutputType;
use async_graphql::connection::{Connection, Edge};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Error;

const DEFAULT: usize = 20;
/// Also what one call to a service may bring.
const MOST: usize = 100;

/// Items, and the service's cursor for what follows; `None` at the end.
pub(crate) type Slice<T> = (Vec<T>, Option<String>);

/// At most `first` items after `after`. `fetch` takes the service's cursor and a limit of up to 100.
pub(crate) async fn connection<T: OutputType, F: Future<Output = Result<Slice<T>, Error>>>(
    first: Option<i32>,
    after: Option<String>,
    fetch: impl Fn(Option<String>, usize) -> F,
) -> Result<Connection<String, T>, Error> {
    let wanted = wanted(first)?;
    let has_previous_page = after.is_some();
    let mut place = match &after {
        Some(after) => Place::decode(after).ok_or_else(|| Error::invalid("after is not a cursor of this list"))?,
        None => Place { cursor: None, skip: 0 },
    };
    let mut edges = Vec::new();
    let has_next_page = loop {
        let limit = (place.skip + wanted - edges.len()).min(MOST);
        let (items, next) = fetch(place.cursor.clone(), limit).await?;
        let last = items.len().saturating_sub(1);
        for (index, item) in items.into_iter().enumerate().skip(place.skip) {
            let cursor = match &next {
                Some(next) if index == last => Place { cursor: Some(next.clone()), skip: 0 },
                _ => Place { cursor: place.cursor.clone(), skip: index + 1 },
            };
            edges.push(Edge::new(cursor.encode(), item));
        }
        match next {
            Some(next) if edges.len() < wanted => place = Place { cursor: Some(next), skip: 0 },
            next => break next.is_some(),
        }
    };
    let mut connection = Connection::new(has_previous_page, has_next_page);
    connection.edges = edges;
    Ok(connection)
}

/// How much a connection weighs in a query's complexity.
pub(crate) fn weight(first: Option<i32>, child_complexity: usize) -> usize {
    10 + wanted(first).unwrap_or(MOST) * child_complexity
}

fn wanted(first: Option<i32>) -> Result<usize, Error> {
    match first.map(usize::try_from) {
        None => Ok(DEFAULT),
        Some(Ok(first @ 1..=MOST)) => Ok(first),
        Some(_) => Err(Error::invalid(format!("first must be from 1 to {MOST}"))),
    }
}

/// `skip` items after the service's `cursor`, or after the start.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    cursor: Option<String>,
    skip: usize,
}

impl Place {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{}", self.skip, self.cursor.as_deref().unwrap_or_default()))
    }

    fn decode(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (skip, cursor) = text.split_once(':')?;
        let skip = skip.parse().ok().filter(|skip| *skip <= MOST)?;
        Some(Self { cursor: Some(cursor).filter(|cursor| !cursor.is_empty()).map(str::to_owned), skip })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A service with the numbers below `total`, whose cursor is the next number.
    async fn numbers(total: usize, cursor: Option<String>, limit: usize) -> Result<Slice<u64>, Error> {
        assert!((1..=MOST).contains(&limit), "limit {limit}");
        let start = cursor.map_or(0, |cursor| cursor.parse().expect("our own cursor"));
        let end = total.min(start + limit);
        let next = (end < total).then(|| end.to_string());
        Ok(((start..end).map(|number| number as u64).collect(), next))
    }

    async fn page(total: usize, first: i32, after: Option<String>) -> Connection<String, u64> {
        connection(Some(first), after, |cursor, limit| numbers(total, cursor, limit)).await.expect("a good request")
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_gap_or_repetition() {
        for first in [1, 3, 7, 100] {
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = page(250, first, after).await;
                seen.extend(page.edges.iter().map(|edge| edge.node));
                after = page.edges.last().map(|edge| edge.cursor.clone());
                if !page.has_next_page {
                    break;
                }
            }
            assert_eq!(seen, (0..250).collect::<Vec<_>>(), "by {first}");
        }
    }

    #[tokio::test]
    async fn any_edge_can_be_continued_from() {
        for edge in 0..100 {
            let start = page(250, 100, None).await;
            let next = page(250, 100, Some(start.edges[edge].cursor.clone())).await;
            let expected: Vec<_> = (edge as u64 + 1..).take(100).collect();
            assert_eq!(next.edges.iter().map(|edge| edge.node).collect::<Vec<_>>(), expected, "after edge {edge}");
        }
    }

    #[tokio::test]
    async fn after_the_last_there_is_nothing() {
        let all = page(3, 10, None).await;
        assert!(!all.has_next_page && !all.has_previous_page);
        let rest = page(3, 10, Some(all.edges[2].cursor.clone())).await;
        assert!(rest.edges.is_empty() && !rest.has_next_page && rest.has_previous_page);
    }

    #[tokio::test]
    async fn what_is_no_page_is_refused() {
        for (first, after) in [(0, None), (-1, None), (101, None), (5, Some("?")), (5, Some("OTk5OTo"))] {
            let fetch = |cursor, limit| numbers(9, cursor, limit);
            let refused = connection(Some(first), after.map(str::to_owned), fetch).await.err().expect("refused");
            assert_eq!(refused.code(), "INVALID_ARGUMENT", "{first} {after:?}");
        }
    }

    proptest! {
        #[test]
        fn every_place_survives_and_no_text_is_a_place_beyond_a_page(
            cursor in proptest::option::of(".{1,40}"), skip in 0..=MOST, text: String, bytes: Vec<u8>,
        ) {
            let place = Place { cursor, skip };
            prop_assert_eq!(Place::decode(&place.encode()), Some(place));
            for text in [text, URL_SAFE_NO_PAD.encode(bytes)] {
                prop_assert!(Place::decode(&text).is_none_or(|place| place.skip <= MOST), "{}", text);
            }
        }
    }
}
