//! The named points in the services' code, at which something can be made to happen.

/// A service, the points that checkouts come to, and those that only a repair, an import, poison or the hourly broom
/// comes to, or product on Elasticsearch. Services that have none keep nothing.
const SERVICES: [(&str, &[&str], &[&str]); 6] = [
    ("account", &["register-before-insert", "register-after-insert"], &[]),
    (
        "product",
        &[
            "catalog-before-commit",
            "catalog-after-commit",
            "index-before-commit",
            "index-after-commit",
            "relay-before-publish",
            "relay-before-mark",
            "relay-after-mark",
        ],
        &[
            "change-before-write",
            "change-after-write",
            "create-before-write",
            "create-after-write",
            "group-before-decision",
            "group-after-decision",
            "group-after-settling",
        ],
    ),
    (
        "recommender",
        &["consumer-before-commit", "consumer-after-commit", "consumer-before-store", "consumer-after-store"],
        &["import-before-commit", "import-after-commit", "letter-before-publish", "letter-after-publish"],
    ),
    (
        "order",
        &[
            "prices-before-call",
            "prices-after-call",
            "create-before-commit",
            "create-after-commit",
            "status-before-commit",
            "status-after-commit",
            "relay-before-publish",
            "relay-before-mark",
            "relay-after-mark",
        ],
        &["forget-before-delete", "forget-after-delete"],
    ),
    (
        "payment",
        &[
            "order-before-get",
            "order-after-get",
            "session-before-commit",
            "session-after-commit",
            "decision-before-commit",
            "decision-after-commit",
            "webhook-before-send",
            "webhook-after-send",
            "webhook-before-commit",
            "webhook-after-commit",
            "delivery-before-finish",
            "delivery-after-finish",
            "order-before-tell",
            "order-after-tell",
            "telling-before-settle",
            "telling-after-settle",
            "consumer-before-commit",
            "consumer-after-commit",
            "consumer-before-store",
            "consumer-after-store",
        ],
        &[
            "delivery-after-claim",
            "delivery-before-retry",
            "delivery-after-retry",
            "telling-after-claim",
            "telling-before-retry",
            "telling-after-retry",
            "letter-before-publish",
            "letter-after-publish",
        ],
    ),
    ("gateway", &[], &[]),
];

/// All services, each with the points that checkouts come to.
pub(crate) fn of_checkouts() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    SERVICES.into_iter().map(|(service, points, _)| (service, points))
}

/// All points, each after its service.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = |(service, often, seldom): (&'static str, &'static [&str], &'static [&str])| {
        often.iter().chain(seldom).map(move |point| (service, *point))
    };
    SERVICES.into_iter().flat_map(of)
}

/// Those of one service; none if it has none, or there is no such service.
#[must_use]
pub fn of(service: &str) -> Vec<&'static str> {
    all().filter(|(name, _)| *name == service).map(|(_, point)| point).collect()
}

/// The services that have any.
pub(crate) fn services() -> Vec<&'static str> {
    SERVICES.into_iter().filter(|(_, often, _)| !often.is_empty()).map(|(service, ..)| service).collect()
}
