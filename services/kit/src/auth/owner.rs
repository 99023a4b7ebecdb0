use std::fmt;
use std::str::FromStr;

/// Who holds a key: the `kid` of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    Account,
    Product,
    Recommender,
    Order,
    Payment,
    Gateway,
    Shopctl,
}

impl Owner {
    pub const ALL: [Self; 7] =
        [Self::Account, Self::Product, Self::Recommender, Self::Order, Self::Payment, Self::Gateway, Self::Shopctl];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Product => "product",
            Self::Recommender => "recommender",
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Gateway => "gateway",
            Self::Shopctl => "shopctl",
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// No owner of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such key owner")]
pub struct Unknown;

impl FromStr for Owner {
    type Err = Unknown;

    fn from_str(name: &str) -> Result<Self, Unknown> {
        Self::ALL.into_iter().find(|owner| owner.as_str() == name).ok_or(Unknown)
    }
}
