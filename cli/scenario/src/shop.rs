use serde::Deserialize;

/// Where a running shop is, as `shopctl env --json` tells it.
#[derive(Debug, Clone, Deserialize)]
pub struct Shop {
    /// GraphQL, `http://host:port/graphql`.
    pub gateway: String,
    /// REST, `http://host:port`.
    pub product: String,
    /// gRPC, `host:port`.
    pub recommender: String,
    /// gRPC, `host:port`.
    pub payment_grpc: String,
    /// `host:port`.
    pub kafka: String,
    /// `postgres://…`.
    pub recommender_db: String,
}
