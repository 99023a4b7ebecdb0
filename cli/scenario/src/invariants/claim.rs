use serde::{Serialize, Serializer};

/// Something that must hold in the whole history of a shop once it is quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    Paid,
    Returned,
    ChargedOnce,
    Charged,
    Decided,
    Status,
    Totals,
    Told,
    Ordered,
    Founded,
    Contents,
    Applied,
    Replicas,
    Interactions,
    Outbox,
    Settled,
    DeadLetters,
    Money,
}

impl Claim {
    pub const ALL: [Self; 18] = [
        Self::Paid,
        Self::Returned,
        Self::ChargedOnce,
        Self::Charged,
        Self::Decided,
        Self::Status,
        Self::Totals,
        Self::Told,
        Self::Ordered,
        Self::Founded,
        Self::Contents,
        Self::Applied,
        Self::Replicas,
        Self::Interactions,
        Self::Outbox,
        Self::Settled,
        Self::DeadLetters,
        Self::Money,
    ];

    /// As it stands in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Returned => "returned",
            Self::ChargedOnce => "charged-once",
            Self::Charged => "charged",
            Self::Decided => "decided",
            Self::Status => "status",
            Self::Totals => "totals",
            Self::Told => "told",
            Self::Ordered => "ordered",
            Self::Founded => "founded",
            Self::Contents => "contents",
            Self::Applied => "applied",
            Self::Replicas => "replicas",
            Self::Interactions => "interactions",
            Self::Outbox => "outbox",
            Self::Settled => "settled",
            Self::DeadLetters => "dead-letters",
            Self::Money => "money",
        }
    }

    /// The claim in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Paid => "each SUCCESS transaction has one PAID order, and each PAID order one SUCCESS transaction",
            Self::Returned => {
                "a transaction is REFUNDED or VOIDED only where the order is CANCELLED, money back included"
            }
            Self::ChargedOnce => "no order is charged twice",
            Self::Charged => "a transaction is over its order's lines, total and account",
            Self::Decided => "a transaction has the outcome that the provider told, by one webhook",
            Self::Status => "an order takes only steps that are allowed, and has the status that its payments give it",
            Self::Totals => "an order's total is the sum of its lines at their stored prices",
            Self::Told => "each state change has exactly one event (by ce_id)",
            Self::Ordered => "the events of one key are in one partition, in the order of their versions",
            Self::Founded => "no event lacks its state change",
            Self::Contents => "an event tells what is stored, and a redelivery what the first one told",
            Self::Applied => "each event was taken in by recommender and by payment",
            Self::Replicas => "recommender's and payment's products are those of the catalog",
            Self::Interactions => "recommender's interactions are the lines of the orders that were not cancelled",
            Self::Outbox => "the outbox is empty within 5 s of quiet",
            Self::Settled => "payment owes nobody anything",
            Self::DeadLetters => "there are no dead letters but those that are expected",
            Self::Money => "money is a whole number of cents",
        }
    }
}

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
