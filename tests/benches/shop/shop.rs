use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::Context as _;
use proto::pb::{self, account_service_client::AccountServiceClient};
use serde_json::Value;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

/// As many products as a page of the catalog has.
const PAGE: usize = 100;

/// A running shop, as its clients know it, and its databases, to look at what no client can see.
pub(crate) struct Shop {
    addresses: Value,
    /// Process ids by resource.
    pub(crate) processes: BTreeMap<String, u32>,
    pub(crate) http: reqwest::Client,
    /// Ids of the catalog when somebody last looked.
    products: RwLock<Arc<[String]>>,
    pub(crate) order_db: PgPool,
    pub(crate) recommender_db: PgPool,
}

impl Shop {
    pub(crate) async fn connect(addresses: Value, status: &Value) -> anyhow::Result<Self> {
        let resources = status["resources"].as_array().context("the status has no resources")?;
        let process = |resource: &Value| {
            let pid = u32::try_from(resource["pid"].as_u64()?).ok()?;
            Some((resource["name"].as_str()?.to_owned(), pid))
        };
        let supervisor = status["supervisor"]["pid"].as_u64().context("the status has no supervisor")?;
        let supervisor = u32::try_from(supervisor)?;
        let database = |name: &str| {
            let url = addresses[name].as_str().with_context(|| format!("{name} has no address"))?;
            anyhow::Ok(PgPoolOptions::new().max_connections(2).connect_lazy(url)?)
        };
        let (order_db, recommender_db) = (database("order_db")?, database("recommender_db")?);
        let shop = Self {
            processes: resources.iter().filter_map(process).chain([("shopctl".to_owned(), supervisor)]).collect(),
            http: reqwest::Client::builder().no_proxy().build()?,
            products: RwLock::default(),
            order_db,
            recommender_db,
            addresses,
        };
        shop.look().await?;
        Ok(shop)
    }

    pub(crate) fn address(&self, name: &str) -> anyhow::Result<&str> {
        self.addresses[name].as_str().with_context(|| format!("{name} has no address"))
    }

    /// A connection for gRPC.
    pub(crate) fn channel(&self, name: &str) -> anyhow::Result<Channel> {
        let url = format!("http://{}", self.address(name)?);
        Ok(Endpoint::from_shared(url)?.tcp_nodelay(true).connect_lazy())
    }

    /// A new account, by name and password; answers with its token.
    pub(crate) async fn register(&self, email: &str, password: &str) -> anyhow::Result<String> {
        let mut account = AccountServiceClient::new(self.channel("account")?);
        let (name, email) = ("A shopper".to_owned(), email.to_owned());
        let request = pb::RegisterRequest { name, email, password: password.to_owned() };
        Ok(account.register(request).await?.into_inner())
    }

    /// An address that nobody had before.
    pub(crate) fn email() -> String {
        format!("bench-{}@example.com", Uuid::new_v4().simple())
    }

    /// The ids of all products, as of the last look.
    pub(crate) fn products(&self) -> Arc<[String]> {
        self.products.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the whole catalog, page by page.
    pub(crate) async fn look(&self) -> anyhow::Result<()> {
        let mut ids = Vec::new();
        let mut cursor = String::new();
        loop {
            let request = self.http.get(format!("{}/products/", self.address("product")?));
            let mut request = request.query(&[("limit", PAGE.to_string())]);
            if !cursor.is_empty() {
                request = request.query(&[("cursor", &cursor)]);
            }
            let page: Value = request.send().await?.error_for_status()?.json().await?;
            let items = page["items"].as_array().context("a page of products has no items")?;
            ids.extend(items.iter().filter_map(|item| Some(item["id"].as_str()?.to_owned())));
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        *self.products.write().unwrap_or_else(PoisonError::into_inner) = ids.into();
        Ok(())
    }

    /// How many events wait to be published.
    pub(crate) async fn waiting(&self) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&self.order_db).await?)
    }
}
