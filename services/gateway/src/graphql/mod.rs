//! The shop's GraphQL schema: the original's queries as they were, and what this shop adds.

mod account;
mod brackets;
mod limits;
mod metered;
mod mutation;
pub(crate) mod operation;
mod order;
mod page;
mod product;
mod query;
mod subscription;
mod telling;

use async_graphql::dataloader::DataLoader;
use async_graphql::futures_util::future::BoxFuture;
use async_graphql::{Schema as Generic, SchemaBuilder};
use tracing::Instrument;

use self::limits::Limits;
pub(crate) use self::metered::Metered;
use self::mutation::Mutation;
use self::query::Query;
use self::subscription::Subscription;
pub(crate) use self::telling::Origin;
use self::telling::Tellings;
use crate::upstream::Upstreams;

pub(crate) type Schema = Generic<Query, Mutation, Subscription>;

/// Products that are asked of the catalog at a time.
const BATCH: usize = 100;

pub(crate) fn schema(upstreams: Upstreams, feed: bus::Feed) -> Schema {
    // In the trace of whoever asks first.
    let spawn = |loading: BoxFuture<'static, ()>| tokio::spawn(loading.in_current_span());
    let products = DataLoader::new(upstreams.catalog.clone(), spawn).max_batch_size(BATCH);
    builder().data(upstreams).data(products).data(feed).finish()
}

/// The schema in GraphQL's own language, as it is committed in `schema.graphql`.
pub fn sdl() -> String {
    builder().finish().sdl()
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Generic::build(Query, Mutation, Subscription)
        .limit_depth(limits::DEPTH)
        .limit_complexity(limits::COMPLEXITY)
        .limit_directives(limits::DIRECTIVES)
        .disable_suggestions()
        .extension(Limits)
        .extension(Tellings)
}
