//! The shop's GraphQL API, as a shopper's client uses it.

use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::report::Failure;

/// For one call; the gateway's own deadlines are shorter.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct Gateway {
    client: reqwest::Client,
    url: String,
    token: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<Value>,
}

impl Gateway {
    pub(crate) fn new(client: reqwest::Client, url: &str) -> Self {
        Self { client, url: url.to_owned(), token: None }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Runs an operation of one field and answers with that field.
    pub(crate) async fn run<T: DeserializeOwned>(
        &self,
        field: &str,
        operation: &str,
        variables: Value,
    ) -> Result<T, Failure> {
        let failed = |observed: &dyn std::fmt::Display| Failure::new(format_args!("an answer to {field}"), observed);
        let mut data = self.ask(field, operation, variables).await?.map_err(|refusal| failed(&refusal))?;
        let value = data.get_mut(field).map(Value::take).unwrap_or_default();
        serde_json::from_value(value.clone()).map_err(|error| failed(&format_args!("{value}: {error}")))
    }

    /// Runs an operation and answers with its data, or with why it was refused; `what` names it.
    pub(crate) async fn ask(
        &self,
        what: &str,
        operation: &str,
        variables: Value,
    ) -> Result<Result<Value, Refusal>, Failure> {
        let expected = format!("an answer to {what}");
        let failed = |observed: &dyn std::fmt::Display| Failure::new(&expected, observed);
        let mut request = self.client.post(&self.url).timeout(TIMEOUT);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = json!({ "query": operation, "variables": variables });
        let response = request.json(&body).send().await.map_err(|error| failed(&chain(&error)))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| failed(&chain(&error)))?;
        let answer: Answer =
            serde_json::from_str(&text).map_err(|_| failed(&format_args!("{status}: {}", shortened(&text))))?;
        if let Some(error) = answer.errors.first() {
            let part = |value: &Value| value.as_str().unwrap_or("no reason").to_owned();
            let (message, code) = (part(&error["message"]), part(&error["extensions"]["code"]));
            return Ok(Err(Refusal { code, message }));
        }
        Ok(Ok(answer.data.unwrap_or_default()))
    }
}

/// The first error of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// An error with its causes: reqwest's own text leaves out what went wrong.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}
