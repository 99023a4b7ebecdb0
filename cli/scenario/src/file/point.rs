use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use shopctl_core::failpoint::{Action, Error};

use super::{Placed, read::suggestion};
use crate::points;

/// What a point can do, as people write it.
const TASKS: [&str; 5] = ["abort", "delay(MILLISECONDS)", "panic", "pause", "off"];

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AtPoint {
    /// A service that keeps data.
    #[schemars(schema_with = "services")]
    pub on: Placed<String>,
    /// The point's name in its code.
    #[schemars(schema_with = "names")]
    pub at: Placed<String>,
    /// What happens there.
    #[serde(rename = "do")]
    pub deed: Deed,
}

impl fmt::Display for AtPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", *self.at, self.deed)
    }
}

/// What happens at a point: `1*abort`, `20%delay(200)`, `9*off->abort`.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed(Action);

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Deed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Deed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let action = String::deserialize(deserializer)?.parse();
        action.map(Self).map_err(|error| match error {
            Error::Task(word) => {
                de::Error::custom(format_args!("{word} is nothing that a point does{}", suggestion(&word, &TASKS)))
            }
            Error::Percent(_) | Error::Count(_) => de::Error::custom(error),
        })
    }
}

impl JsonSchema for Deed {
    fn schema_name() -> Cow<'static, str> {
        "Deed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let link = r"\s*(\d+(\.\d+)?%)?(\d+\*)?(abort|delay\(\d+\)|panic|pause|off)\s*";
        json_schema!({
            "type": "string",
            "description": "What happens at a point: abort (the process is gone, as by kill -9), delay(MILLISECONDS), panic, \
                            pause (until it is cleared) or off. 20%abort is how often, 1*abort how many times at most, over \
                            all lives of the process; of several with -> between them, the first that applies is done.",
            "pattern": format!("^{link}(->{link})*$"),
        })
    }
}

fn services(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": points::services() })
}

fn names(_: &mut SchemaGenerator) -> Schema {
    let mut names: Vec<&str> = points::all().map(|(_, point)| point).collect();
    names.sort_unstable();
    names.dedup();
    json_schema!({ "type": "string", "enum": names })
}
