use std::collections::BTreeMap;

use serde::Serialize;

use crate::moment::Stamp;

/// A piece of work that somebody reported. Whoever may send spans may have said anything in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// 32 hexadecimal digits.
    pub trace: String,
    /// 16 hexadecimal digits.
    pub id: String,
    pub parent: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Who did it, by `service.name`.
    pub service: String,
    pub name: String,
    pub kind: Kind,
    pub start: Stamp,
    pub end: Stamp,
    /// What went wrong, if anything did.
    pub error: Option<String>,
    pub attributes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// Which side of a call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// Another span that it has to do with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    pub trace: String,
    pub span: String,
}

/// Something that happened within a span: an exception, say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    pub at: Stamp,
    pub name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// Names under which the number of a try is told.
const ATTEMPT: [&str; 3] = ["shop.attempt", "http.request.resend_count", "attempt"];
/// And why it was not the last one before.
const REASON: [&str; 3] = ["shop.retry.reason", "shop.reason", "reason"];

impl Span {
    fn attribute(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.attributes.get(*name)).map(String::as_str)
    }

    /// The number of the try and its reason, where it is not the first one.
    #[must_use]
    pub fn retry(&self) -> Option<(u32, Option<&str>)> {
        let attempt = self.attribute(&ATTEMPT)?.parse().ok()?;
        (attempt > 1).then(|| (attempt, self.attribute(&REASON)))
    }

    /// Whether it consumed what had had its effect before.
    #[must_use]
    pub fn is_redelivery(&self) -> bool {
        self.attributes.get("shop.redelivered").is_some_and(|text| text == "true")
    }

    /// The order that it is about.
    #[must_use]
    pub fn order(&self) -> Option<i64> {
        self.attributes.get("shop.order.id")?.parse().ok()
    }

    /// What is told of an exception in it; the last one counts.
    #[must_use]
    pub fn exception(marks: &[Mark]) -> Option<String> {
        let exception = marks.iter().rev().find(|mark| mark.name == "exception")?;
        let told = |name: &str| exception.attributes.get(name).filter(|text| !text.is_empty()).cloned();
        told("exception.message").or_else(|| told("exception.type"))
    }
}
