//! The caller's side: a span around each call, with which its callee goes on.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::transport::{Channel, Error};
use tonic::{Code, Status};
use tower::Service;

use super::channel;
use crate::request::word;
use crate::telemetry::{Call, KeyValue, SpanKind, TRACEPARENT};

/// A [`channel`] whose calls are spans of the current trace. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Client(Channel);

impl Client {
    /// Connects when it is used and again whenever it has to. Needs a runtime around it.
    ///
    /// # Errors
    /// `url` is not of the form `http://HOST:PORT`.
    pub fn new(url: &str) -> Result<Self, super::Error> {
        channel(url).map(Self)
    }
}

impl Service<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut call = begin(&request);
        if let Some(Ok(traceparent)) = call.traceparent().map(HeaderValue::try_from) {
            request.headers_mut().insert(TRACEPARENT, traceparent);
        }
        let answer = self.0.call(request);
        if !call.is_kept() {
            return Box::pin(answer);
        }
        Box::pin(async move {
            let answer = answer.await;
            match &answer {
                // Of a call that went well the status comes behind the message.
                Ok(answer) => match Status::from_header_map(answer.headers()) {
                    Some(status) if status.code() != Code::Ok => {
                        call.set("rpc.response.status_code", word(status.code()));
                        call.failed(word(status.code()), status.message());
                    }
                    Some(_) | None => call.set("rpc.response.status_code", word(Code::Ok)),
                },
                Err(error) => call.failed("transport", crate::telemetry::chain(error)),
            }
            answer
        })
    }
}

/// Health checks are nobody's business.
fn begin(request: &Request<Body>) -> Call {
    let method = request.uri().path().trim_start_matches('/');
    if method.starts_with("grpc.") {
        return Call::default();
    }
    Call::begin(method.to_owned(), SpanKind::Client, || {
        let mut attributes =
            vec![KeyValue::new("rpc.system.name", "grpc"), KeyValue::new("rpc.method", method.to_owned())];
        let (host, port) = (request.uri().host(), request.uri().port_u16());
        attributes.extend(host.map(|host| KeyValue::new("server.address", host.to_owned())));
        attributes.extend(port.map(|port| KeyValue::new("server.port", i64::from(port))));
        attributes
    })
}
