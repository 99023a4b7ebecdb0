//! Webhooks, as the provider sends them, and as others would like to.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

use super::Play;
use crate::{
    file::{Signed, Webhook},
    gateway::chain,
    report::{Expect as _, Failure},
};

impl Play<'_> {
    pub(super) async fn webhook(&self, webhook: &Webhook) -> Result<String, Failure> {
        let body = json!({
            "transaction_id": self.text(&webhook.order, "transaction")?,
            "status": webhook.says,
            "payment_gateway_id": format!("pgw-{}", self.run),
        });
        let (mut body, id) =
            (body.to_string(), webhook.id.clone().unwrap_or_else(|| format!("msg-{}", Uuid::new_v4())));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let timestamp = now.saturating_sub(webhook.age.map_or(0, |age| age.0.as_secs()));
        let secret = match webhook.signed {
            Signed::Well | Signed::Tampered => Some(secret(&self.stage.shop.webhook_secret)?),
            Signed::Forged => Some(vec![7; 32]),
            Signed::Not => None,
        };
        let signature = secret.map(|secret| sign(&secret, &id, timestamp, &body)).transpose()?;
        if webhook.signed == Signed::Tampered {
            body.push(' ');
        }
        let wanted = webhook.status.unwrap_or(200);
        for nth in 1..=webhook.times {
            self.tried(webhook.within, async || {
                let url = format!("{}/webhook/payment", self.stage.shop.payment_http);
                let mut request = self.stage.client.post(url).header("content-type", "application/json");
                request = request.header("webhook-id", &id).header("webhook-timestamp", timestamp);
                if let Some(signature) = &signature {
                    request = request.header("webhook-signature", signature);
                }
                let expected = format!("{wanted} to the webhook, time {nth} of {}", webhook.times);
                let answer = request.body(body.clone()).send().await;
                let answer = answer.map_err(|error| Failure::new(&expected, chain(&error)))?;
                let status = answer.status().as_u16();
                if status == wanted { Ok(()) } else { Err(Failure::new(&expected, status)) }
            })
            .await?;
        }
        Ok(format!("{} answers of {wanted}", webhook.times))
    }
}

/// The bytes of the first secret: the second one is on its way out.
fn secret(text: &str) -> Result<Vec<u8>, Failure> {
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    STANDARD.decode(first.trim_start_matches("whsec_")).expect_that("a webhook secret in Base64")
}

/// Standard Webhooks.
fn sign(secret: &[u8], id: &str, timestamp: u64, body: &str) -> Result<String, Failure> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect_that("a key")?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}
