//! What the attacked shop consists of.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::LazyLock};

use testkit::{cargo::build, port::Port};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Broker,
    Product,
    Order,
    Payment,
    Recommender,
    Gateway,
}

impl Part {
    pub(super) const ALL: [Self; 6] =
        [Self::Broker, Self::Product, Self::Order, Self::Payment, Self::Recommender, Self::Gateway];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Broker => "shopctl-broker",
            Self::Product => "product",
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Recommender => "recommender",
            Self::Gateway => "gateway",
        }
    }

    pub(super) fn binary(self) -> PathBuf {
        static BUILT: LazyLock<BTreeMap<Part, PathBuf>> =
            LazyLock::new(|| Part::ALL.map(|part| (part, build(part.name(), part.name(), &[]))).into());
        BUILT[&self].clone()
    }
}

/// The services that have a database, each with a cluster of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Database {
    Order,
    Payment,
    Recommender,
}

impl Database {
    pub(super) const ALL: [Self; 3] = [Self::Order, Self::Payment, Self::Recommender];
}

/// Where one process listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
}

/// A [`Place`] that nobody else gets while this lives, also while its process is dead.
pub(super) struct Ports {
    http: Port,
    grpc: Port,
}

impl Ports {
    pub(super) fn reserve() -> Self {
        Self { http: Port::reserve(), grpc: Port::reserve() }
    }

    pub(super) fn place(&self) -> Place {
        Place { http: self.http.address(), grpc: self.grpc.address() }
    }
}
