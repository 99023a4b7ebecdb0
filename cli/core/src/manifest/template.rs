//! Values with `${…}` in them, which each instance fills in its own way.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

/// Text with references to what is known only once an instance exists.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Reference(Reference),
}

/// What stands between `${` and `}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `port.RESOURCE.NAME`
    Port { resource: String, name: String },
    /// `secret.NAME`: its value
    Secret(String),
    /// `key.OWNER`: the path of a private key
    Key(String),
    /// `jwks`: the path of everyone's public keys
    Jwks,
    /// `address.NAME`
    Address(String),
    /// `dir.data`, `dir.workspace`, `dir.bin`
    Dir(Dir),
    /// `instance`: its name
    Instance,
    /// `profile`: `debug` or `release`, as the binaries are wanted
    Profile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dir {
    /// What `down --volumes` removes; also a user without rights can get there.
    Data,
    Workspace,
    /// Where the build puts the binaries.
    Bin,
}

/// What an instance knows.
pub trait Values {
    fn port(&self, resource: &str, name: &str) -> Option<u16>;
    fn secret(&self, name: &str) -> Option<String>;
    fn key(&self, owner: &str) -> Option<String>;
    fn jwks(&self) -> String;
    fn address(&self, name: &str) -> Option<String>;
    fn dir(&self, dir: Dir) -> String;
    fn instance(&self) -> String;
    fn profile(&self) -> String;
}

/// A reference that the instance cannot fill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing is known about {0}")]
pub struct Unknown(pub String);

impl Template {
    /// The text with every reference filled in.
    ///
    /// # Errors
    /// When the instance does not know one of them.
    pub fn fill(&self, values: &impl Values) -> Result<String, Unknown> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Reference(reference) => text.push_str(&reference.value(values)?),
            }
        }
        Ok(text)
    }

    /// The text, if it refers to nothing.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            [Part::Reference(_)] | [_, ..] => None,
        }
    }

    /// Everything that it refers to.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Reference(reference) => Some(reference),
        })
    }
}

impl Reference {
    fn value(&self, values: &impl Values) -> Result<String, Unknown> {
        let value = match self {
            Self::Port { resource, name } => values.port(resource, name).map(|port| port.to_string()),
            Self::Secret(name) => values.secret(name),
            Self::Key(owner) => values.key(owner),
            Self::Jwks => Some(values.jwks()),
            Self::Address(name) => values.address(name),
            Self::Dir(dir) => Some(values.dir(*dir)),
            Self::Instance => Some(values.instance()),
            Self::Profile => Some(values.profile()),
        };
        value.ok_or_else(|| Unknown(self.to_string()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('.').collect();
        match parts.as_slice() {
            ["port", resource, name] => Ok(Self::Port { resource: (*resource).to_owned(), name: (*name).to_owned() }),
            ["secret", name] => Ok(Self::Secret((*name).to_owned())),
            ["key", owner] => Ok(Self::Key((*owner).to_owned())),
            ["jwks"] => Ok(Self::Jwks),
            ["address", name] => Ok(Self::Address((*name).to_owned())),
            ["dir", "data"] => Ok(Self::Dir(Dir::Data)),
            ["dir", "workspace"] => Ok(Self::Dir(Dir::Workspace)),
            ["dir", "bin"] => Ok(Self::Dir(Dir::Bin)),
            ["instance"] => Ok(Self::Instance),
            ["profile"] => Ok(Self::Profile),
            _ => Err(format!(
                "`${{{text}}}` is none of port.RESOURCE.NAME, secret.NAME, key.OWNER, jwks, address.NAME, \
                 dir.data, dir.workspace, dir.bin, instance, profile"
            )),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { resource, name } => write!(f, "port {name} of {resource}"),
            Self::Secret(name) => write!(f, "secret {name}"),
            Self::Key(owner) => write!(f, "the key of {owner}"),
            Self::Jwks => f.write_str("the public keys"),
            Self::Address(name) => write!(f, "address {name}"),
            Self::Dir(_) => f.write_str("a directory"),
            Self::Instance => f.write_str("the instance"),
            Self::Profile => f.write_str("the profile"),
        }
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    /// `$${` stands for a plain `${`.
    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("${") {
            if let Some(plain) = rest[..at].strip_suffix('$') {
                literal.push_str(plain);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            let Some(length) = rest[at..].find('}') else {
                return Err(format!("`{}` has no end", &rest[at..]));
            };
            literal.push_str(&rest[..at]);
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Reference(Reference::parse(&rest[at + 2..at + length])?));
            rest = &rest[at + length + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }
}

/// A duration as `250ms`, `5s` or `2m`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong_duration(&text))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(wrong_duration(&text)),
    }
}

fn wrong_duration<E: de::Error>(text: &str) -> E {
    E::custom(format!("`{text}` is no duration such as 250ms, 5s or 2m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Values for Fixed {
        fn port(&self, resource: &str, name: &str) -> Option<u16> {
            (resource == "order" && name == "grpc").then_some(10_053)
        }
        fn secret(&self, name: &str) -> Option<String> {
            (name == "webhook").then(|| "whsec_x".to_owned())
        }
        fn key(&self, owner: &str) -> Option<String> {
            Some(format!("/keys/{owner}.pem"))
        }
        fn jwks(&self) -> String {
            "/keys/jwks.json".to_owned()
        }
        fn address(&self, _: &str) -> Option<String> {
            None
        }
        fn dir(&self, dir: Dir) -> String {
            format!("/{dir:?}")
        }
        fn instance(&self) -> String {
            "default".to_owned()
        }
        fn profile(&self) -> String {
            "debug".to_owned()
        }
    }

    fn fill(text: &str) -> Result<String, String> {
        Template::try_from(text.to_owned())?.fill(&Fixed).map_err(|error| error.to_string())
    }

    #[test]
    fn references_are_filled_and_all_else_stays() {
        for (template, filled) in [
            ("", ""),
            ("plain $HOME {x}", "plain $HOME {x}"),
            ("http://127.0.0.1:${port.order.grpc}/x", "http://127.0.0.1:10053/x"),
            ("${secret.webhook} ${instance} ${profile}", "whsec_x default debug"),
            ("${key.order}:${jwks}:${dir.data}", "/keys/order.pem:/keys/jwks.json:/Data"),
            ("$${instance}", "${instance}"),
        ] {
            assert_eq!(fill(template).as_deref(), Ok(filled), "{template}");
        }
    }

    #[test]
    fn what_nobody_knows_is_named() {
        assert_eq!(fill("${port.order.http}"), Err("nothing is known about port http of order".to_owned()));
        assert!(fill("${prot.order.http}").is_err_and(|error| error.contains("prot.order.http")));
        assert!(fill("a ${instance").is_err_and(|error| error.contains("no end")));
    }
}
