//! How long a caller may keep a call waiting for the rest of its message.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use tonic::Status;

/// A request's body that fails with `DEADLINE_EXCEEDED` when its caller sends it too slowly.
pub(super) struct Patience {
    body: Body,
    /// For all of it. What the service itself takes does not count: a long import may go on.
    left: Duration,
    /// Only while there is nothing to read: most messages are there at once and need no timer.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(body: Body, left: Duration) -> Self {
        Self { body, left, waiting: None }
    }
}

impl HttpBody for Patience {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some(waiting) = this.waiting.take() {
                    this.left = waiting.deadline().saturating_duration_since(Instant::now());
                }
                Poll::Ready(frame)
            }
            Poll::Pending => {
                ready!(this.waiting.get_or_insert_with(|| Box::pin(sleep(this.left))).as_mut().poll(cx));
                let status = Status::deadline_exceeded("the rest of the message did not come in time");
                Poll::Ready(Some(Err(axum::Error::new(status))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::task::yield_now;
    use tokio_stream::StreamExt;

    use super::*;

    /// A byte after each `pause`, for ever.
    fn drops<F: Future<Output = ()> + Send + 'static>(pause: impl Fn() -> F + Send + 'static) -> Body {
        let bytes = tokio_stream::iter(std::iter::repeat(Bytes::from_static(b"x")));
        Body::from_stream(bytes.then(move |byte| {
            let pause = pause();
            async move {
                pause.await;
                Ok::<_, Infallible>(byte)
            }
        }))
    }

    #[tokio::test]
    async fn who_sends_a_byte_now_and_then_is_cut_off_as_who_sends_nothing_is() {
        for pause in [Duration::from_millis(5), Duration::from_secs(3600)] {
            let body = drops(move || sleep(pause));
            let mut body = Body::new(Patience::new(body, Duration::from_millis(200))).into_data_stream();
            let error = loop {
                if let Err(error) = body.next().await.expect("it has no end") {
                    break error;
                }
            };
            assert_eq!(Status::from_error(Box::new(error)).code(), tonic::Code::DeadlineExceeded);
        }
    }

    #[tokio::test]
    async fn the_time_that_a_service_takes_is_not_counted() {
        let patience = Duration::from_secs(1);
        let mut body = Body::new(Patience::new(drops(yield_now), patience)).into_data_stream();
        for work in [patience * 3 / 2, Duration::ZERO] {
            body.next().await.expect("it has no end").expect("there was time");
            sleep(work).await;
        }
    }
}
