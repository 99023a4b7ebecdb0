use std::time::Duration;

use anyhow::Context as _;
use proto::pb::{self, order_service_client::OrderServiceClient, payment_service_client::PaymentServiceClient};
use rand::seq::IndexedRandom as _;
use tokio::time::{Instant, sleep};
use tonic::{Request, metadata::AsciiMetadataValue, transport::Channel};

use crate::{http::Connection, shop::Shop};

/// Lines of each order.
const LINES: usize = 2;
/// Between the first two looks at whether an order is paid; each pause after it is longer by half, ...
const LOOK: Duration = Duration::from_millis(1);
/// ... up to this.
const LONGEST_LOOK: Duration = Duration::from_millis(16);
/// For an order to be paid, with hundreds of others before it.
const SETTLED: Duration = Duration::from_secs(60);

/// Somebody who buys, over connections that are there and used for nothing else.
pub(crate) struct Client<'a> {
    shop: &'a Shop,
    order: OrderServiceClient<Channel>,
    payment: PaymentServiceClient<Channel>,
    pages: Connection,
    bearer: AsciiMetadataValue,
}

impl<'a> Client<'a> {
    /// One of an account of its own, with warm connections.
    pub(crate) async fn arrive(shop: &'a Shop) -> anyhow::Result<Self> {
        let token = shop.register(&Shop::email(), "long enough").await?;
        let mut client = Self {
            shop,
            order: OrderServiceClient::new(shop.channel("order")?),
            payment: PaymentServiceClient::new(shop.channel("payment_grpc")?),
            pages: Connection::open(shop.address("payment_http")?).await?,
            bearer: format!("Bearer {token}").parse()?,
        };
        client.check_out().await?;
        Ok(client)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.bearer.clone());
        request
    }

    /// Orders some of two products.
    pub(crate) async fn order(&mut self) -> anyhow::Result<pb::Order> {
        let products = self.shop.products();
        let ids = products.sample(&mut rand::rng(), LINES);
        let line = |id: &String| pb::OrderProduct { product_id: id.clone(), quantity: 2, ..Default::default() };
        let request = self.request(pb::CreateOrderRequest { account_id: 0, products: ids.map(line).collect() });
        self.order.create_order(request).await?.into_inner().order.context("the answer has no order")
    }

    /// From the order to PAID: as a customer does it who opens the payment page and presses its button.
    pub(crate) async fn check_out(&mut self) -> anyhow::Result<()> {
        let order = self.order().await?.id;
        let request = self.request(pb::CreateCheckoutRequest { order_id: order, ..Default::default() });
        let url = self.payment.create_checkout_session(request).await?.into_inner().checkout_url;
        let page = url.find("/simulate_payment/").map(|at| &url[at..]).context("no address of a payment page")?;
        let page = self.pages.get(page).await?;
        let page: serde_json::Value = serde_json::from_slice(page)?;
        let pay = page["success_url"].as_str().context("the payment page has no button")?;
        self.pages.get(pay).await?;
        self.paid(order).await
    }

    async fn paid(&mut self, order: u64) -> anyhow::Result<()> {
        let (deadline, mut pause) = (Instant::now() + SETTLED, LOOK);
        loop {
            let answer = self.order.get_order(self.request(order)).await?.into_inner();
            if answer.order.is_some_and(|order| order.status == "PAID") {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "order {order} is not paid after {SETTLED:?}");
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_LOOK);
        }
    }
}
