//! The stations of an order's way, and how it stands to each.

use super::{Database, Order, Orders, Payment, Place};
use crate::kafka::Kafka;

/// A station of an order's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Station {
    Created,
    Session,
    Paid,
    Webhook,
    Told,
    Published,
    Applied,
}

impl Station {
    pub(crate) const ALL: [Self; 7] =
        [Self::Created, Self::Session, Self::Paid, Self::Webhook, Self::Told, Self::Published, Self::Applied];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Session => "session opened",
            Self::Paid => "paid at the provider",
            Self::Webhook => "webhook received",
            Self::Told => "order told",
            Self::Published => "event published",
            Self::Applied => "recommender applied",
        }
    }

    /// The same in five columns.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Created => "made",
            Self::Session => "sess",
            Self::Paid => "paid",
            Self::Webhook => "hook",
            Self::Told => "told",
            Self::Published => "publ",
            Self::Applied => "appl",
        }
    }
}

/// How an order stands to a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Passed,
    /// It is waited for.
    Next,
    /// The payment was refused there.
    Refused,
    /// Still far.
    Ahead,
    /// It never gets there, and need not.
    Spared,
    /// Whoever knows is away.
    Unknown,
}

impl Orders {
    /// How an order stands to each station.
    pub(crate) fn marks(&self, order: &Order, kafka: &Kafka) -> [Mark; 7] {
        let next = match self.place(order, kafka) {
            Place::Session => Some(Station::Session),
            Place::Provider | Place::Retry => Some(Station::Paid),
            Place::Webhook(_) => Some(Station::Webhook),
            Place::Telling(_) => Some(Station::Told),
            Place::Publishing => Some(Station::Published),
            Place::Recommender => Some(Station::Applied),
            Place::Groups(_) | Place::Unseen(_) | Place::Nothing => None,
        };
        let known = order.known.as_ref();
        let payment = known.and_then(|known| known.payment.as_ref());
        let is_over = matches!(order.status.as_str(), "PAID" | "CANCELLED");
        let paid = order.status == "PAID";
        Station::ALL.map(|station| {
            let passed = match station {
                Station::Created => true,
                Station::Session => paid || payment.is_some(),
                Station::Paid => paid || payment.is_some_and(|payment| payment.decided.is_some()),
                Station::Webhook => paid || payment.is_some_and(Payment::is_heard),
                Station::Told => paid || payment.is_some_and(|payment| payment.told.is_some()),
                Station::Published => is_over && next != Some(Station::Published),
                Station::Applied => {
                    is_over && next.is_none() && known.is_some_and(|known| known.applied >= Some(order.version))
                }
            };
            let source = match station {
                Station::Created | Station::Published => Database::Order,
                Station::Session | Station::Paid | Station::Webhook | Station::Told => Database::Payment,
                Station::Applied => Database::Recommender,
            };
            let refused = payment.is_some_and(|payment| payment.status == "FAILED");
            match station {
                Station::Paid if refused && !paid && passed => Mark::Refused,
                _ if next == Some(station) => Mark::Next,
                _ if passed => Mark::Passed,
                _ if known.is_none() || self.is_away(source) => Mark::Unknown,
                _ if is_over && source == Database::Payment => Mark::Spared,
                _ => Mark::Ahead,
            }
        })
    }
}
