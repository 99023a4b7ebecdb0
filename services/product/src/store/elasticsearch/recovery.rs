//! What a process left behind that died while it created a group, or that could not reach Elasticsearch any more: a decided
//! group becomes visible, one that nobody works on is given up. Replicas may do so at the same time: every step is
//! conditional.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Error;
use super::client::{Body, Client, Written};
use super::control::{ABANDONED, Handle, State};
use super::creator::{settle, settling};
use super::document::Source;

/// Documents in one go; the rest follows.
const BATCH: usize = 5000;

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_id")]
    id: String,
    #[serde(flatten)]
    place: Written,
    #[serde(rename = "_source")]
    source: Source,
}

/// Ends what nobody else will end; of the decided groups those that were begun `settled_after` ms ago or earlier, since their
/// own processes are at it before. Returns the products that became visible: their events wait.
pub(super) async fn recover(
    client: &Client,
    alias: &str,
    control: &mut Handle,
    settled_after: i64,
) -> Result<Vec<String>, Error> {
    let hidden = hidden(client, alias).await?;
    // Read after the documents: a group is noted before they are written.
    let open = control.read().await?.open;
    if open.is_empty() && hidden.is_empty() {
        return Ok(Vec::new());
    }
    let mut settled = Vec::new();
    let decided: BTreeSet<&str> = open
        .iter()
        .filter(|open| open.state == State::Decided && open.age() >= settled_after)
        .map(|open| open.id.as_str())
        .collect();
    if !decided.is_empty() {
        let _: Value = client.call(Method::POST, &format!("/{alias}/_refresh"), Body::None).await?;
        let mut hidden = self::hidden(client, alias).await?;
        hidden.retain(|group, _| decided.contains(group.as_str()));
        for hits in hidden.values() {
            let documents = hits.iter().map(|hit| (hit.id.as_str(), Some(super::document::now()), hit.place));
            settle(client, alias, settling(documents)).await?;
            settled.extend(hits.iter().map(|hit| hit.id.clone()));
        }
        tracing::warn!(products = settled.len(), "created what a process that ended had decided");
    }
    // With a group that was larger than one look, the rest comes with the next.
    let whole = settled.len() < BATCH;
    control
        .change(|control| {
            let before = control.open.len();
            control.open.retain(|open| match open.state {
                State::Decided => !(whole && decided.contains(open.id.as_str())),
                State::Writing => open.age() < ABANDONED,
            });
            ((), control.open.len() < before)
        })
        .await?;
    let known: BTreeSet<&str> = open.iter().map(|open| open.id.as_str()).collect();
    let given_up = hidden.iter().filter(|(group, _)| !known.contains(group.as_str()));
    remove(client, alias, given_up.flat_map(|(_, hits)| hits)).await?;
    Ok(settled)
}

/// Documents that nobody sees, by their groups.
async fn hidden(client: &Client, alias: &str) -> Result<BTreeMap<String, Vec<Hit>>, Error> {
    let search = json!({
        "query": {"exists": {"field": "group"}},
        "size": BATCH,
        "sort": "sequence",
        "seq_no_primary_term": true,
        "_source": {"excludes": ["lexicon", "name", "description", "unpublished"]},
    });
    let hits: Vec<Hit> = client.hits(alias, search).await?;
    let mut groups: BTreeMap<String, Vec<Hit>> = BTreeMap::new();
    for hit in hits {
        if let Some(group) = hit.source.group.clone() {
            groups.entry(group).or_default().push(hit);
        }
    }
    Ok(groups)
}

async fn remove(client: &Client, alias: &str, hits: impl Iterator<Item = &Hit>) -> Result<(), Error> {
    let mut lines = Vec::new();
    for Hit { id, place: Written { seq_no, term }, .. } in hits {
        let delete = json!({"delete": {"_id": id, "if_seq_no": seq_no, "if_primary_term": term}});
        lines.extend_from_slice(format!("{delete}\n").as_bytes());
    }
    if lines.is_empty() {
        return Ok(());
    }
    tracing::warn!("removed what a process that ended had not decided to create");
    settle(client, alias, lines).await
}
