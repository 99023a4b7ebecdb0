//! The index behind the alias. Everybody reads and writes through the alias, which stands for one index,
//! `<alias>-<version of the mapping>`. When a program with a newer mapping starts, it blocks writes to the old index, copies
//! it into a new one of its own and moves the alias in one step; if another replica was quicker, its own copy goes; what one
//! has left that was stopped in the middle, the next one that starts removes. Until
//! then reads go on and writes are refused, which their askers see as the catalog being away for a moment.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde::de::IgnoredAny;
use serde_json::json;
use uuid::Uuid;

use super::Error;
use super::client::{Body, Client, LONG};
use super::schema::{VERSION, template};

/// Makes what is missing; it does nothing where all is there.
pub(super) async fn prepare(client: &Client, alias: &str) -> Result<(), Error> {
    put_template(client, alias).await?;
    match standing(client, alias).await? {
        None => create(client, alias).await,
        Some(index) => match version(alias, &index) {
            Some(VERSION) => sweep(client, alias, &index).await,
            Some(older) if older < VERSION => migrate(client, alias, &index).await,
            Some(_) | None => Err(Error::Foreign { alias: alias.to_owned(), found: index }),
        },
    }
}

/// For the names of this version only: it makes nothing else of anybody's. Nothing but [`create`] and [`migrate`] makes an
/// index, so that a write that comes late does not.
async fn put_template(client: &Client, alias: &str) -> Result<(), Error> {
    let body = json!({
        "index_patterns": [format!("{alias}-{VERSION}"), format!("{alias}-{VERSION}-*")],
        "allow_auto_create": false,
        "template": template(),
        "_meta": {"description": "the shop's catalog", "version": VERSION},
    });
    let path = format!("/_index_template/{alias}-{VERSION}");
    client.call::<IgnoredAny>(Method::PUT, &path, Body::Json(body)).await.map(drop)
}

/// The index that the alias stands for.
async fn standing(client: &Client, alias: &str) -> Result<Option<String>, Error> {
    match client.call::<BTreeMap<String, IgnoredAny>>(Method::GET, &format!("/_alias/{alias}"), Body::None).await {
        Ok(indices) => Ok(indices.into_keys().next()),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

fn version(alias: &str, index: &str) -> Option<u32> {
    index.strip_prefix(alias)?.strip_prefix('-')?.split('-').next()?.parse().ok()
}

/// The first index. Replicas that race make the same one.
async fn create(client: &Client, alias: &str) -> Result<(), Error> {
    let index = format!("{alias}-{VERSION}");
    match client.call::<IgnoredAny>(Method::PUT, &format!("/{index}"), Body::None).await {
        Ok(_) => {}
        Err(Error::Refused { status: StatusCode::BAD_REQUEST, kind, .. })
            if kind == "resource_already_exists_exception" => {}
        Err(error) => return Err(error),
    }
    // An alias has one index for writing: two programs with different mappings can't both have it.
    let actions = json!({"actions": [{"add": {"index": index, "alias": alias, "is_write_index": true}}]});
    client.call::<IgnoredAny>(Method::POST, "/_aliases", Body::Json(actions)).await?;
    tracing::info!(%index, "made the catalog's index");
    Ok(())
}

/// Removes copies that somebody has left who was stopped in the middle. A copy that is still being made is as useless: the
/// old index is gone, so the alias cannot move to it.
async fn sweep(client: &Client, alias: &str, standing: &str) -> Result<(), Error> {
    let copies = format!("/{alias}-{VERSION}-*/_alias");
    let copies: BTreeMap<String, IgnoredAny> = client.call(Method::GET, &copies, Body::None).await?;
    for copy in copies.into_keys().filter(|copy| copy != standing) {
        tracing::info!(index = %copy, "removing a copy of the catalog that nobody has finished");
        match client.call::<IgnoredAny>(Method::DELETE, &format!("/{copy}"), Body::None).await {
            Err(error) if !error.is_missing() => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

async fn migrate(client: &Client, alias: &str, old: &str) -> Result<(), Error> {
    // Two copies into one index could bring back what was deleted from it since.
    let own = format!("{alias}-{VERSION}-{}", Uuid::new_v4().simple());
    tracing::info!(from = %old, to = %own, "copying the catalog for a newer mapping");
    client.call::<IgnoredAny>(Method::PUT, &format!("/{old}/_block/write"), Body::None).await?;
    client.call::<IgnoredAny>(Method::PUT, &format!("/{own}"), Body::None).await?;
    let moved = async {
        let copy = json!({"source": {"index": old}, "dest": {"index": own, "op_type": "create"}});
        client.call_within::<IgnoredAny>(LONG, Method::POST, "/_reindex?refresh=true", Body::Json(copy)).await?;
        // Without the old index, which the quickest has removed, nothing of it happens.
        let actions = json!({"actions": [
            {"add": {"index": own, "alias": alias, "is_write_index": true}},
            {"remove_index": {"index": old}},
        ]});
        client.call::<IgnoredAny>(Method::POST, "/_aliases", Body::Json(actions)).await.map(drop)
    };
    let moved = moved.await;
    if moved.is_err() && standing(client, alias).await?.is_none_or(|index| index != own) {
        client.call::<IgnoredAny>(Method::DELETE, &format!("/{own}"), Body::None).await?;
    }
    moved
}
