use std::path::PathBuf;

use serde::Deserialize;

use crate::file::{Database, Upstream};

/// Where a running shop is, as `shopctl env --json` tells it.
#[derive(Debug, Clone, Deserialize)]
pub struct Shop {
    /// GraphQL, `http://host:port/graphql`.
    pub gateway: String,
    /// REST, `http://host:port`.
    pub product: String,
    /// gRPC, `host:port`.
    pub account: String,
    /// gRPC, `host:port`.
    pub recommender: String,
    /// gRPC, `host:port`.
    pub order: String,
    /// gRPC, `host:port`.
    pub payment_grpc: String,
    /// Payment page and webhook, `http://host:port`.
    pub payment_http: String,
    /// `host:port`.
    pub kafka: String,
    /// `postgres://…`.
    pub account_db: String,
    /// `postgres://…`.
    pub recommender_db: String,
    /// `postgres://…`.
    pub order_db: String,
    /// `postgres://…`.
    pub payment_db: String,
    /// `whsec_…`, what webhooks are signed with.
    pub webhook_secret: String,
    /// The socket that its supervisor listens on; without it nothing can be broken, nor logs be read.
    #[serde(skip)]
    pub control: Option<PathBuf>,
}

impl Shop {
    pub(crate) fn database(&self, database: Database) -> &str {
        match database {
            Database::AccountDb => &self.account_db,
            Database::RecommenderDb => &self.recommender_db,
            Database::OrderDb => &self.order_db,
            Database::PaymentDb => &self.payment_db,
        }
    }

    /// Where it speaks HTTP, without a path.
    pub(crate) fn http(&self, upstream: Upstream) -> &str {
        match upstream {
            Upstream::Gateway => self.gateway.strip_suffix("/graphql").unwrap_or(&self.gateway),
            Upstream::Product => &self.product,
            Upstream::Payment => &self.payment_http,
        }
    }
}
