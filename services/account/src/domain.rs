//! What an account is and what may stand in it. Pure: nothing here knows of gRPC or SQL.

use std::fmt;

/// Longest name, in characters.
const NAME_CHARACTERS: usize = 200;
/// Longest e-mail address, in bytes (RFC 5321 lets a path have 256 with its brackets).
const EMAIL_BYTES: usize = 254;
/// Longest password, in bytes. The original had no limit; this one only keeps novels out of the hash.
const PASSWORD_BYTES: usize = 1024;

/// A registered account. `id` is positive and below 2^31.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub id: i64,
    pub name: String,
    pub email: String,
}

/// Why a field of a request is refused. The text names the field and is fit for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("name must not be empty")]
    NameEmpty,
    #[error("name is longer than {NAME_CHARACTERS} characters")]
    NameTooLong,
    #[error("name contains a control character")]
    NameControl,
    #[error("email is not an e-mail address")]
    Email,
    #[error("email is longer than {EMAIL_BYTES} bytes")]
    EmailTooLong,
    #[error("password must not be empty")]
    PasswordEmpty,
    #[error("password is longer than {PASSWORD_BYTES} bytes")]
    PasswordTooLong,
}

/// A person's name, without the space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Invalid::NameEmpty);
        }
        if text.chars().count() > NAME_CHARACTERS {
            return Err(Invalid::NameTooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid::NameControl);
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail address: as it was given, and the key under which it is the same as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email {
    given: String,
    key: String,
}

impl Email {
    /// Lenient on purpose: only a message sent to an address could tell whether it is one, and the original took any.
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let given = text.trim();
        if given.len() > EMAIL_BYTES {
            return Err(Invalid::EmailTooLong);
        }
        let (local, domain) = given.rsplit_once('@').ok_or(Invalid::Email)?;
        if local.is_empty() || domain.is_empty() || given.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Invalid::Email);
        }
        Ok(Self { given: given.to_owned(), key: given.to_lowercase() })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.given
    }

    /// Equal for addresses that are taken as one: `Ada@Example.org` and `ada@example.org`.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

/// A password in the clear. Not printed, not even by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Password {
    pub(crate) fn parse(text: String) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::PasswordEmpty);
        }
        if text.len() > PASSWORD_BYTES {
            return Err(Invalid::PasswordTooLong);
        }
        Ok(Self(text))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_differ_in_case_or_outer_space_are_one() {
        let one = Email::parse(" Ada@Example.org ").expect("a valid address");
        let other = Email::parse("ada@example.ORG").expect("a valid address");
        assert_eq!(one.key(), other.key());
        assert_eq!(one.as_str(), "Ada@Example.org");
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        for text in
            ["", "@", "ada", "ada@", "@example.org", "a da@example.org", "ada@exam\0ple.org", "ada@ex\nample.org"]
        {
            assert_eq!(Email::parse(text), Err(Invalid::Email), "{text:?}");
        }
        let long = format!("{}@example.org", "a".repeat(EMAIL_BYTES));
        assert_eq!(Email::parse(&long), Err(Invalid::EmailTooLong));
    }

    #[test]
    fn a_name_is_trimmed_and_limited_in_characters_not_bytes() {
        assert_eq!(Name::parse("  Grace Hopper ").expect("a valid name").as_str(), "Grace Hopper");
        assert!(Name::parse(&"ß".repeat(NAME_CHARACTERS)).is_ok());
        assert_eq!(Name::parse(&"ß".repeat(NAME_CHARACTERS + 1)), Err(Invalid::NameTooLong));
        assert_eq!(Name::parse(" \t "), Err(Invalid::NameEmpty));
        assert_eq!(Name::parse("a\u{0}b"), Err(Invalid::NameControl));
    }

    #[test]
    fn a_password_is_limited_and_never_printed() {
        assert_eq!(Password::parse(String::new()), Err(Invalid::PasswordEmpty));
        assert!(Password::parse("x".repeat(PASSWORD_BYTES)).is_ok());
        assert_eq!(Password::parse("x".repeat(PASSWORD_BYTES + 1)), Err(Invalid::PasswordTooLong));
        let password = Password::parse("secret".to_owned()).expect("a valid password");
        assert!(!format!("{password:?}").contains("secret"));
    }
}
