//! The simulated payment provider. It stands for somebody else's service: it takes a person's decision down, and then
//! sends the signed webhook to this service's public door, over HTTP, until it is answered. The first decision counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kit::database::traced;
use kit::http::outgoing;
use kit::{Shutdown, crash, telemetry};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use time::OffsetDateTime;
use tracing::Instrument;

use crate::backoff;
use crate::domain::{Outcome, TransactionId};
use crate::signature::{self, Secrets};
use crate::store::{self, Decided, Delivery, Store};
use crate::worker::{self, Pass, Queue};

/// How many webhooks are sent at once.
const BATCH: usize = 16;
/// The longest that one webhook may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than a webhook may take: nobody else sends it meanwhile. It is also how long one waits whose sender was killed.
const LEASE: Duration = Duration::from_secs(5);
/// How long a person waits for the first try of the webhook; then the page says that it is under way.
const PATIENCE: Duration = Duration::from_secs(3);

/// Cheap to clone; clones share everything.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Inner>);

struct Inner {
    store: Store,
    secrets: Secrets,
    client: reqwest::Client,
    address: SocketAddr,
}

/// What came of a decision.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It holds: now, or since the same one was made before.
    Holds,
    /// The other one was made before.
    Contradicts,
    /// There is nothing left to decide: the order is cancelled.
    Gone,
}

impl Provider {
    /// `address` is where this service's own webhook is served.
    pub(crate) fn new(store: Store, secrets: Secrets, address: SocketAddr) -> reqwest::Result<Self> {
        // The webhook goes to this machine: a proxy of the environment has no business in it.
        let client =
            reqwest::Client::builder().timeout(TIMEOUT).pool_idle_timeout(kit::http::CLIENT_IDLE).no_proxy().build()?;
        Ok(Self(Arc::new(Inner { store, secrets, client, address: reachable(address) })))
    }

    /// The host name under which it calls the webhook.
    pub(crate) fn host(&self) -> String {
        match self.0.address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        }
    }

    /// Decides a transaction and gives the webhook a moment to arrive. `None` if there is no such transaction.
    pub(crate) async fn decide(&self, id: &TransactionId, outcome: Outcome) -> Result<Option<Decision>, store::Error> {
        let traceparent = telemetry::traceparent();
        let decided = self.0.store.decide(id, outcome, LEASE, traceparent.as_deref());
        let decision = match traced("INSERT provider_deliveries", decided).await? {
            None => return Ok(None),
            Some(Decided::Now(delivery)) => {
                // On its own, so that a person who goes away does not stop it.
                let sending = tokio::spawn(self.clone().deliver(delivery).in_current_span());
                if tokio::time::timeout(PATIENCE, sending).await.is_err() {
                    tracing::warn!("the first try of the webhook takes long, the page says so");
                }
                Decision::Holds
            }
            Some(Decided::Before(before)) if before == outcome => Decision::Holds,
            Some(Decided::Before(_)) => Decision::Contradicts,
            Some(Decided::Gone) => Decision::Gone,
        };
        Ok(Some(decision))
    }

    /// Sends what is due until the shutdown drains.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        // Nothing wakes it: a decision sends its own webhook at once, and only what failed waits here.
        worker::run(&self, &shutdown).await;
    }

    /// Sends a claimed webhook once and takes the answer down. If even that fails, the lease ends and it is sent again:
    /// its receiver knows replays.
    async fn deliver(self, delivery: Delivery) {
        let recorded = match self.send(&delivery).await {
            Ok(status) if status.is_server_error() => self.put_off(&delivery, status.as_str()).await,
            Ok(status) => {
                if !status.is_success() {
                    tracing::error!(%status, "the webhook was refused, the provider gives up");
                }
                self.0.store.finish_delivery(&delivery.id, status.as_str()).await
            }
            Err(error) => {
                let error = telemetry::chain(&error).to_string();
                self.put_off(&delivery, &error).await
            }
        };
        if let Err(error) = recorded {
            tracing::warn!(%error, "the webhook's answer could not be recorded, it will be sent again");
        }
    }

    async fn put_off(&self, delivery: &Delivery, answer: &str) -> Result<(), store::Error> {
        let delay = backoff::delay(delivery.attempts, rand::random());
        tracing::warn!(answer, attempts = delivery.attempts, ?delay, "the webhook did not arrive, again later");
        self.0.store.retry_delivery(&delivery.id, delay, answer).await
    }

    async fn send(&self, delivery: &Delivery) -> reqwest::Result<StatusCode> {
        let body = serde_json::json!({
            "transaction_id": delivery.id.expose(),
            "status": delivery.outcome,
            "payment_gateway_id": delivery.payment_gateway_id,
        })
        .to_string();
        // Signed anew at each try: a receiver that comes back after hours must not find it stale.
        let timestamp = OffsetDateTime::now_utc().unix_timestamp();
        let url = format!("http://{}/webhook/payment", self.0.address);
        let mut request = self
            .0
            .client
            .post(&url)
            .header(CONTENT_TYPE, "application/json")
            .header(signature::ID, &delivery.webhook_id)
            .header(signature::TIMESTAMP, timestamp)
            .header(signature::SIGNATURE, self.0.secrets.sign(&delivery.webhook_id, timestamp, body.as_bytes()));
        let mut call = outgoing::begin("POST", "/webhook/payment", &url);
        call.set("http.request.resend_count", i64::from(delivery.attempts.saturating_sub(1)));
        if let Some(traceparent) = call.traceparent().or_else(telemetry::traceparent) {
            request = request.header(telemetry::TRACEPARENT, traceparent);
        }
        crash::point("webhook-before-send");
        let answer = request.body(body).send().await;
        crash::point("webhook-after-send");
        match &answer {
            Ok(answer) => outgoing::answered(&mut call, answer.status().as_u16()),
            Err(error) => call.failed("transport", telemetry::chain(error)),
        }
        Ok(answer?.status())
    }
}

impl Queue for Provider {
    const NAME: &'static str = "the provider";

    async fn pass(&self) -> Result<Pass, store::Error> {
        let claimed = self.0.store.claim_deliveries(BATCH as i64, LEASE).await?;
        let pass = if claimed.len() == BATCH { Pass::Full } else { Pass::Done };
        join_all(claimed.into_iter().map(|delivery| {
            let span = tracing::info_span!("send webhook", transaction = ?delivery.id);
            if let Some(traceparent) = &delivery.traceparent {
                telemetry::set_parent(&span, traceparent);
            }
            crash::point("delivery-after-claim");
            self.clone().deliver(delivery).instrument(span)
        }))
        .await;
        Ok(pass)
    }
}

/// Where a listener is reached from its own machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
