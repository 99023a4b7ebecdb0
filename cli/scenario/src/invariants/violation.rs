use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use serde::{Serialize, Serializer};

use super::{
    Claim,
    history::{Place, Transaction},
};

/// Of one claim so many are told one by one; the rest is only counted.
const TOLD: usize = 100;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    pub claim: Claim,
    /// What it is about, the first one foremost.
    pub objects: Vec<Object>,
    pub expected: String,
    pub found: String,
    /// What shows more of it: a sentence with commands in backquotes.
    pub next: String,
}

/// What a violation can be about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    Order(i64),
    /// Its whole id is a secret, and never shown.
    Transaction(String),
    Product(String),
    /// A `ce_id`.
    Event(String),
    Record(Place),
    /// The dead letter of the record that stands there or, if the letter does not tell, with that key.
    Letter(String),
    /// `order_db.orders.total_cents`, or another place that has no better name.
    Column(String),
}

/// What the rules have found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// At most 100 of each claim.
    pub violations: Vec<Violation>,
    /// How many there are of each claim.
    pub counts: BTreeMap<Claim, usize>,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        claim: Claim,
        objects: impl IntoIterator<Item = Object>,
        expected: impl Display,
        found: impl Display,
    ) {
        let count = self.counts.entry(claim).or_default();
        *count += 1;
        if *count <= TOLD {
            let objects: Vec<Object> = objects.into_iter().collect();
            let (expected, found, next) = (expected.to_string(), found.to_string(), next(claim, &objects));
            self.violations.push(Violation { claim, objects, expected, found, next });
        }
    }

    /// Adds a violation unless both are the same.
    pub(super) fn same<T: PartialEq + Display>(
        &mut self,
        claim: Claim,
        objects: impl IntoIterator<Item = Object>,
        (expected, found): (T, T),
    ) {
        if expected != found {
            self.add(claim, objects, expected, found);
        }
    }
}

impl Findings {
    /// What was found at both looks. What is in the outbox says by itself how long it has been there.
    pub(super) fn both(self, before: &Self) -> Self {
        let before: BTreeSet<&Violation> = before.violations.iter().collect();
        let mut both = Self::default();
        let lasted = |violation: &Violation| violation.claim == Claim::Outbox || before.contains(violation);
        for violation in self.violations.into_iter().filter(lasted) {
            *both.counts.entry(violation.claim).or_default() += 1;
            both.violations.push(violation);
        }
        both
    }
}

fn next(claim: Claim, objects: &[Object]) -> String {
    match claim {
        Claim::Outbox => "`shopctl logs order --grep outbox` tells why they are not published".to_owned(),
        Claim::Settled => "`shopctl logs payment --level warn` tells why".to_owned(),
        Claim::Applied => {
            "`shopctl events lag` and `shopctl logs recommender payment --level warn` tell why".to_owned()
        }
        Claim::Paid
        | Claim::Returned
        | Claim::ChargedOnce
        | Claim::Charged
        | Claim::Decided
        | Claim::Status
        | Claim::Totals
        | Claim::Told
        | Claim::Ordered
        | Claim::Founded
        | Claim::Contents
        | Claim::Replicas
        | Claim::Interactions
        | Claim::DeadLetters
        | Claim::Money => objects.first().map(Object::next).unwrap_or_default(),
    }
}

impl Object {
    fn next(&self) -> String {
        match self {
            Self::Order(id) => format!(
                "`shopctl events --order {id} --pretty`, \
                 `shopctl psql order_db -- -c \"SELECT * FROM whole_orders WHERE id = {id}\"` and \
                 `shopctl psql payment_db -- -c \"SELECT status, amount_cents, settled_at FROM transactions \
                 WHERE order_id = {id}\"` show it"
            ),
            Self::Transaction(id) => {
                // An id is made of letters, digits, `-` and `_`; whatever else stands there is not repeated to a shell.
                let start: String = id.chars().take_while(char::is_ascii_alphanumeric).take(6).collect();
                format!(
                    "`shopctl psql payment_db -- -c \"SELECT order_id, account_id, amount_cents, status, settled_at \
                     FROM transactions WHERE id LIKE '{start}%'\"` shows it"
                )
            }
            Self::Product(id) if id.chars().all(|c| c.is_ascii_alphanumeric()) => format!(
                "`shopctl events product_events --key {id} --pretty`, \
                 `shopctl psql recommender_db -- -c \"SELECT * FROM products WHERE id = '{id}'\"` and \
                 `shopctl psql payment_db -- -c \"SELECT * FROM price_list WHERE product_id = '{id}'\"` show it"
            ),
            Self::Event(_) | Self::Record(_) => {
                "`shopctl events --pretty` shows it, `shopctl logs order product --level warn` may tell who wrote it"
                    .to_owned()
            }
            Self::Letter(_) => "`shopctl events product_events.dlt order_events.dlt --pretty` shows it, \
                 `shopctl events redrive TOPIC.dlt --all` sends it again once that has been mended"
                .to_owned(),
            Self::Product(_) | Self::Column(_) => "`shopctl logs --level warn` may tell more".to_owned(),
        }
    }
}

impl Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Order(id) => write!(f, "order {id}"),
            Self::Transaction(id) => f.write_str(&Transaction::shown(id)),
            Self::Product(id) => write!(f, "product {id}"),
            Self::Event(id) => write!(f, "event {id}"),
            Self::Record(place) => write!(f, "record {place}"),
            Self::Letter(of) => write!(f, "dead letter of {of}"),
            Self::Column(name) => f.write_str(name),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
