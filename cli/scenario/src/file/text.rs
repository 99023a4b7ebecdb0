//! Texts in whose place a number may stand, as where `${order.id}` has been filled in.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

pub(super) fn one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(de::Error::custom(format_args!("{other} stands here instead of a text"))),
    }
}

pub(super) fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    one(deserializer).map(Some)
}

pub(super) fn each<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    struct One(#[serde(deserialize_with = "one")] String);
    let all = BTreeMap::<String, One>::deserialize(deserializer)?;
    Ok(all.into_iter().map(|(name, One(text))| (name, text)).collect())
}
