//! Standard Webhooks: an HMAC-SHA256 over the id, the timestamp and the raw body, `v1,<base64>`.
//!
//! Verified here rather than by the `standardwebhooks` crate (the tests compare the two): the crate overflows on extreme
//! timestamps, takes `+5` for `5`, and can't tell a body that is not UTF-8 from a forged one.

use std::fmt;
use std::str::FromStr;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use time::OffsetDateTime;

pub(crate) const ID: &str = "webhook-id";
pub(crate) const TIMESTAMP: &str = "webhook-timestamp";
pub(crate) const SIGNATURE: &str = "webhook-signature";

/// How far a webhook's timestamp may be from our clock, in seconds, either way.
const TOLERANCE: u64 = 300;
/// The longest id that is recorded.
const LONGEST_ID: usize = 255;
/// The fewest bytes of a secret that can't be guessed.
const SHORTEST_SECRET: usize = 24;

/// One secret, or two while they rotate: the first signs, each verifies.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<Vec<u8>>);

/// A webhook that is not known to come from the provider. What is wrong with it is for our log only.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("header {0} is missing, repeated or unreadable")]
    Header(&'static str),
    #[error("the timestamp is {0} s away from our clock")]
    Stale(u64),
    #[error("no signature holds")]
    Signature,
}

impl Secrets {
    /// The signature's header for a message.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mac = self.0.first().map(|secret| mac(secret, id, timestamp, body).finalize().into_bytes());
        format!("v1,{}", STANDARD.encode(mac.unwrap_or_default()))
    }

    /// The id of a message whose headers and raw body hold, at `now`.
    pub(crate) fn verify<'a>(
        &self,
        headers: &'a HeaderMap,
        body: &[u8],
        now: OffsetDateTime,
    ) -> Result<&'a str, Refused> {
        let id = header(headers, ID)?;
        // A dot would let the boundary between id and timestamp move.
        if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(|b| b.is_ascii_graphic() && b != b'.') {
            return Err(Refused::Header(ID));
        }
        let text = header(headers, TIMESTAMP)?;
        let timestamp: i64 = text.parse().map_err(|_| Refused::Header(TIMESTAMP))?;
        if timestamp.to_string() != text {
            return Err(Refused::Header(TIMESTAMP));
        }
        let distance = timestamp.abs_diff(now.unix_timestamp());
        if distance > TOLERANCE {
            return Err(Refused::Stale(distance));
        }
        let expected: Vec<_> = self.0.iter().map(|secret| mac(secret, id, timestamp, body)).collect();
        let holds = header(headers, SIGNATURE)?
            .split(' ')
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            // `verify_slice` takes the same time wherever the bytes differ.
            .any(|given| expected.iter().any(|mac| mac.clone().verify_slice(&given).is_ok()));
        if holds { Ok(id) } else { Err(Refused::Signature) }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Refused> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Refused::Header(name)),
        (Some(_), Some(_)) | (None, _) => Err(Refused::Header(name)),
    }
}

fn mac(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    mac
}

impl FromStr for Secrets {
    type Err = BadSecret;

    /// Reads `whsec_<base64>`, or two of them separated by a space.
    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let secrets = text
            .split_ascii_whitespace()
            .map(|secret| {
                let encoded = secret.strip_prefix("whsec_").ok_or(BadSecret::Shape)?;
                let bytes = STANDARD.decode(encoded).map_err(|_| BadSecret::Shape)?;
                if bytes.len() < SHORTEST_SECRET { Err(BadSecret::Short) } else { Ok(bytes) }
            })
            .collect::<Result<Vec<_>, _>>()?;
        match secrets.len() {
            1 | 2 => Ok(Self(secrets)),
            _ => Err(BadSecret::Count),
        }
    }
}

/// A secret that can't be used. Never shows it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSecret {
    #[error("a secret is whsec_ and standard base64")]
    Shape,
    #[error("a secret has at least {SHORTEST_SECRET} bytes")]
    Short,
    #[error("one secret is needed, or two separated by a space while rotating")]
    Count,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} webhook secret(s)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
