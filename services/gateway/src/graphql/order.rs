use async_graphql::{ComplexObject, Context, Enum, InputObject, SimpleObject};
use kit::{Cents, telemetry};
use proto::pb;
use serde::Deserialize;

use super::product::{self, Product};
use crate::error::Error;
use crate::session::Session;
use crate::upstream::{self, Upstreams, int};

/// Where an order stands. Nothing follows `PAID` or `CANCELLED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum OrderStatus {
    Pending,
    Paid,
    PaymentFailed,
    Cancelled,
}

impl OrderStatus {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "PENDING" => Some(Self::Pending),
            "PAID" => Some(Self::Paid),
            "PAYMENT_FAILED" => Some(Self::PaymentFailed),
            "CANCELLED" => Some(Self::Cancelled),
            _ => None,
        }
    }

    pub(crate) fn is_final(self) -> bool {
        match self {
            Self::Paid | Self::Cancelled => true,
            Self::Pending | Self::PaymentFailed => false,
        }
    }
}

/// So many of a product.
#[derive(InputObject)]
pub(crate) struct OrderProductInput {
    product_id: String,
    quantity: i32,
}

impl OrderProductInput {
    /// The line as order and payment take it; they refuse 0, and a negative number they can't even be told.
    pub(crate) fn line(self) -> Result<(String, u32), Error> {
        let quantity = u32::try_from(self.quantity).map_err(|_| Error::invalid("quantity must be positive"))?;
        Ok((self.product_id, quantity))
    }
}

/// An order, at the prices of the moment it was made.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Order {
    pub(crate) id: i32,
    account_id: i32,
    total_price: f64,
    /// The total, exactly.
    total_cents: i32,
    pub(crate) status: OrderStatus,
    /// RFC 3339, UTC.
    created_at: String,
    products: Vec<OrderProduct>,
    /// Rises with every change of status.
    #[graphql(skip)]
    pub(crate) version: u64,
}

#[ComplexObject]
impl Order {
    /// What happened to its payment, oldest first.
    #[graphql(complexity = "10 + child_complexity")]
    async fn transactions(&self, ctx: &Context<'_>) -> Result<Vec<Transaction>, Error> {
        let request = upstream::personal(upstream::id("order", self.id)?, ctx.data_unchecked::<Session>())?;
        let result = ctx.data_unchecked::<Upstreams>().payment.clone().list_transactions(request).await;
        upstream::answer("payment", result)?.transactions.into_iter().map(Transaction::try_from).collect()
    }
}

/// A line of an order.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct OrderProduct {
    product_id: String,
    quantity: i32,
    /// What one cost when the order was made, exactly.
    price_cents: i32,
}

#[ComplexObject]
impl OrderProduct {
    /// The product as it is now; null if it is in the catalog no longer.
    async fn product(&self, ctx: &Context<'_>) -> Result<Option<Product>, Error> {
        product::load(ctx, &self.product_id).await
    }
}

/// One of the caller's orders.
pub(crate) async fn load(ctx: &Context<'_>, id: i32) -> Result<Order, Error> {
    let request = upstream::personal(upstream::id("order", id)?, ctx.data_unchecked::<Session>())?;
    let result = ctx.data_unchecked::<Upstreams>().order.clone().get_order(request).await;
    Order::from_answer(upstream::answer("order", result)?.order)
}

impl Order {
    pub(crate) fn from_answer(order: Option<pb::Order>) -> Result<Self, Error> {
        let order = Self::try_from(order.ok_or_else(|| Error::unexpected("order", "an answer without an order"))?)?;
        telemetry::attribute("shop.order.id", i64::from(order.id));
        telemetry::attribute("shop.account.id", i64::from(order.account_id));
        Ok(order)
    }
}

impl TryFrom<pb::Order> for Order {
    type Error = Error;

    fn try_from(order: pb::Order) -> Result<Self, Error> {
        let status = OrderStatus::from_word(&order.status)
            .ok_or_else(|| Error::unexpected("order", format_args!("status {:?}", order.status)))?;
        let products = order.products.into_iter().map(|line| {
            let (quantity, price_cents) = (int("order", line.quantity)?, int("order", line.price_cents)?);
            Ok(OrderProduct { product_id: line.product_id, quantity, price_cents })
        });
        Ok(Self {
            id: int("order", order.id)?,
            account_id: int("order", order.account_id)?,
            total_price: order.total_price,
            total_cents: int("order", order.total_cents)?,
            status,
            created_at: order.created_at,
            products: products.collect::<Result<_, Error>>()?,
            version: order.version,
        })
    }
}

/// An order as its events carry it.
#[derive(Debug, Deserialize)]
pub(crate) struct OrderData {
    order_id: i32,
    account_id: i32,
    total_cents: i32,
    status: OrderStatus,
    version: u64,
    created_at: String,
    products: Vec<LineData>,
}

#[derive(Debug, Deserialize)]
struct LineData {
    product_id: String,
    quantity: i32,
    price_cents: i32,
}

impl OrderData {
    /// `None` if its total is no amount.
    pub(crate) fn order(self) -> Option<Order> {
        let products = self.products.into_iter();
        Some(Order {
            id: self.order_id,
            account_id: self.account_id,
            total_price: Cents::new(self.total_cents.into())?.to_wire(),
            total_cents: self.total_cents,
            status: self.status,
            created_at: self.created_at,
            products: products
                .map(|LineData { product_id, quantity, price_cents }| OrderProduct {
                    product_id,
                    quantity,
                    price_cents,
                })
                .collect(),
            version: self.version,
        })
    }
}

/// Where a payment stands.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum TransactionStatus {
    Pending,
    Success,
    Failed,
    /// The order was cancelled before it was paid.
    Voided,
    /// The order had been cancelled when the money came.
    Refunded,
}

/// One try to pay an order.
#[derive(SimpleObject)]
pub(crate) struct Transaction {
    status: TransactionStatus,
    amount_cents: i32,
    /// RFC 3339, UTC.
    created_at: String,
    /// Whether the order knows how it ended.
    settled: bool,
}

impl TryFrom<pb::Transaction> for Transaction {
    type Error = Error;

    fn try_from(transaction: pb::Transaction) -> Result<Self, Error> {
        let pb::Transaction { status, amount_cents, created_at, settled } = transaction;
        let status = match status.as_str() {
            "PENDING" => TransactionStatus::Pending,
            "SUCCESS" => TransactionStatus::Success,
            "FAILED" => TransactionStatus::Failed,
            "VOIDED" => TransactionStatus::Voided,
            "REFUNDED" => TransactionStatus::Refunded,
            other => return Err(Error::unexpected("payment", format_args!("status {other:?}"))),
        };
        Ok(Self { status, amount_cents: int("payment", amount_cents)?, created_at, settled })
    }
}
