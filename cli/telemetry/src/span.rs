//! A span as whoever shows it wants it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// 16 bytes, of which not all are 0; as text 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// 8 bytes, of which not all are 0; as text 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

/// A text that is no id of a trace or span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{digits} hexadecimal digits were expected, not all of them 0")]
pub struct NoId {
    digits: usize,
}

macro_rules! id {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// `None` for another length, and for the id that is none: all 0.
            #[must_use]
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let bytes: [u8; $bytes] = bytes.try_into().ok()?;
                (bytes != [0; $bytes]).then_some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = NoId;

            fn from_str(text: &str) -> Result<Self, NoId> {
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| NoId { digits: 2 * $bytes })?;
                Self::from_bytes(&bytes).ok_or(NoId { digits: 2 * $bytes })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(TraceId, 16);
id!(SpanId, 8);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    pub trace: TraceId,
    pub id: SpanId,
    /// `None`: a root.
    pub parent: Option<SpanId>,
    /// Who made it: its `service.name`.
    pub resource: String,
    /// The library that made it.
    pub scope: String,
    pub name: String,
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970, not before `start`.
    pub end: u64,
    pub status: Status,
    #[serde(with = "map")]
    pub attributes: Vec<(String, Value)>,
    pub events: Vec<Event>,
    pub links: Vec<Link>,
}

impl Span {
    /// Nanoseconds.
    #[must_use]
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        find(&self.attributes, key)
    }

    /// An attribute that is text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.attribute(key)?.as_text()
    }

    /// An attribute that is a whole number.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.attribute(key)?.as_integer()
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self.status, Status::Error(_))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl Kind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", content = "message", rename_all = "lowercase")]
pub enum Status {
    Unset,
    Ok,
    /// In words, which may be empty.
    Error(String),
}

/// The value of an attribute. Bytes are text of hexadecimal digits here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    /// There is an attribute, and it has no value.
    Empty,
}

impl Value {
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Boolean(_) | Self::Integer(_) | Self::Float(_) | Self::List(_) | Self::Map(_) | Self::Empty => None,
        }
    }

    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Boolean(_) | Self::Float(_) | Self::Text(_) | Self::List(_) | Self::Map(_) | Self::Empty => None,
        }
    }
}

/// Text as it is; all else as JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(_) | Self::Float(_) | Self::List(_) | Self::Map(_) | Self::Empty => {
                f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
            }
        }
    }
}

/// Something that happened during a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds since 1970.
    pub at: u64,
    pub name: String,
    #[serde(with = "map")]
    pub attributes: Vec<(String, Value)>,
}

impl Event {
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        find(&self.attributes, key)
    }
}

/// Another span that this one has to do with, such as the producer's of what a consumer works on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub trace: TraceId,
    pub span: SpanId,
    #[serde(with = "map")]
    pub attributes: Vec<(String, Value)>,
}

fn find<'a>(attributes: &'a [(String, Value)], key: &str) -> Option<&'a Value> {
    attributes.iter().find_map(|(name, value)| (name == key).then_some(value))
}

/// Attributes are an object in JSON, in their order.
mod map {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{BTreeMap, Value};

    pub(super) fn serialize<S: Serializer>(attributes: &[(String, Value)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(attributes.iter().map(|(key, value)| (key, value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Value)>, D::Error> {
        Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_hexadecimal_and_never_all_zero() {
        let text = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(text.parse::<TraceId>().expect("it is an id").to_string(), text);
        for wrong in ["", "0af7", "00000000000000000000000000000000", "xaf7651916cd43dd8448eb211c80319c"] {
            let error = wrong.parse::<TraceId>().expect_err(wrong).to_string();
            assert!(error.contains("32 hexadecimal digits"), "{error}");
        }
        assert!("b7ad6b7169203331".parse::<SpanId>().is_ok());
    }

    #[test]
    fn a_span_is_the_same_after_json() {
        let span = Span {
            trace: TraceId([1; 16]),
            id: SpanId([2; 8]),
            parent: None,
            resource: "order".to_owned(),
            scope: "order".to_owned(),
            name: "CreateOrder".to_owned(),
            kind: Kind::Server,
            start: 1,
            end: 3,
            status: Status::Error("it is closed".to_owned()),
            attributes: vec![
                ("a".to_owned(), Value::Integer(42)),
                ("b".to_owned(), Value::Float(1.0)),
                ("c".to_owned(), Value::List(vec![Value::Boolean(true), Value::Text("x".to_owned()), Value::Empty])),
            ],
            events: vec![Event { at: 2, name: "exception".to_owned(), attributes: Vec::new() }],
            links: vec![Link { trace: TraceId([3; 16]), span: SpanId([4; 8]), attributes: Vec::new() }],
        };
        let json = serde_json::to_string(&span).expect("it is JSON");
        assert!(json.contains(r#""status":{"code":"error","message":"it is closed"}"#), "{json}");
        assert!(json.contains(r#""attributes":{"a":42,"b":1.0,"c":[true,"x",null]}"#), "{json}");
        assert_eq!(serde_json::from_str::<Span>(&json).expect("it is a span"), span);
    }
}
