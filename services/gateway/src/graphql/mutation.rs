use async_graphql::{Context, MaybeUndefined, Object, SimpleObject};
use kit::auth::Caller;
use kit::telemetry;
use proto::pb;
use tonic::Code;
use tonic::metadata::AsciiMetadataValue;

use super::account::AuthResponse;
use super::order::{Order, OrderProductInput};
use super::product::{self, Product};
use crate::error::Error;
use crate::session::Session;
use crate::upstream::catalog::Draft;
use crate::upstream::{self, LOGIN_DEADLINE, Upstreams};

pub(crate) struct Mutation;

/// Where an order is paid.
#[derive(SimpleObject)]
pub(crate) struct CheckoutResponse {
    /// The payment page. Who has the link may pay.
    checkout_url: String,
}

#[Object]
impl Mutation {
    /// Opens an account and logs in.
    #[graphql(complexity = "20 + child_complexity")]
    async fn register(
        &self,
        ctx: &Context<'_>,
        name: String,
        email: String,
        password: String,
    ) -> Result<AuthResponse, Error> {
        let request = upstream::public(pb::RegisterRequest { name, email, password }, LOGIN_DEADLINE);
        let result = ctx.data_unchecked::<Upstreams>().account.clone().register(request).await;
        Ok(AuthResponse { token: upstream::answer("account", result)? })
    }

    /// Gives a new token.
    #[graphql(complexity = "20 + child_complexity")]
    async fn login(&self, ctx: &Context<'_>, email: String, password: String) -> Result<AuthResponse, Error> {
        let request = upstream::public(pb::LoginRequest { email, password }, LOGIN_DEADLINE);
        let result = ctx.data_unchecked::<Upstreams>().account.clone().login(request).await;
        Ok(AuthResponse { token: upstream::answer("account", result)? })
    }

    /// Orders products at their present prices.
    #[graphql(complexity = "20 + child_complexity")]
    async fn create_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(deprecation = "The token tells the account; if given, it must be the same.")] account_id: Option<i32>,
        products: Vec<OrderProductInput>,
        #[graphql(
            desc = "1 to 255 visible ASCII characters. For a day, a call with the same key gives the same order."
        )]
        idempotency_key: Option<String>,
    ) -> Result<Order, Error> {
        let account_id = upstream::account(account_id)?;
        let products = products.into_iter().map(|product| {
            let (product_id, quantity) = product.line()?;
            Ok(pb::OrderProduct { product_id, quantity, price_cents: 0 })
        });
        let message = pb::CreateOrderRequest { account_id, products: products.collect::<Result<_, Error>>()? };
        let mut request = upstream::personal(message, ctx.data_unchecked::<Session>())?;
        if let Some(key) = idempotency_key {
            request.metadata_mut().insert("idempotency-key", visible(&key)?);
        }
        let result = ctx.data_unchecked::<Upstreams>().order.clone().create_order(request).await;
        Order::from_answer(upstream::answer("order", result)?.order)
    }

    /// Cancels an order that is not paid.
    #[graphql(complexity = "20 + child_complexity")]
    async fn cancel_order(&self, ctx: &Context<'_>, order_id: i32) -> Result<Order, Error> {
        let request = upstream::personal(upstream::id("order", order_id)?, ctx.data_unchecked::<Session>())?;
        let result = ctx.data_unchecked::<Upstreams>().order.clone().cancel_order(request).await;
        Order::from_answer(upstream::answer("order", result)?.order)
    }

    /// Tells where an order is paid. What is charged is the order's total.
    #[graphql(complexity = "20 + child_complexity")]
    async fn checkout(
        &self,
        ctx: &Context<'_>,
        #[graphql(deprecation = "The token tells the account; if given, it must be the same.")] user_id: Option<i32>,
        order_id: i32,
        #[graphql(deprecation = "The token tells the e-mail address; if given, it must be the same.")] email: Option<
            String,
        >,
        #[graphql(deprecation = "The order tells its products; if given, they must be the same.")] products: Option<
            Vec<OrderProductInput>,
        >,
    ) -> Result<CheckoutResponse, Error> {
        let session = ctx.data_unchecked::<Session>();
        let user_id = upstream::account(user_id)?;
        let email = email.unwrap_or_default();
        same_address(session, &email)?;
        let products = products.unwrap_or_default().into_iter().map(|product| {
            let (product_id, quantity) = product.line()?;
            Ok(pb::CartItem { product_id, quantity: quantity.into() })
        });
        let products = products.collect::<Result<_, Error>>()?;
        telemetry::attribute("shop.order.id", i64::from(order_id));
        let order_id = upstream::id("order", order_id)?;
        let message = pb::CreateCheckoutRequest { user_id, order_id, email, products };
        let request = upstream::personal(message, session)?;
        let result = ctx.data_unchecked::<Upstreams>().payment.clone().create_checkout_session(request).await;
        Ok(CheckoutResponse { checkout_url: upstream::answer("payment", result)?.checkout_url })
    }

    /// Puts a product of the caller's into the catalog.
    #[graphql(complexity = "20 + child_complexity")]
    async fn create_product(
        &self,
        ctx: &Context<'_>,
        name: String,
        description: String,
        #[graphql(desc = "Whole cents, from 0.00 to 999999.99.")] price: f64,
        #[graphql(desc = "The seller's own number for it.")] sku: Option<String>,
        #[graphql(desc = "Must be the caller's own; only where no tokens are used there is need for it.")]
        account_id: Option<i32>,
    ) -> Result<Product, Error> {
        let draft = Draft { name, description, price, account_id: account_id.map(i64::from), sku };
        let session = ctx.data_unchecked::<Session>();
        ctx.data_unchecked::<Upstreams>().catalog.create(session, &draft).await?.try_into()
    }

    /// Changes a product of the caller's. What is not given stays; `sku: null` removes it.
    #[graphql(complexity = "20 + child_complexity")]
    async fn update_product(
        &self,
        ctx: &Context<'_>,
        id: String,
        name: Option<String>,
        description: Option<String>,
        #[graphql(desc = "Whole cents, from 0.00 to 999999.99.")] price: Option<f64>,
        sku: MaybeUndefined<String>,
    ) -> Result<Product, Error> {
        let now = product::find(ctx, &id).await?.ok_or_else(|| Error::not_found("product"))?;
        let sku = match sku {
            MaybeUndefined::Undefined => now.sku,
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(sku) => Some(sku),
        };
        let draft = Draft {
            name: name.unwrap_or(now.name),
            description: description.unwrap_or(now.description),
            price: price.unwrap_or(now.price),
            account_id: None,
            sku,
        };
        let session = ctx.data_unchecked::<Session>();
        ctx.data_unchecked::<Upstreams>().catalog.update(session, &id, &draft).await?.try_into()
    }

    /// Takes a product of the caller's out of the catalog. True, or an error.
    #[graphql(complexity = "20")]
    async fn delete_product(&self, ctx: &Context<'_>, id: String) -> Result<bool, Error> {
        let session = ctx.data_unchecked::<Session>();
        ctx.data_unchecked::<Upstreams>().catalog.delete(session, &id).await?;
        Ok(true)
    }
}

/// A key as a header can carry it without being changed on the way, and without breaking the connection by its length.
fn visible(key: &str) -> Result<AsciiMetadataValue, Error> {
    Some(key)
        .filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()))
        .and_then(|key| key.parse().ok())
        .ok_or_else(|| Error::invalid("idempotencyKey must be 1 to 255 visible ASCII characters"))
}

/// No service looks at the original's `email` argument, so it is here that it must agree with the token.
fn same_address(session: &Session, email: &str) -> Result<(), Error> {
    if email.is_empty() {
        return Ok(());
    }
    match session.caller()? {
        Some(Caller::User { email: own, .. }) if own.trim().to_lowercase() != email.trim().to_lowercase() => {
            Err(Error::new(Code::PermissionDenied, "email is not the caller's"))
        }
        Some(Caller::User { .. } | Caller::Service(_) | Caller::Anonymous) | None => Ok(()),
    }
}
