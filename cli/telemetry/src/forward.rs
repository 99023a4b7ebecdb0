//! Passes on what was taken to another collector, which may be slow or away: nobody here waits for it.

mod target;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::uri::PathAndQuery;
use tokio::{sync::Notify, time::sleep};
use tonic::{
    Code,
    client::Grpc,
    transport::{Channel, Endpoint},
};

pub use target::{NoTarget, Protocol, Target};

use crate::{figures::Figures, intake::Signal, receiver::grpc::Raw, seldom::Seldom};

/// Bytes that may wait; then the oldest go.
const ROOM: usize = 16 << 20;
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

#[derive(Debug, Clone)]
pub(crate) struct Forward {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    waiting: Mutex<Waiting>,
    more: Notify,
    figures: Arc<Figures>,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<(Signal, Bytes)>,
    bytes: usize,
}

/// Why a message is not there.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// It may get there later.
    NotYet(String),
    /// It never will.
    Refused(String),
}

impl Forward {
    pub(crate) fn new(target: Target, figures: Arc<Figures>) -> Self {
        Self { shared: Arc::new(Shared { target, waiting: Mutex::default(), more: Notify::new(), figures }) }
    }

    /// Has it sent some time. Where too much waits, the oldest is left out.
    pub(crate) fn offer(&self, signal: Signal, body: Bytes) {
        {
            let mut waiting = self.waiting();
            waiting.bytes += body.len();
            waiting.messages.push_back((signal, body));
            while waiting.bytes > ROOM
                && let Some((_, oldest)) = waiting.messages.pop_front()
            {
                waiting.bytes -= oldest.len();
                self.shared.figures.not_forwarded.add(1);
            }
        }
        self.shared.more.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next(&self) -> (Signal, Bytes) {
        loop {
            let next = {
                let mut waiting = self.waiting();
                let next = waiting.messages.pop_front();
                waiting.bytes -= next.as_ref().map_or(0, |(_, body)| body.len());
                next
            };
            match next {
                Some(next) => return next,
                None => self.shared.more.notified().await,
            }
        }
    }

    /// Sends what is offered, in order, without end.
    pub(crate) async fn run(self) {
        let figures = Arc::clone(&self.shared.figures);
        let sender = Sender::new(&self.shared.target);
        let mut told = Seldom::default();
        let mut tell = |why: &str| {
            if told.is_due(Instant::now()) {
                let (target, not_forwarded) = (&self.shared.target, figures.not_forwarded.get());
                tracing::warn!(%target, not_forwarded, "telemetry is not passed on: {why}");
            }
        };
        let mut missed = 0;
        loop {
            let (signal, body) = self.next().await;
            let mut pause = PAUSE.0;
            loop {
                match sender.send(signal, body.clone()).await {
                    Ok(()) => {
                        figures.forwarded.add(1);
                        break;
                    }
                    Err(Failure::NotYet(why)) => tell(&why),
                    Err(Failure::Refused(why)) => {
                        figures.not_forwarded.add(1);
                        tell(&why);
                        break;
                    }
                }
                sleep(pause).await;
                pause = PAUSE.1.min(pause * 2);
            }
            // A collector that is only too slow refuses nothing.
            let not_forwarded = figures.not_forwarded.get();
            if not_forwarded > missed {
                missed = not_forwarded;
                tell("more comes than the other collector takes");
            }
        }
    }
}

enum Sender {
    Grpc(Channel),
    Http { client: reqwest::Client, base: String },
}

impl Sender {
    fn new(target: &Target) -> Self {
        match target.protocol {
            Protocol::Grpc => Self::Grpc(target.endpoint().timeout(PATIENCE).connect_lazy()),
            Protocol::Http => {
                // Not through a proxy that is set for the rest of the world.
                let client = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
                Self::Http { client, base: target.url.trim_end_matches('/').to_owned() }
            }
        }
    }

    async fn send(&self, signal: Signal, body: Bytes) -> Result<(), Failure> {
        match self {
            Self::Grpc(channel) => {
                let mut client = Grpc::new(channel.clone());
                client.ready().await.map_err(|error| Failure::NotYet(with_causes(&error)))?;
                let path = PathAndQuery::from_static(signal.grpc_path());
                match client.unary(tonic::Request::new(body), path, Raw).await {
                    Ok(_) => Ok(()),
                    Err(status) if is_passing(status.code()) => Err(Failure::NotYet(with_causes(&status))),
                    Err(status) => Err(Failure::Refused(status.to_string())),
                }
            }
            Self::Http { client, base } => {
                let url = format!("{base}{}", signal.http_path());
                let request = client.post(url).header("content-type", "application/x-protobuf").timeout(PATIENCE);
                let response = request.body(body).send().await;
                let status = response.map_err(|error| Failure::NotYet(with_causes(&error)))?.status();
                match status.as_u16() {
                    200..=299 => Ok(()),
                    408 | 429 | 502 | 503 | 504 => Err(Failure::NotYet(format!("it answers with {status}"))),
                    _ => Err(Failure::Refused(format!("it answers with {status}"))),
                }
            }
        }
    }
}

impl Target {
    fn endpoint(&self) -> Endpoint {
        // Its address was checked when it was read.
        Endpoint::from_shared(self.url.clone()).unwrap_or_else(|_| Endpoint::from_static("http://127.0.0.1:4317"))
    }
}

/// As OTLP has it.
fn is_passing(code: Code) -> bool {
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss
        | Code::ResourceExhausted
        // A connection that breaks off.
        | Code::Unknown => true,
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal => false,
    }
}

/// Where the error itself only says that something went wrong, its last cause says what.
fn with_causes(error: &dyn std::error::Error) -> String {
    let last = std::iter::successors(error.source(), |&error| error.source()).last();
    last.map_or_else(|| error.to_string(), |last| format!("{error}: {last}"))
}
