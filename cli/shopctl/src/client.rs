//! What commands ask a running instance for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{args::Global, running};

/// Its addresses, as `env --json` prints them.
///
/// # Errors
/// When it does not run, or its supervisor is gone.
pub(crate) async fn addresses(global: &Global) -> anyhow::Result<BTreeMap<String, Value>> {
    Ok(running::connect(global).await?.environment(None).await?)
}

/// The variables that one of its resources runs with.
///
/// # Errors
/// When it does not run, or has no such resource.
pub(crate) async fn environment(global: &Global, resource: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let values = running::connect(global).await?.environment(Some(resource)).await?;
    Ok(values.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect())
}
