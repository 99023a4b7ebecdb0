//! The one document that is no product: which places in the order of creation are given away, and which of them are still
//! being filled. A group of products is created when this document says so, and not before.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Error;
use super::client::{Body, Client, Written};
use super::document::now;

const ID: &str = "control";
/// After so long nobody works on a group any more: each call takes a few seconds at most. In ms.
pub(super) const ABANDONED: i64 = 60_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Control {
    /// The last place that was given away.
    pub(super) last: u64,
    pub(super) open: Vec<Open>,
}

/// Creations under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) id: String,
    /// Since when, in ms since 1970.
    pub(super) since: i64,
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Its documents are being written.
    Writing,
    /// All of its documents are there and have to become visible.
    Decided,
}

impl Open {
    pub(super) fn new(id: String) -> Self {
        Self { id, since: now(), state: State::Writing }
    }

    /// In ms.
    pub(super) fn age(&self) -> i64 {
        now() - self.since
    }
}

/// The document as it was last seen, for writing it on the condition that it still is so.
pub(super) struct Handle {
    client: Client,
    alias: String,
    seen: Option<Seen>,
}

struct Seen {
    index: String,
    place: Written,
    control: Control,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "_index")]
    index: String,
    #[serde(flatten)]
    place: Written,
}

#[derive(Deserialize)]
struct Found {
    #[serde(flatten)]
    answer: Answer,
    #[serde(rename = "_source")]
    source: Source,
}

#[derive(Deserialize)]
struct Source {
    control: Control,
}

impl Handle {
    pub(super) fn new(client: Client, alias: String) -> Self {
        Self { client, alias, seen: None }
    }

    /// As it stands now.
    pub(super) async fn read(&mut self) -> Result<Control, Error> {
        let found: Option<Found> = self.client.document(&format!("/{}/_doc/{ID}", self.alias)).await?;
        let Some(Found { answer: Answer { index, place }, source: Source { control } }) = found else {
            self.seen = None;
            return Ok(Control::default());
        };
        self.seen = Some(Seen { index, place, control: control.clone() });
        Ok(control)
    }

    /// Changes it; `change` may be asked again when somebody else was quicker, and tells whether there is anything to write.
    pub(super) async fn change<T>(&mut self, mut change: impl FnMut(&mut Control) -> (T, bool)) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            let mut control = match &self.seen {
                Some(seen) => seen.control.clone(),
                None => self.read().await?,
            };
            let (done, changed) = change(&mut control);
            if !changed {
                return Ok(done);
            }
            let path = match &self.seen {
                // By the index that it was read from: its places mean nothing in the one that may have followed.
                Some(Seen { index, place: Written { seq_no, term }, .. }) => {
                    format!("/{index}/_doc/{ID}?if_seq_no={seq_no}&if_primary_term={term}")
                }
                None => format!("/{}/_create/{ID}?require_alias=true", self.alias),
            };
            // Whatever goes wrong, nobody knows how it stands.
            self.seen = None;
            let body = Body::Json(json!({"control": control, "stands": false}));
            match self.client.call::<Answer>(Method::PUT, &path, body).await {
                Ok(Answer { index, place }) => {
                    self.seen = Some(Seen { index, place, control });
                    return Ok(done);
                }
                Err(error) if error.is_conflict() && tries < 100 => tries += 1,
                Err(error) if error.is_index_missing() && tries < 1 => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }
}
