//! The payment page and what its buttons do: for a person as HTML, for everyone else as JSON.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use kit::telemetry;
use serde_json::json;

use super::{Http, accept, failure, html};
use crate::domain::{Outcome, Status, TransactionId};
use crate::provider::Decision;
use crate::store::View;

/// `GET /simulate_payment/{transaction_id}`.
pub(super) async fn page(State(http): State<Http>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let reader = Reader::of(&headers);
    match find(&http, &id).await {
        Ok(view) => {
            view.joined();
            let status = if payable(view.status) { StatusCode::OK } else { StatusCode::CONFLICT };
            reader.show(&http, status, &view).await
        }
        Err((status, message)) => reader.say(status, message),
    }
}

/// `GET /simulate_payment_action/{transaction_id}/{outcome}`, as the original's clients have it.
pub(super) async fn act(
    State(http): State<Http>,
    Path((id, word)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let reader = Reader::of(&headers);
    match decide(&http, &id, &word).await {
        Ok((status, view)) => reader.show(&http, status, &view).await,
        Err((status, message)) => reader.say(status, message),
    }
}

/// `POST` of the same: what the page's buttons do. A browser is sent back to the page, so that reloading repeats nothing.
pub(super) async fn press(
    State(http): State<Http>,
    Path((id, word)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let reader = Reader::of(&headers);
    match (decide(&http, &id, &word).await, reader) {
        (Ok((StatusCode::OK, view)), Reader::Person) => {
            Redirect::to(&format!("/simulate_payment/{}", view.id.expose())).into_response()
        }
        (Ok((status, view)), reader) => reader.show(&http, status, &view).await,
        (Err((status, message)), reader) => reader.say(status, message),
    }
}

/// A status and what to say with it.
type Refusal = (StatusCode, &'static str);

async fn decide(http: &Http, id: &str, word: &str) -> Result<(StatusCode, View), Refusal> {
    let outcome: Outcome =
        word.parse().map_err(|_| (StatusCode::BAD_REQUEST, "a payment ends as SUCCESS or FAILED"))?;
    let parsed = TransactionId::parse(id).ok_or(UNKNOWN)?;
    if telemetry::is_exporting() {
        // Before it is decided: what follows from that goes on with the order's trace.
        find(http, id).await?.joined();
    }
    telemetry::join(None);
    let decision = http.provider.decide(&parsed, outcome).await.map_err(|error| failure(&error))?.ok_or(UNKNOWN)?;
    let status = match decision {
        Decision::Holds => StatusCode::OK,
        Decision::Contradicts | Decision::Gone => StatusCode::CONFLICT,
    };
    Ok((status, find(http, id).await?))
}

const UNKNOWN: Refusal = (StatusCode::NOT_FOUND, "unknown transaction");

/// Without a span of its own: only what is found tells in which trace that would be.
async fn find(http: &Http, id: &str) -> Result<View, Refusal> {
    let id = TransactionId::parse(id).ok_or(UNKNOWN)?;
    http.store.view(&id).await.map_err(|error| failure(&error))?.ok_or(UNKNOWN)
}

/// Whether the page still is about a payment: a cancelled order's is gone.
fn payable(status: Status) -> bool {
    match status {
        Status::Pending | Status::Success | Status::Failed => true,
        Status::Voided | Status::Refunded => false,
    }
}

impl View {
    /// The request for it goes on with the order's trace.
    fn joined(&self) {
        telemetry::join(self.traceparent.as_deref());
        telemetry::attribute("shop.order.id", self.order_id);
    }
}

/// What a view says in one sentence.
pub(super) fn message(view: &View) -> &'static str {
    match (view.status, view.decided) {
        (Status::Pending, None) => "This payment waits for you.",
        (Status::Pending, Some(Outcome::Success)) => "Your payment is being processed.",
        (Status::Pending, Some(Outcome::Failed)) => "The payment is being called off.",
        (Status::Success, _) => "Your payment went through. Thank you!",
        (Status::Failed, _) => "This payment was not made. Check out again to pay the order.",
        (Status::Voided, _) => "The order was cancelled: there is nothing to pay.",
        (Status::Refunded, _) => "The order was cancelled: your money was given back.",
    }
}

/// Who reads the answer.
#[derive(Clone, Copy)]
enum Reader {
    Person,
    Program,
}

impl Reader {
    fn of(headers: &HeaderMap) -> Self {
        if accept::prefers_html(headers) { Self::Person } else { Self::Program }
    }

    async fn show(self, http: &Http, status: StatusCode, view: &View) -> Response {
        match self {
            Self::Person => match http.store.bill(&view.id).await {
                Ok(bill) => html::payment(status, view, &bill),
                Err(error) => {
                    let (status, message) = failure(&error);
                    self.say(status, message)
                }
            },
            Self::Program => {
                let mut body = json!({
                    "message": message(view),
                    "status": view.status.as_str(),
                    "amount_cents": view.amount_cents,
                });
                if payable(view.status) {
                    body["success_url"] = action(view, Outcome::Success).into();
                    body["fail_url"] = action(view, Outcome::Failed).into();
                }
                (status, Json(body)).into_response()
            }
        }
    }

    fn say(self, status: StatusCode, message: &str) -> Response {
        match self {
            Self::Person => html::note(status, message),
            Self::Program => (status, Json(json!({ "message": message }))).into_response(),
        }
    }
}

/// Where a decision is made.
pub(super) fn action(view: &View, outcome: Outcome) -> String {
    format!("/simulate_payment_action/{}/{}", view.id.expose(), outcome.as_str())
}
