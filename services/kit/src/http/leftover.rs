//! What a client still sends of a body that is refused.
//!
//! Closing a connection with some of it unread resets it, and a client that sends all before it reads, as many do, would
//! see a broken pipe where it was told 413. So a bounded rest is read and thrown away before the answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::EXPECT;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_stream::StreamExt;

/// Bytes of it.
const MOST: usize = 64 * 1024 * 1024;
/// For all of it.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn discard(request: Request, next: Next) -> Response {
    // Who asks before it sends has been told not to.
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return next.run(request).await;
    }
    let (give_back, mut left) = oneshot::channel();
    let response = next.run(request.map(|body| Body::new(Lent { body, give_back: Some(give_back) }))).await;
    let refused = response.status().is_client_error() && response.status() != StatusCode::REQUEST_TIMEOUT;
    if refused && let Ok(rest) = left.try_recv() {
        let _ = timeout(PATIENCE, read(rest)).await;
    }
    response
}

async fn read(rest: Body) {
    let mut rest = rest.into_data_stream();
    let mut bytes = 0;
    while bytes < MOST
        && let Some(Ok(block)) = rest.next().await
    {
        bytes += block.len();
    }
}

/// A body that comes back when nobody reads it any more.
struct Lent {
    body: Body,
    give_back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(give_back) = self.give_back.take() {
            // Nobody waits for it if all went well.
            let _ = give_back.send(std::mem::take(&mut self.body));
        }
    }
}
