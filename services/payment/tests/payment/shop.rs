//! Payment's service in this process, with everything around it that it needs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kit::auth::{self, Mode, Owner, Signer, Verifier};
use kit::config::Lookup;
use kit::{Service, Shutdown};
use payment::Payment;
use proto::pb;
use proto::pb::payment_service_client::PaymentServiceClient;
use reqwest::header::ACCEPT;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use sqlx::PgPool;
use standardwebhooks::Webhook;
use testkit::eventually;
use testkit::keys::Keys;
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::orders::Orders;

pub(crate) const SECRET: &str = "whsec_b2xkIHNlY3JldCBvZiB0d2VudHktZm91ciBieXRlcw==";
/// What a browser sends.
pub(crate) const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// The account that buys in these tests.
pub(crate) const ALICE: u64 = 7;
pub(crate) const BOB: u64 = 8;
/// Far more than anything here takes, on a machine that compiles meanwhile.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One shop: a database, an order service, one payment service and a way to reach them.
pub(crate) struct Shop {
    pub(crate) orders: Orders,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: PaymentServiceClient<Channel>,
    pub(crate) pool: PgPool,
    pub(crate) client: Client,
    keys: Keys,
    settings: HashMap<&'static str, String>,
    replica: Option<Replica>,
}

/// One running payment service; it ends with this value.
pub(crate) struct Replica {
    pub(crate) http: SocketAddr,
    grpc: SocketAddr,
    shutdown: Shutdown,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Replica {
    async fn start(settings: &HashMap<&'static str, String>) -> Self {
        let payment = Payment::build(config(settings)).await.expect("it starts");
        let (http, grpc) = (payment.http_addr().expect("bound"), payment.grpc_addr().expect("bound"));
        let shutdown = Shutdown::new();
        let running = tokio::spawn(payment.run(shutdown.clone()));
        testkit::ready::grpc(grpc, "pb.PaymentService").await;
        Self { http, grpc, shutdown, running }
    }

    /// An orderly end.
    async fn end(&mut self) {
        self.shutdown.begin();
        (&mut self.running).await.expect("no panic").expect("an orderly end");
    }
}

impl Drop for Replica {
    /// As a kill would end it.
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Shop {
    /// With a database of its own and no broker.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With some variables of the service's environment set otherwise.
    pub(crate) async fn with(overrides: &[(&'static str, &str)]) -> Self {
        let mut shop = Self::closed(overrides).await;
        let replica = Replica::start(&shop.settings).await;
        shop.turn_to(replica.http, replica.grpc);
        shop.replica = Some(replica);
        shop
    }

    /// One whose service does not run: the test starts it, and turns to it.
    pub(crate) async fn closed(overrides: &[(&'static str, &str)]) -> Self {
        let keys = Keys::new("test");
        let verifier = Verifier::load(&auth(&keys, None), Owner::Order).expect("the keys can be read");
        let (orders, address) = Orders::start(verifier).await;
        let mut settings = HashMap::from([
            ("SHOP_INSTANCE", keys.instance().to_owned()),
            ("SHOP_JWKS", keys.jwks().display().to_string()),
            ("SHOP_SIGNING_KEY", keys.signing_key("payment").display().to_string()),
            ("GRPC_ADDR", "127.0.0.1:0".to_owned()),
            ("HTTP_ADDR", "127.0.0.1:0".to_owned()),
            ("ORDER_URL", format!("http://{address}")),
            // Nobody listens there: the service does all but hear events.
            ("KAFKA_BROKERS", "127.0.0.1:1".to_owned()),
            ("WEBHOOK_SECRET", SECRET.to_owned()),
        ]);
        settings.extend(overrides.iter().map(|&(name, value)| (name, value.to_owned())));
        if !settings.contains_key("DATABASE_URL") {
            settings.insert("DATABASE_URL", testkit::postgres::database().await.url);
        }
        Payment::migrate(config(&settings)).await.expect("the schema can be made");
        let pool = PgPool::connect(&settings["DATABASE_URL"]).await.expect("the database answers");
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let (http, grpc) = (nowhere, client(nowhere));
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { orders, http, grpc, pool, client, keys, settings, replica: None }
    }

    /// Another replica beside this one.
    pub(crate) async fn replica(&self) -> Replica {
        Replica::start(&self.settings).await
    }

    /// Ends the service in an orderly way: in a test with a broker it leaves its group before the broker goes.
    pub(crate) async fn end(&mut self) {
        if let Some(mut replica) = self.replica.take() {
            replica.end().await;
        }
    }

    /// The environment that the service was started in.
    pub(crate) fn settings(&self) -> &HashMap<&'static str, String> {
        &self.settings
    }

    /// From now on talks to another payment service, on the same database.
    pub(crate) fn turn_to(&mut self, http: SocketAddr, grpc: SocketAddr) {
        self.http = http;
        self.grpc = client(grpc);
    }

    /// A user's token.
    pub(crate) fn user(&self, account_id: u64) -> String {
        let account_id = i64::try_from(account_id).expect("in range");
        self.signer(Owner::Account).user_token(account_id, &format!("{account_id}@shop.test"))
    }

    pub(crate) fn signer(&self, owner: Owner) -> Signer {
        Signer::load(&auth(&self.keys, Some(self.keys.signing_key(owner.as_str()))), owner)
            .expect("the key can be read")
    }

    /// An order of Alice's over one mug for 12.50.
    pub(crate) fn order(&self) -> u64 {
        self.orders.add(ALICE, &[("mug", 1, 1250)], 1250)
    }

    /// The id of a fresh order's open transaction, and the order's.
    pub(crate) async fn session(&self) -> (u64, String) {
        let order_id = self.order();
        (order_id, self.checkout(order_id).await.expect("a session opens"))
    }

    /// Asks for a session as Alice; gives the transaction's id.
    pub(crate) async fn checkout(&self, order_id: u64) -> Result<String, Status> {
        let request = pb::CreateCheckoutRequest { order_id, ..Default::default() };
        self.ask(&self.user(ALICE), request).await.map(|url| {
            let (base, id) = url.rsplit_once('/').expect("a path");
            assert_eq!(base, format!("http://localhost:{}/simulate_payment", self.http.port()));
            id.to_owned()
        })
    }

    /// The checkout_url that a request with this token gets.
    pub(crate) async fn ask(&self, token: &str, message: pb::CreateCheckoutRequest) -> Result<String, Status> {
        let request = kit::grpc::request(message, Some(token).filter(|token| !token.is_empty()), PATIENCE);
        Ok(self.grpc.clone().create_checkout_session(request).await?.into_inner().checkout_url)
    }

    /// Status and whether it is settled, of each transaction, oldest first, as the order's owner sees them.
    pub(crate) async fn transactions(&self, order_id: u64) -> Vec<(String, bool)> {
        let request: Request<u64> = kit::grpc::request(order_id, Some(&self.user(ALICE)), PATIENCE);
        let answer = self.grpc.clone().list_transactions(request).await.expect("the list");
        answer.into_inner().transactions.into_iter().map(|t| (t.status, t.settled)).collect()
    }

    /// Waits until the order's last transaction is settled as `status`.
    pub(crate) async fn settled(&self, order_id: u64, status: &str) {
        eventually(PATIENCE, &format!("order {order_id} is settled as {status}"), async || {
            let transactions = self.transactions(order_id).await;
            (transactions.last() == Some(&(status.to_owned(), true))).then_some(())
        })
        .await;
    }

    /// What the database holds for a transaction.
    pub(crate) async fn stored(&self, id: &str) -> String {
        let status = sqlx::query_scalar("SELECT status FROM transactions WHERE id = $1").bind(id).fetch_one(&self.pool);
        status.await.expect("it is there")
    }

    /// Whether somebody pressed a button.
    pub(crate) async fn decided(&self, id: &str) -> bool {
        let query = "SELECT EXISTS (SELECT 1 FROM provider_deliveries WHERE transaction_id = $1)";
        sqlx::query_scalar(query).bind(id).fetch_one(&self.pool).await.expect("an answer")
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.expect("a count")
    }

    /// Every row of every table, in an order of its own.
    pub(crate) async fn dump(&self) -> String {
        let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&self.pool).await.expect("the tables");
        let mut dump = String::new();
        for table in tables {
            // The name is the database's own word.
            let rows = format!("SELECT COALESCE(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t");
            let rows: String =
                sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&self.pool).await.expect("the rows");
            dump += &format!("{table}\n{rows}\n");
        }
        dump
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.http))
    }

    /// What a program gets.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// What a person sees.
    pub(crate) async fn browse(&self, path: &str) -> (StatusCode, String) {
        let answer = self.request(Method::GET, path).header(ACCEPT, BROWSER).send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("a page"))
    }

    /// The provider's word, signed now.
    pub(crate) async fn webhook(&self, id: &str, outcome: &str) -> StatusCode {
        self.deliver(&Message::new(&payload(id, outcome))).await
    }

    pub(crate) async fn deliver(&self, message: &Message) -> StatusCode {
        let mut request = self.request(Method::POST, "/webhook/payment").body(message.body.clone());
        for (name, value) in &message.headers {
            request = request.header(*name, value.as_slice());
        }
        request.send().await.expect("an answer").status()
    }
}

/// A webhook as it goes over the line; the reference implementation signs it.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn new(body: &str) -> Self {
        Self::signed(SECRET, OffsetDateTime::now_utc().unix_timestamp(), body)
    }

    pub(crate) fn signed(secret: &str, timestamp: i64, body: &str) -> Self {
        Self::named("msg_test", secret, timestamp, body)
    }

    pub(crate) fn named(id: &str, secret: &str, timestamp: i64, body: &str) -> Self {
        let webhook = Webhook::new(secret).expect("a good secret");
        let signature = webhook.sign(id, timestamp, body.as_bytes()).expect("it is text");
        Self {
            headers: vec![
                ("webhook-id", id.as_bytes().to_vec()),
                ("webhook-timestamp", timestamp.to_string().into_bytes()),
                ("webhook-signature", signature.into_bytes()),
            ],
            body: body.as_bytes().to_vec(),
        }
    }
}

pub(crate) fn payload(id: &str, outcome: &str) -> String {
    serde_json::json!({"transaction_id": id, "status": outcome, "payment_gateway_id": "gateway-1"}).to_string()
}

fn auth(keys: &Keys, signing_key: Option<PathBuf>) -> auth::Config {
    auth::Config { instance: keys.instance().to_owned(), jwks: keys.jwks(), mode: Mode::Required, signing_key }
}

fn config(settings: &HashMap<&'static str, String>) -> payment::Config {
    let settings = settings.clone();
    Payment::config(&Lookup::new(move |name| settings.get(name).cloned())).expect("a good configuration")
}

fn client(grpc: SocketAddr) -> PaymentServiceClient<Channel> {
    PaymentServiceClient::new(kit::grpc::channel(&format!("http://{grpc}")).expect("a good URL"))
}
