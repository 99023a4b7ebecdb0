use std::sync::Arc;

use async_graphql::futures_util::stream::BoxStream;
use async_graphql::{Data, Executor, Request, Response, ServerError};
use futures::StreamExt;
use futures::stream;
use tokio::sync::Semaphore;
use tonic::Code;

use super::Schema;
use super::telling::{self, Answers, Telling};
use crate::error::Error;

/// Operations under way on one websocket. A subscription asks order once a second.
const OPERATIONS: usize = 20;

/// The schema as one websocket may use it.
#[derive(Clone)]
pub(crate) struct Metered {
    schema: Schema,
    permits: Arc<Semaphore>,
}

impl Metered {
    pub(crate) fn new(schema: Schema) -> Self {
        Self { schema, permits: Arc::new(Semaphore::new(OPERATIONS)) }
    }
}

impl Executor for Metered {
    async fn execute(&self, request: Request) -> Response {
        self.schema.execute(request).await
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let span = telling::begin(&request, session.as_deref());
        let answers = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => Executor::execute_stream(&self.schema, request.data(Telling::default()), session)
                .map(move |response| {
                    // Held until the stream is dropped.
                    let _ = &permit;
                    response
                })
                .boxed(),
            Err(_) => {
                let error = Error::new(Code::ResourceExhausted, "too many operations on this websocket");
                let mut told = ServerError::new(error.to_string(), None);
                told.extensions.get_or_insert_default().set("code", error.code());
                stream::once(async { Response::from_errors(vec![told]) }).boxed()
            }
        };
        Answers::new(answers, span).boxed()
    }
}
