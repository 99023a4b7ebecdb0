//! The state machine of an order.

use std::fmt;

/// Where an order stands. `PAID` and `CANCELLED` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Paid,
    PaymentFailed,
    Cancelled,
}

/// What asking for a status means for an order that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It has that status already: fine, and nothing to tell anyone.
    Same,
    Allowed,
    Refused,
}

impl Status {
    pub(crate) const ALL: [Self; 4] = [Self::Pending, Self::Paid, Self::PaymentFailed, Self::Cancelled];

    /// The word on the wire and in the database.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Paid => "PAID",
            Self::PaymentFailed => "PAYMENT_FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// `None` for a word that names no status; case counts.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// The step from this status to `next`.
    pub(crate) const fn step(self, next: Self) -> Step {
        use Status::{Cancelled, Paid, PaymentFailed, Pending};
        match (self, next) {
            (Pending, Pending) | (Paid, Paid) | (PaymentFailed, PaymentFailed) | (Cancelled, Cancelled) => Step::Same,
            (Pending, Paid | PaymentFailed | Cancelled) | (PaymentFailed, Paid | Cancelled) => Step::Allowed,
            (PaymentFailed, Pending)
            | (Paid, Pending | PaymentFailed | Cancelled)
            | (Cancelled, Pending | Paid | PaymentFailed) => Step::Refused,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_status_and_no_other_word_does() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
        }
        for word in ["", "paid", "PAID ", "SHIPPED", "PENDING\0"] {
            assert_eq!(Status::from_word(word), None, "{word:?}");
        }
    }

    #[test]
    fn the_steps_are_those_of_the_design_and_no_others() {
        use Status::{Cancelled, Paid, PaymentFailed, Pending};
        let allowed = [
            (Pending, Paid),
            (Pending, PaymentFailed),
            (Pending, Cancelled),
            (PaymentFailed, Paid),
            (PaymentFailed, Cancelled),
        ];
        for from in Status::ALL {
            for to in Status::ALL {
                let expected = match (from == to, allowed.contains(&(from, to))) {
                    (true, _) => Step::Same,
                    (false, true) => Step::Allowed,
                    (false, false) => Step::Refused,
                };
                assert_eq!(from.step(to), expected, "{from} -> {to}");
            }
        }
    }
}
