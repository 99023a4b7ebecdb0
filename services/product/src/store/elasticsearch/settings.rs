//! Where the catalog is, as `CATALOG_URL` says it.

use std::fmt;

use reqwest::Url;

const NAME: &str = "catalog";

/// `http://user:password@host:port/prefix`; the password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    base: Url,
    prefix: Option<String>,
}

impl Settings {
    /// # Errors
    /// What is wrong with the URL, without showing it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let mut base = Url::parse(url).map_err(|error| error.to_string())?;
        match base.scheme() {
            "http" => {}
            // One kind of TLS in this workspace would be a second one for its own tests and tools.
            _ => {
                return Err(
                    "only http:// is spoken: put Elasticsearch, or a proxy that speaks TLS to it, on this machine"
                        .to_owned(),
                );
            }
        }
        if base.host().is_none() {
            return Err("it names no host".to_owned());
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err("nothing may follow its path".to_owned());
        }
        let prefix = base.path().trim_matches('/').to_owned();
        let prefix = if prefix.is_empty() { None } else { Some(prefix) };
        if prefix.as_ref().is_some_and(|prefix| !is_prefix(prefix)) {
            return Err("its path is the prefix of the index's name: up to 64 of a-z, 0-9 and -, none of - at an end"
                .to_owned());
        }
        base.set_path("");
        Ok(Self { base, prefix })
    }

    /// With name and password.
    pub(super) fn base(&self) -> Url {
        self.base.clone()
    }

    /// What the index is known by.
    pub(super) fn alias(&self) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}-{NAME}"),
            None => NAME.to_owned(),
        }
    }
}

fn is_prefix(prefix: &str) -> bool {
    prefix.len() <= 64
        && prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !prefix.starts_with('-')
        && !prefix.ends_with('-')
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.base.clone();
        if shown.password().is_some() {
            // It can't fail for a URL with a host.
            let _ = shown.set_password(Some("redacted"));
        }
        formatter.debug_struct("Settings").field("base", &shown.as_str()).field("alias", &self.alias()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_prefix_and_the_password_is_never_shown() {
        let settings = Settings::parse("http://elastic:s3cret%21@127.0.0.1:9200/test-1/").expect("it is right");
        assert_eq!(settings.alias(), "test-1-catalog");
        let shown = format!("{settings:?}");
        assert!(shown.contains("127.0.0.1:9200") && !shown.contains("s3cret"), "{shown}");
        assert_eq!(Settings::parse("http://localhost:9200").expect("it is right").alias(), "catalog");
    }

    #[test]
    fn what_can_not_be_used_is_refused_with_the_reason() {
        for (url, reason) in [
            ("https://localhost:9200", "only http://"),
            ("http://", "host"),
            ("http://localhost/Shop", "prefix"),
            ("http://localhost/a/b", "prefix"),
            ("http://localhost/?a=b", "follow"),
        ] {
            let error = Settings::parse(url).expect_err("refused");
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
