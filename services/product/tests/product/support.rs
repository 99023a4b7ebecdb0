//! A product service to test, in this process or as a program, and a client for it.

use std::path::Path;
use std::time::Duration;

use bus::outbox::Outbox;
use kit::auth::{self, Mode, Owner, Signer};
use kit::{Lookup, Service as _, Shutdown};
use product::store::elasticsearch::Elasticsearch;
use product::store::embedded::Embedded;
use product::{CatalogUrl, Config, Service};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::broker::Broker;
use testkit::elasticsearch;
use testkit::keys::Keys;
use testkit::trials::Server;
use tokio::task::{JoinHandle, spawn_blocking};

/// Longer than anything that is waited for takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) const SELLER: i64 = 7;
pub(crate) const OTHER: i64 = 8;

/// What holds the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Embedded,
    Elasticsearch,
}

impl Server for Store {
    const ALL: &'static [Self] = &[Self::Embedded, Self::Elasticsearch];

    fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Elasticsearch => "elasticsearch",
        }
    }

    fn available(self) -> Result<(), String> {
        match self {
            Self::Embedded => Ok(()),
            Self::Elasticsearch => elasticsearch::available(),
        }
    }
}

/// What every service of a test shares: keys, a place for the catalog, a broker.
pub(crate) struct Setting {
    pub(crate) catalog: String,
    pub(crate) keys: Keys,
    pub(crate) _folder: TempDir,
    pub(crate) broker: Broker,
    pub(crate) auth: &'static str,
}

impl Setting {
    pub(crate) async fn new(store: Store) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let catalog = match store {
            Store::Embedded => format!("embedded://{}", folder.path().join("catalog").display()),
            Store::Elasticsearch => {
                let node = spawn_blocking(elasticsearch::shared).await.expect("it starts");
                format!("{}/{}", node.url(), elasticsearch::prefix())
            }
        };
        Self { catalog, keys: Keys::new("test"), _folder: folder, broker: Broker::start().await, auth: "required" }
    }

    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SHOP_INSTANCE", "test".to_owned()),
            ("SHOP_JWKS", self.keys.jwks().display().to_string()),
            ("SHOP_AUTH", self.auth.to_owned()),
            ("HTTP_ADDR", "127.0.0.1:0".to_owned()),
            ("CATALOG_URL", self.catalog.clone()),
            ("KAFKA_BROKERS", self.broker.brokers()),
        ]
    }

    /// Whether no event waits for the broker any more; nothing may run.
    pub(crate) async fn told_everything(&self) -> bool {
        async fn waiting(mut outbox: impl Outbox) -> bool {
            !outbox.pending(1).await.expect("readable").is_empty()
        }
        let waiting = match self.config().catalog {
            CatalogUrl::Embedded(folder) => waiting(Embedded::open(&folder).expect("it is free").outbox()).await,
            CatalogUrl::Elasticsearch(settings) => {
                waiting(Elasticsearch::open(&settings).await.expect("a client").outbox()).await
            }
        };
        !waiting
    }

    /// A token of `owner`'s key.
    fn signer(&self, owner: Owner) -> Signer {
        let config = auth::Config {
            instance: "test".to_owned(),
            jwks: self.keys.jwks(),
            mode: Mode::Required,
            signing_key: Some(self.keys.signing_key(owner.as_str())),
        };
        Signer::load(&config, owner).expect("the key was just made")
    }

    pub(crate) fn user_token(&self, account_id: i64) -> String {
        self.signer(Owner::Account).user_token(account_id, "seller@example.com")
    }

    pub(crate) fn service_token(&self, owner: Owner) -> String {
        self.signer(owner).service_token(Owner::Product)
    }

    fn config(&self) -> Config {
        let variables = self.variables();
        let lookup =
            Lookup::new(move |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()));
        Service::config(&lookup).expect("the configuration is right")
    }

    pub(crate) async fn start(&self) -> Running {
        let service = Service::build(self.config()).await.expect("it can be built");
        let address = service.address().expect("it is bound");
        let shutdown = Shutdown::new();
        let run = tokio::spawn(service.run(shutdown.clone()));
        Running { client: Client::new(format!("http://{address}")), shutdown, run }
    }
}

/// A service in this process.
pub(crate) struct Running {
    pub(crate) client: Client,
    shutdown: Shutdown,
    run: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        self.run.await.expect("no panic").expect("an orderly end");
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) url: String,
}

/// A status and its JSON body; null if there is none.
pub(crate) type Answer = (StatusCode, Value);

impl Client {
    pub(crate) fn new(url: String) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        Self { http: http.expect("a client"), url }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let request = self.request(method, path).json(body);
        answer(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
        .await
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        self.send(Method::POST, path, token, body).await
    }

    /// Creates a product and returns it.
    pub(crate) async fn create(&self, token: &str, body: &Value) -> Value {
        let (status, product) = self.post("/products/", Some(token), body).await;
        assert_eq!(status, StatusCode::CREATED, "{product}");
        product
    }

    /// The names found by a search.
    pub(crate) async fn names(&self, query: &str) -> Vec<String> {
        let (status, page) = self.get(&format!("/products/search?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        names(&page)
    }

    /// Waits until a search finds something that `wanted` agrees with.
    pub(crate) async fn found(&self, query: &str, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        testkit::eventually(DEADLINE, query, async || Some(self.names(query).await).filter(|names| wanted(names))).await
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    body(request.send().await.expect("it answers")).await
}

pub(crate) async fn body(response: Response) -> Answer {
    let status = response.status();
    let bytes = response.bytes().await.expect("a whole answer");
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
    (status, body)
}

pub(crate) fn names(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("a list of items");
    items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
}

pub(crate) fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("a list of items");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect("it is text")
}

/// Waits until a search finds all of these: they become visible in the order of their creation.
pub(crate) async fn indexed(client: &Client, items: &[Value]) {
    let last = items.last().expect("there are some");
    client
        .found(&format!("q={}", text(last, "sku")), |names| {
            names.first().is_some_and(|name| name == text(last, "name"))
        })
        .await;
}

pub(crate) fn globe() -> Value {
    json!({"name": "INFLATABLE POLITICAL GLOBE", "description": "A globe of air", "price": 0.85, "sku": "10002"})
}

/// The 2,205 products of the fixtures, as the seed sends them.
pub(crate) fn fixtures() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/online-retail-products.csv");
    let table = std::fs::read_to_string(path).expect("the fixtures are there");
    let rows = table.lines().skip(1);
    rows.map(|row| {
        // Names may hold commas and quotes; codes and prices never do.
        let (sku, rest) = row.split_once(',').expect("a code");
        let (name, pence) = rest.rsplit_once(',').expect("a price");
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name).replace("\"\"", "\"");
        let pence: i32 = pence.parse().expect("a number");
        json!({"name": name, "description": "", "price": f64::from(pence) / 100.0, "sku": sku})
    })
    .collect()
}
