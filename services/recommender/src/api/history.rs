//! Past baskets as they come from another system.

use proto::pb;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use tokio_stream::StreamExt;
use tonic::{Status, Streaming};

use crate::domain::{self, Basket, Imported, Invalid};
use crate::error::Error;
use crate::store::Store;

/// Baskets that are written together. What follows a basket that is refused is not read; what was written before it
/// stays, and sending it again changes nothing.
const CHUNK: usize = 256;

/// Keeps what is new in the stream; the answer counts that, lines as they were sent.
pub(super) async fn import(
    store: &Store,
    mut baskets: Streaming<pb::ImportedBasket>,
) -> Result<pb::ImportHistoryResponse, Status> {
    let mut response = pb::ImportHistoryResponse::default();
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut lines = Vec::with_capacity(CHUNK);
    loop {
        let basket = baskets.next().await.transpose()?;
        let ended = basket.is_none();
        if let Some(basket) = basket {
            lines.push(basket.lines.len() as u64);
            chunk.push(imported(basket)?);
        }
        if chunk.len() == CHUNK || (ended && !chunk.is_empty()) {
            let new = store.import(&chunk).await?;
            for (_, lines) in new.iter().zip(&lines).filter(|(new, _)| **new) {
                response.baskets += 1;
                response.lines += lines;
            }
            chunk.clear();
            lines.clear();
        }
        if ended {
            return Ok(response);
        }
    }
}

fn imported(basket: pb::ImportedBasket) -> Result<Imported, Error> {
    let pb::ImportedBasket { basket_id, customer, ordered_at, lines } = basket;
    let named = basket_id.clone();
    let imported = || {
        Ok(Imported {
            id: domain::id("basket_id", basket_id)?,
            customer: domain::text("customer", customer)?,
            ordered_at: time(ordered_at)?,
            basket: Basket::new(lines.into_iter().map(|line| (line.product_id, i64::from(line.quantity))))?,
        })
    };
    imported().map_err(|reason| Error::Basket { basket: named, reason })
}

/// RFC 3339; a time without offset counts as UTC.
fn time(text: String) -> Result<OffsetDateTime, Invalid> {
    let local = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]");
    OffsetDateTime::parse(&text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(&text, local).map(PrimitiveDateTime::assume_utc))
        .map_err(|_| Invalid::Time(text))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_time_without_offset_counts_as_utc() {
        for (text, expected) in [
            ("2010-12-01T08:26:00", datetime!(2010-12-01 08:26:00 UTC)),
            ("2010-12-01T08:26:00.5", datetime!(2010-12-01 08:26:00.5 UTC)),
            ("2010-12-01T08:26:00Z", datetime!(2010-12-01 08:26:00 UTC)),
            ("2010-12-01T08:26:00+01:00", datetime!(2010-12-01 07:26:00 UTC)),
        ] {
            assert_eq!(time(text.to_owned()), Ok(expected), "{text}");
        }
        for text in ["", "yesterday", "2010-12-01", "2010-13-01T08:26:00"] {
            assert_eq!(time(text.to_owned()), Err(Invalid::Time(text.to_owned())));
        }
    }
}
