//! The topic configurations that mean something here, with their defaults and limits.

use std::collections::BTreeMap;

/// What a topic's configurations come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Age in milliseconds after which a segment is deleted; `None` keeps everything.
    pub(crate) retention_ms: Option<i64>,
    /// Bytes of a partition above which its oldest segments are deleted; `None` keeps everything.
    pub(crate) retention_bytes: Option<u64>,
    pub(crate) segment_bytes: u64,
    pub(crate) segment_ms: i64,
    pub(crate) max_message_bytes: usize,
}

/// The types that DescribeConfigs tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    List = 7,
}

#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) about: &'static str,
    allowed: Allowed,
}

#[derive(Debug)]
enum Allowed {
    Range(i64, i64),
    Only(&'static str),
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "cleanup.policy",
        kind: Kind::List,
        about: "Old segments are deleted; the embedded broker does not compact.",
        allowed: Allowed::Only("delete"),
    },
    Definition {
        name: "compression.type",
        kind: Kind::String,
        about: "Batches are kept as the producer compressed them.",
        allowed: Allowed::Only("producer"),
    },
    Definition {
        name: "max.message.bytes",
        kind: Kind::Int,
        about: "The largest batch that is taken, in bytes.",
        allowed: Allowed::Range(0, 16 * 1024 * 1024),
    },
    Definition {
        name: "message.timestamp.type",
        kind: Kind::String,
        about: "Records keep the time that the producer gave them.",
        allowed: Allowed::Only("CreateTime"),
    },
    Definition {
        name: "min.insync.replicas",
        kind: Kind::Int,
        about: "There is one replica.",
        allowed: Allowed::Only("1"),
    },
    Definition {
        name: "retention.bytes",
        kind: Kind::Long,
        about: "Bytes of a partition above which its oldest segments are deleted; -1 keeps everything.",
        allowed: Allowed::Range(-1, i64::MAX),
    },
    Definition {
        name: "retention.ms",
        kind: Kind::Long,
        about: "Age in milliseconds after which a segment is deleted; -1 keeps everything.",
        allowed: Allowed::Range(-1, i64::MAX),
    },
    Definition {
        name: "segment.bytes",
        kind: Kind::Int,
        about: "Size of a segment file in bytes.",
        allowed: Allowed::Range(14, i32::MAX as i64),
    },
    Definition {
        name: "segment.ms",
        kind: Kind::Long,
        about: "Age in milliseconds after which a new segment is begun.",
        allowed: Allowed::Range(1, i64::MAX),
    },
];

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention_ms: Some(7 * DAY_MS),
            retention_bytes: None,
            segment_bytes: 64 * 1024 * 1024,
            segment_ms: 7 * DAY_MS,
            max_message_bytes: 1024 * 1024 + 12,
        }
    }
}

impl Settings {
    /// These settings with a topic's own on top, which [`check`] has let through.
    pub(crate) fn overridden(mut self, configs: &BTreeMap<String, String>) -> Self {
        for (name, value) in configs {
            let Ok(number) = value.parse::<i64>() else { continue };
            match name.as_str() {
                "max.message.bytes" => self.max_message_bytes = usize::try_from(number).unwrap_or(0),
                "retention.bytes" => self.retention_bytes = u64::try_from(number).ok(),
                "retention.ms" => self.retention_ms = (number >= 0).then_some(number),
                "segment.bytes" => self.segment_bytes = u64::try_from(number).unwrap_or(0),
                "segment.ms" => self.segment_ms = number,
                _ => {}
            }
        }
        self
    }

    /// The value of a configuration as text.
    pub(crate) fn value(&self, definition: &Definition) -> String {
        let signed = |bytes: Option<u64>| bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        match (&definition.allowed, definition.name) {
            (Allowed::Only(value), _) => (*value).to_owned(),
            (Allowed::Range(..), "max.message.bytes") => self.max_message_bytes.to_string(),
            (Allowed::Range(..), "retention.bytes") => signed(self.retention_bytes).to_string(),
            (Allowed::Range(..), "retention.ms") => self.retention_ms.unwrap_or(-1).to_string(),
            (Allowed::Range(..), "segment.bytes") => self.segment_bytes.to_string(),
            (Allowed::Range(..), _) => self.segment_ms.to_string(),
        }
    }
}

/// Whether a topic may be configured so; the error says what is wrong.
pub(crate) fn check(name: &str, value: &str) -> Result<(), String> {
    let Some(definition) = DEFINITIONS.iter().find(|definition| definition.name == name) else {
        return Err(format!("unknown topic config name: {name}"));
    };
    match definition.allowed {
        Allowed::Only(only) if value == only => Ok(()),
        Allowed::Only(only) => Err(format!("{name} can only be {only} on the embedded broker, not {value}")),
        Allowed::Range(least, most) => match value.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(()),
            Ok(_) | Err(_) => Err(format!("invalid value {value} for {name}: expected {least} to {most}")),
        },
    }
}
