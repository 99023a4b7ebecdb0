//! A client of the gateway over plain HTTP.

use std::net::SocketAddr;

use reqwest::{RequestBuilder, Response, Url};
use serde_json::{Value, json};

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

/// What came back from a query.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Value);

impl Answer {
    /// The data of an answer without errors.
    pub(crate) fn data(&self) -> &Value {
        assert_eq!(self.0.get("errors"), None, "{}", self.0);
        &self.0["data"]
    }

    /// `extensions.code` and message of the only error.
    pub(crate) fn error(&self) -> (&str, &str) {
        let errors = self.0["errors"].as_array().unwrap_or_else(|| panic!("an error was expected: {}", self.0));
        assert_eq!(errors.len(), 1, "{}", self.0);
        (
            errors[0]["extensions"]["code"].as_str().expect("a code is text"),
            errors[0]["message"].as_str().expect("a message is text"),
        )
    }

    pub(crate) fn code(&self) -> &str {
        self.error().0
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, token: Option<String>) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client can be made");
        Self { http, base: format!("http://{address}").parse().expect("an address makes a URL"), token }
    }

    /// The same, with this instead of a good token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.base.join(path).expect("a path"))
    }

    /// `POST /graphql`, without a body yet.
    pub(crate) fn post(&self) -> RequestBuilder {
        let request = self.http.post(self.base.join("/graphql").expect("a path"));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn query(&self, query: &str) -> Answer {
        self.query_with(query, json!({})).await
    }

    pub(crate) async fn query_with(&self, query: &str, variables: Value) -> Answer {
        let response = self.send(&json!({"query": query, "variables": variables})).await;
        assert_eq!(response.status(), 200);
        Answer(response.json().await.expect("the answer is JSON"))
    }

    pub(crate) async fn send(&self, body: &Value) -> Response {
        self.post().json(body).send().await.expect("the gateway answers")
    }
}
