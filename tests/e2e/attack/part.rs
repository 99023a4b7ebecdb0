//! What the attacked shop consists of.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::LazyLock,
};

use testkit::cargo::build;

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

impl Place {
    pub(super) fn free() -> Self {
        Self { http: free_address(), grpc: free_address() }
    }
}

/// Below the ports that Linux gives to outgoing connections: nobody takes it while its owner is dead.
fn free_address() -> SocketAddr {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).and_then(|socket| socket.local_addr()).ok();
    std::iter::repeat_with(|| 10_000 + rand::random::<u16>() % 9_000).find_map(free).expect("there is a free port")
}
