//! The query strings of lists and searches.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde_json::{Value, json};

use super::cursor;
use super::error::ApiError;
use super::issue::{Issue, Problem, Step};
use super::lax;
use crate::domain::{Search, Sort};

const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;
const LONGEST_TEXT: usize = 200;

/// `?limit=&cursor=` of the list.
#[derive(Debug, PartialEq)]
pub(super) struct ListQuery {
    pub(super) after: Option<u64>,
    pub(super) limit: usize,
}

/// `?q=&sort=&limit=&cursor=` of the search.
#[derive(Debug, PartialEq)]
pub(super) struct SearchQuery(pub(super) Search);

impl<S: Send + Sync> FromRequestParts<S> for ListQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut given = Given::of(parts);
        let limit = given.limit();
        let after = given.cursor(cursor::into_list);
        given.checked(Self { after, limit })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SearchQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut given = Given::of(parts);
        let text: String = given.read("q", |value| lax::text(value, 0, LONGEST_TEXT)).unwrap_or_default();
        let sort = given.read("sort", sort).unwrap_or_default();
        let limit = given.limit();
        let after = given.cursor(|cursor| cursor::into_search(cursor, &text, sort));
        given.checked(Self(Search { text, sort, after, limit }))
    }
}

/// The parameters that were given; of one that was given twice the last.
struct Given {
    parameters: BTreeMap<String, String>,
    issues: Vec<Issue>,
}

impl Given {
    fn of(parts: &Parts) -> Self {
        // Every query string can be read as parameters, if maybe of no meaning.
        let parameters = Query::try_from_uri(&parts.uri).map(|Query(parameters)| parameters).unwrap_or_default();
        Self { parameters, issues: Vec::new() }
    }

    fn read<T>(&mut self, name: &'static str, read: impl FnOnce(&Value) -> Result<T, Problem>) -> Option<T> {
        let value = Value::from(self.parameters.get(name)?.as_str());
        match read(&value) {
            Ok(read) => Some(read),
            Err(problem) => {
                self.issues.push(problem.at(&[Step::Name("query"), Step::Name(name)], value));
                None
            }
        }
    }

    fn limit(&mut self) -> usize {
        let limit = self.read("limit", |value| match lax::integer(value)? {
            ..1 => Err(lax::at_least(1)),
            limit => usize::try_from(limit).ok().filter(|limit| *limit <= MOST).ok_or_else(|| lax::at_most(MOST)),
        });
        limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// An empty one, as a form sends it, is none.
    fn cursor<T>(&mut self, decode: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.read("cursor", |value| match value.as_str().unwrap_or_default() {
            "" => Ok(None),
            cursor => decode(cursor).map(Some).ok_or_else(|| Problem::custom("the cursor is not one of this list")),
        })
        .flatten()
    }

    fn checked<T>(self, query: T) -> Result<T, ApiError> {
        if self.issues.is_empty() { Ok(query) } else { Err(ApiError::Invalid(self.issues)) }
    }
}

fn sort(value: &Value) -> Result<Sort, Problem> {
    match value.as_str().unwrap_or_default() {
        "relevance" => Ok(Sort::Relevance),
        "price" => Ok(Sort::PriceRising),
        "-price" => Ok(Sort::PriceFalling),
        "name" => Ok(Sort::NameRising),
        "-name" => Ok(Sort::NameFalling),
        _ => {
            let expected = "'relevance', 'price', '-price', 'name' or '-name'";
            Err(Problem::new("literal_error", format!("Input should be {expected}"))
                .with(json!({"expected": expected})))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;

    use super::*;

    async fn search(query: &str) -> Result<Search, Value> {
        let request = Request::builder().uri(format!("/products/search{query}")).body(()).expect("a request");
        match SearchQuery::from_request_parts(&mut request.into_parts().0, &()).await {
            Ok(SearchQuery(search)) => Ok(search),
            Err(ApiError::Invalid(issues)) => Err(json!(issues)),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn parameters_are_optional_and_the_last_of_two_counts() {
        let search = search("?limit=7&limit=8&q=a%20b&sort=-price&cursor=").await.expect("fine");
        assert_eq!(search, Search { text: "a b".to_owned(), sort: Sort::PriceFalling, after: None, limit: 8 });
    }

    #[tokio::test]
    async fn what_is_wrong_with_parameters_is_told_like_what_is_wrong_with_a_body() {
        let issues = search("?limit=0&sort=best&cursor=abc").await.expect_err("refused");
        let kinds: Vec<_> = (0..3).map(|at| (issues[at]["type"].clone(), issues[at]["loc"].clone())).collect();
        assert_eq!(
            kinds,
            [
                (json!("literal_error"), json!(["query", "sort"])),
                (json!("greater_than_equal"), json!(["query", "limit"])),
                (json!("value_error"), json!(["query", "cursor"])),
            ]
        );
        assert_eq!(search("?limit=101").await.expect_err("refused")[0]["ctx"], json!({"le": 100}));
        assert_eq!(search("?limit=ten").await.expect_err("refused")[0]["type"], "int_parsing");
    }
}
