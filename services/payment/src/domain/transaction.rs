//! A transaction: one try to pay one order.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Names a transaction. Who knows it may pay it, so `Debug` shows only its first characters and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct TransactionId(String);

impl TransactionId {
    /// Random bytes in an id: 192 bits, far beyond guessing.
    const BYTES: usize = 24;

    /// A new one from the operating system's randomness.
    pub(crate) fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; Self::BYTES]>()))
    }

    /// `None` for text that can't be an id of ours, whatever is stored.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (shaped && !text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The whole secret: for the database, the link and the webhook, never for a log.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(6).collect();
        write!(f, "{shown}…")
    }
}

/// What the provider says of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Outcome {
    /// The provider took the money.
    Success,
    /// It did not and will not.
    Failed,
}

impl Outcome {
    /// The word on the wire and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
        }
    }
}

impl FromStr for Outcome {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        [Self::Success, Self::Failed]
            .into_iter()
            .find(|o| o.as_str() == word)
            .ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The provider has not said anything.
    Pending,
    /// The provider took the money.
    Success,
    /// The provider did not; final.
    Failed,
    /// The order was cancelled before the provider said anything.
    Voided,
    /// The provider took the money of a cancelled order and gave it back; final.
    Refunded,
}

impl Status {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Pending, Self::Success, Self::Failed, Self::Voided, Self::Refunded];

    /// The word on the wire and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Voided => "VOIDED",
            Self::Refunded => "REFUNDED",
        }
    }

    /// The status once the provider has said `outcome`; the same one when that comes late or again.
    pub(crate) fn after(self, outcome: Outcome) -> Self {
        match (self, outcome) {
            (Self::Pending, Outcome::Success) => Self::Success,
            (Self::Pending, Outcome::Failed) => Self::Failed,
            (Self::Voided, Outcome::Success) => Self::Refunded,
            (Self::Voided, Outcome::Failed) => Self::Voided,
            (Self::Success | Self::Failed | Self::Refunded, Outcome::Success | Outcome::Failed) => self,
        }
    }

    /// The outcome that order must be told, if any: a voided or refunded transaction's order is cancelled already.
    pub(crate) fn tells(self) -> Option<Outcome> {
        match self {
            Self::Success => Some(Outcome::Success),
            Self::Failed => Some(Outcome::Failed),
            Self::Pending | Self::Voided | Self::Refunded => None,
        }
    }
}

impl FromStr for Status {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|s| s.as_str() == word).ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// A status that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown status {0:?}")]
pub(crate) struct UnknownWord(pub(super) String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_the_provider_decides_and_a_late_success_of_a_voided_one_is_refunded() {
        use Outcome as O;
        use Status::{Failed, Pending, Refunded, Success, Voided};
        let table = [
            (Pending, O::Success, Success),
            (Pending, O::Failed, Failed),
            (Success, O::Success, Success),
            (Success, O::Failed, Success),
            (Failed, O::Success, Failed),
            (Failed, O::Failed, Failed),
            (Voided, O::Success, Refunded),
            (Voided, O::Failed, Voided),
            (Refunded, O::Success, Refunded),
            (Refunded, O::Failed, Refunded),
        ];
        for (before, outcome, after) in table {
            assert_eq!(before.after(outcome), after, "{before:?} after {outcome:?}");
        }
    }

    #[test]
    fn words_and_statuses_map_onto_each_other() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse::<Status>().expect("its own word"), status);
        }
        assert!("paid".parse::<Status>().is_err());
        assert!("success".parse::<Outcome>().is_err());
    }

    #[test]
    fn ids_are_long_never_repeat_and_do_not_show_in_debug() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| TransactionId::random()).collect();
        assert_eq!(ids.len(), 1000);
        for id in &ids {
            assert_eq!(id.expose().len(), 32);
            assert_eq!(TransactionId::parse(id.expose()).as_ref(), Some(id));
            assert!(!format!("{id:?}").contains(&id.expose()[..8]));
        }
    }

    #[test]
    fn what_is_no_id_is_unknown_before_the_database_sees_it() {
        for text in ["", "a b", "a\0", "../x", "ä", &"a".repeat(65)] {
            assert_eq!(TransactionId::parse(text), None, "{text:?}");
        }
    }
}
