//! Where the provider's word comes in.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use kit::database::traced;
use kit::telemetry;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;

use super::{Http, failure};
use crate::domain::{Outcome, TransactionId};
use crate::store::Webhook;
use crate::teller;

/// The largest body that is read, in bytes. A webhook has some 150.
pub(super) const LIMIT: usize = 64 * 1024;
/// The longest name that a provider may give a payment.
const LONGEST_GATEWAY_ID: usize = 255;

#[derive(Deserialize)]
struct Payload {
    transaction_id: String,
    status: Outcome,
    payment_gateway_id: String,
}

/// `POST /webhook/payment`. The signature is over the raw bytes, so it is checked before anything is made of them.
pub(super) async fn receive(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return answer(rejection.status(), "the body could not be taken"),
    };
    let webhook_id = match http.secrets.verify(&headers, &body, OffsetDateTime::now_utc()) {
        Ok(id) => id.to_owned(),
        Err(refused) => {
            tracing::warn!(%refused, "refused a webhook");
            return answer(StatusCode::UNAUTHORIZED, "the signature is missing, stale or wrong");
        }
    };
    let Some(payload) = parse(&body) else {
        return answer(StatusCode::BAD_REQUEST, "the body is not {transaction_id, status, payment_gateway_id}");
    };
    let Some(transaction_id) = TransactionId::parse(&payload.transaction_id) else {
        return answer(StatusCode::NOT_FOUND, "unknown transaction");
    };
    let webhook =
        Webhook { webhook_id, transaction_id, outcome: payload.status, payment_gateway_id: payload.payment_gateway_id };
    let traceparent = telemetry::traceparent();
    let received = http.store.receive(&webhook, teller::LEASE, traceparent.as_deref());
    let receipt = match traced("UPDATE transactions", received).await {
        Ok(Some(receipt)) => receipt,
        Ok(None) => return answer(StatusCode::NOT_FOUND, "unknown transaction"),
        Err(error) => {
            let (status, message) = failure(&error);
            return answer(status, message);
        }
    };
    tracing::info!(
        transaction = ?webhook.transaction_id,
        outcome = webhook.outcome.as_str(),
        before = receipt.before.as_str(),
        after = receipt.after.as_str(),
        "took a webhook"
    );
    telemetry::attribute("shop.order.id", receipt.order_id);
    if let Some(telling) = receipt.telling {
        http.teller.begin(telling);
    }
    answer(StatusCode::OK, "received")
}

fn parse(body: &[u8]) -> Option<Payload> {
    let payload: Payload = serde_json::from_slice(body).ok()?;
    let id = &payload.payment_gateway_id;
    let usable = !id.is_empty() && id.len() <= LONGEST_GATEWAY_ID && !id.chars().any(char::is_control);
    usable.then_some(payload)
}

fn answer(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic_and_what_it_takes_can_be_stored(
            bytes: Vec<u8>,
            status in "SUCCESS|FAILED|PENDING|success|",
            id: String,
            more in r#"[\[\]{}",:a-z0-9]{0,20}"#,
        ) {
            let payload = json!({"transaction_id": id, "status": status, "payment_gateway_id": id}).to_string();
            for body in [bytes, payload.clone().into_bytes(), (payload + &more).into_bytes()] {
                if let Some(payload) = parse(&body) {
                    let id = payload.payment_gateway_id;
                    prop_assert!((1..=LONGEST_GATEWAY_ID).contains(&id.len()) && !id.contains('\0'), "{:?}", id);
                }
            }
        }
    }
}
