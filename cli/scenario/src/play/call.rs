//! Calls of whatever the shop answers to.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Play, json::compared};
use crate::{
    file::{Answer, Body, Graphql, Grpc, Http},
    gateway::chain,
    report::{Expect as _, Failure},
};

impl Play<'_> {
    pub(super) async fn graphql(&self, call: &Graphql) -> Result<String, Failure> {
        let gateway = match &call.by {
            Some(actor) => self.gateway(actor)?,
            None => self.stage.gateway(),
        };
        let body = self
            .tried(call.within, async || {
                let variables = call.variables.clone().into_iter().collect();
                let found = match gateway.ask("a GraphQL operation", &call.query, Value::Object(variables)).await? {
                    Ok(data) => json!({ "code": "OK", "body": data }),
                    Err(refusal) => json!({ "code": refusal.code, "message": refusal.message }),
                };
                accepted(&call.answer, json!({ "code": "OK" }), &found)
            })
            .await?;
        Ok(self.kept(call.keep.as_deref(), body))
    }

    pub(super) async fn grpc(&self, call: &Grpc) -> Result<String, Failure> {
        let token = call.by.as_ref().map(|actor| self.text(actor, "token")).transpose()?;
        let body = self
            .tried(call.within, async || {
                let answer = self.unary(call, token.as_deref()).await?;
                let found = match answer {
                    Ok(message) => json!({ "code": "OK", "body": message }),
                    Err(status) => json!({ "code": code(status.code()), "message": status.message() }),
                };
                accepted(&call.answer, json!({ "code": "OK" }), &found)
            })
            .await?;
        Ok(self.kept(call.keep.as_deref(), body))
    }

    pub(super) async fn http(&self, call: &Http) -> Result<String, Failure> {
        let method = call.method.as_deref().unwrap_or("GET");
        let method = Method::from_bytes(method.as_bytes()).expect_that("a method of HTTP")?;
        let token = call.by.as_ref().map(|actor| self.text(actor, "token")).transpose()?;
        let (status, body) = self
            .tried(call.within, async || {
                let url = format!("{}{}", self.stage.shop.http(call.to), call.path);
                let mut request = self.stage.client.request(method.clone(), url);
                if let Some(token) = &token {
                    request = request.bearer_auth(token);
                }
                request = match &call.body {
                    Some(Body::Json(value)) => request.json(value),
                    Some(Body::Text(text)) => request.body(text.clone()),
                    None => request,
                };
                for (name, value) in &call.headers {
                    request = request.header(name, value);
                }
                let failed = |error: reqwest::Error| Failure::new("an answer over HTTP", chain(&error));
                let response = request.send().await.map_err(failed)?;
                let status = response.status();
                let text = response.text().await.map_err(failed)?;
                let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
                let found = json!({ "status": status.as_u16(), "body": body });
                // What is not asked for is that it succeeds.
                let usual = if status.is_success() { status.as_u16() } else { 200 };
                accepted(&call.answer, json!({ "status": usual }), &found)?;
                Ok((status.as_u16(), body))
            })
            .await?;
        self.kept(call.keep.as_deref(), json!({ "status": status, "body": body }));
        Ok(status.to_string())
    }

    fn kept(&self, name: Option<&str>, value: Value) -> String {
        if let Some(name) = name {
            self.keep(name, value);
        }
        String::new()
    }
}

/// The body of an answer that is as expected; `usual` is what is expected of it if nothing else is.
fn accepted(wanted: &Answer, usual: Value, found: &Value) -> Result<Value, Failure> {
    let mut expected = usual;
    let Answer { status, code, body } = wanted;
    if let Some(status) = status {
        expected["status"] = (*status).into();
    }
    if let Some(code) = code {
        expected["code"] = code.clone().into();
    }
    if let Some(body) = body {
        expected["body"] = body.clone();
    }
    compared(&expected, found).map_err(|mut failure| {
        // Why it was refused is no part of the comparison, and of all the more interest.
        if let Some(message) = found["message"].as_str() {
            failure.observed = format!("{}\n{message}", failure.observed);
        }
        failure
    })?;
    Ok(found["body"].clone())
}

/// As the protocol spells it.
fn code(code: tonic::Code) -> String {
    use tonic::Code::{
        Aborted, AlreadyExists, Cancelled, DataLoss, DeadlineExceeded, FailedPrecondition, Internal, InvalidArgument,
        NotFound, Ok, OutOfRange, PermissionDenied, ResourceExhausted, Unauthenticated, Unavailable, Unimplemented,
        Unknown,
    };
    match code {
        Ok => "OK",
        Cancelled => "CANCELLED",
        Unknown => "UNKNOWN",
        InvalidArgument => "INVALID_ARGUMENT",
        DeadlineExceeded => "DEADLINE_EXCEEDED",
        NotFound => "NOT_FOUND",
        AlreadyExists => "ALREADY_EXISTS",
        PermissionDenied => "PERMISSION_DENIED",
        ResourceExhausted => "RESOURCE_EXHAUSTED",
        FailedPrecondition => "FAILED_PRECONDITION",
        Aborted => "ABORTED",
        OutOfRange => "OUT_OF_RANGE",
        Unimplemented => "UNIMPLEMENTED",
        Internal => "INTERNAL",
        Unavailable => "UNAVAILABLE",
        DataLoss => "DATA_LOSS",
        Unauthenticated => "UNAUTHENTICATED",
    }
    .to_owned()
}
