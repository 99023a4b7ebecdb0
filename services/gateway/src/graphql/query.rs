use async_graphql::connection::Connection;
use async_graphql::{Context, Object};
use kit::auth::Caller;
use proto::pb;

use super::account::{self, Account};
use super::order::{self, Order};
use super::page::{self, weight};
use super::product::{self, Product, ProductSort};
use crate::error::Error;
use crate::session::Session;
use crate::upstream::catalog::Listing;
use crate::upstream::{self, DEADLINE, Upstreams};

pub(crate) struct Query;

/// What answers asked for by skip and take begin and end with, as the services' `uint64` have it.
fn unsigned(name: &str, value: Option<i32>) -> Result<u64, Error> {
    u64::try_from(value.unwrap_or(0)).map_err(|_| Error::invalid(format!("{name} must not be negative")))
}

fn products(replicas: Vec<pb::ProductReplica>) -> Result<Vec<Product>, Error> {
    replicas.into_iter().map(Product::try_from).collect()
}

// A field that may be null is an `Option<Result<_>>`: its error then leaves the query's other fields as they are.
#[Object]
impl Query {
    /// Says hello, whoever asks.
    async fn hello(&self) -> &'static str {
        "Hello from the shop"
    }

    /// The caller's account.
    async fn me(&self, ctx: &Context<'_>) -> Option<Result<Account, Error>> {
        Some(account::load(ctx).await)
    }

    /// A product, by its id.
    async fn product(&self, ctx: &Context<'_>, id: String) -> Option<Result<Product, Error>> {
        let product = product::load(ctx, &id).await;
        Some(product.and_then(|product| product.ok_or_else(|| Error::not_found("product"))))
    }

    /// The catalog, a page at a time: all of it in the order of creation, or what `search` finds; typos are forgiven.
    #[graphql(complexity = "weight(first, child_complexity)")]
    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From 1 to 100; 20 if not given.")] first: Option<i32>,
        #[graphql(desc = "A cursor of the page before.")] after: Option<String>,
        #[graphql(desc = "Words of name, description or stock code.")] search: Option<String>,
        sort: Option<ProductSort>,
    ) -> Result<Connection<String, Product>, Error> {
        let listing = match (search.filter(|text| !text.trim().is_empty()), sort) {
            (None, None) => Listing::All,
            (text, sort) => {
                Listing::Search { text: text.unwrap_or_default(), sort: sort.unwrap_or(ProductSort::Relevance).word() }
            }
        };
        let catalog = &ctx.data_unchecked::<Upstreams>().catalog;
        let listing = &listing;
        page::connection(first, after, move |cursor, limit| async move {
            let page = catalog.page(listing, cursor.as_deref(), limit).await?;
            let items = page.items.into_iter().map(Product::try_from).collect::<Result<_, _>>()?;
            Ok((items, page.next_cursor))
        })
        .await
    }

    /// What a user may like: nothing that they ever ordered, and what is popular for somebody unknown. The caller if no
    /// user is named.
    #[graphql(complexity = "10 + 5 * child_complexity")]
    async fn recommendations(&self, ctx: &Context<'_>, user_id: Option<String>) -> Result<Vec<Product>, Error> {
        let user_id = match user_id {
            Some(user_id) => user_id,
            None => match ctx.data_unchecked::<Session>().caller()? {
                Some(Caller::User { account_id, .. }) => account_id.to_string(),
                Some(Caller::Service(_) | Caller::Anonymous) | None => NOBODY.to_owned(),
            },
        };
        let message = pb::RecommendationRequestForUserId { user_id, skip: 0, take: 0 };
        let request = upstream::public(message, DEADLINE);
        let result = ctx.data_unchecked::<Upstreams>().recommender.clone().get_recommendations(request).await;
        products(upstream::answer("recommender", result)?.recommended_products)
    }

    /// What goes well with products that were just looked at; none of these themselves.
    #[graphql(complexity = "10 + take.unwrap_or(5).clamp(1, 100) as usize * child_complexity")]
    async fn recommendations_based_on_viewed(
        &self,
        ctx: &Context<'_>,
        product_ids: Vec<String>,
        skip: Option<i32>,
        #[graphql(desc = "At most 100; 5 if not given.")] take: Option<i32>,
    ) -> Result<Vec<Product>, Error> {
        let (skip, take) = (unsigned("skip", skip)?, unsigned("take", take)?);
        let request = upstream::public(pb::RecommendationRequestOnViews { ids: product_ids, skip, take }, DEADLINE);
        let result =
            ctx.data_unchecked::<Upstreams>().recommender.clone().get_recommendations_based_on_viewed(request).await;
        products(upstream::answer("recommender", result)?.recommended_products)
    }

    /// One of the caller's orders, by its id.
    async fn order(&self, ctx: &Context<'_>, id: i32) -> Option<Result<Order, Error>> {
        Some(order::load(ctx, id).await)
    }

    /// The caller's orders, newest first, a page at a time.
    #[graphql(complexity = "weight(first, child_complexity)")]
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From 1 to 100; 20 if not given.")] first: Option<i32>,
        #[graphql(desc = "A cursor of the page before.")] after: Option<String>,
        #[graphql(desc = "Must be the caller's own; only where no tokens are used there is need for it.")]
        account_id: Option<i32>,
    ) -> Result<Connection<String, Order>, Error> {
        let account_id = upstream::account(account_id)?;
        let session = ctx.data_unchecked::<Session>();
        let order = &ctx.data_unchecked::<Upstreams>().order;
        page::connection(first, after, move |cursor, limit| async move {
            let limit = u32::try_from(limit).map_err(|_| Error::invalid("first is too large"))?;
            let message = pb::ListOrdersRequest { account_id, limit, cursor: cursor.unwrap_or_default() };
            let result = order.clone().list_orders(upstream::personal(message, session)?).await;
            let page = upstream::answer("order", result)?;
            let orders = page.orders.into_iter().map(Order::try_from).collect::<Result<_, _>>()?;
            Ok((orders, Some(page.next_cursor).filter(|cursor| !cursor.is_empty())))
        })
        .await
    }
}

/// A user id that no account has.
const NOBODY: &str = "0";
