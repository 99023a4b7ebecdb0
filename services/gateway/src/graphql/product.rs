use async_graphql::dataloader::DataLoader;
use async_graphql::{ComplexObject, Context, Enum, SimpleObject};
use kit::Cents;
use proto::pb;

use crate::error::Error;
use crate::upstream::catalog::{Catalog, Item};
use crate::upstream::int;

/// A product of the catalog.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct Product {
    id: String,
    name: String,
    description: String,
    price: f64,
    /// The price, exactly.
    price_cents: i32,
    /// What only the catalog knows; a recommendation comes without.
    #[graphql(skip)]
    item: Option<Item>,
}

#[ComplexObject]
impl Product {
    /// The account that sells it.
    async fn account_id(&self, ctx: &Context<'_>) -> Result<Option<i32>, Error> {
        self.item(ctx).await?.map(|item| int("product", item.account_id)).transpose()
    }

    /// The seller's own number for it.
    async fn sku(&self, ctx: &Context<'_>) -> Result<Option<String>, Error> {
        Ok(self.item(ctx).await?.and_then(|item| item.sku))
    }
}

impl Product {
    /// `None` if it is in the catalog no longer.
    async fn item(&self, ctx: &Context<'_>) -> Result<Option<Item>, Error> {
        match &self.item {
            Some(item) => Ok(Some(item.clone())),
            None => find(ctx, &self.id).await,
        }
    }
}

/// The product with this id, asked for together with others that are wanted at the same time.
pub(crate) async fn load(ctx: &Context<'_>, id: &str) -> Result<Option<Product>, Error> {
    find(ctx, id).await?.map(Product::try_from).transpose()
}

/// As the catalog has it.
pub(crate) async fn find(ctx: &Context<'_>, id: &str) -> Result<Option<Item>, Error> {
    ctx.data_unchecked::<DataLoader<Catalog>>().load_one(id.to_owned()).await
}

impl TryFrom<Item> for Product {
    type Error = Error;

    fn try_from(item: Item) -> Result<Self, Error> {
        let cents = Cents::from_wire(item.price)
            .ok_or_else(|| Error::unexpected("product", format_args!("{} is no price", item.price)))?;
        Ok(Self {
            id: item.id.clone(),
            name: item.name.clone(),
            description: item.description.clone(),
            price: item.price,
            price_cents: int("product", cents.get())?,
            item: Some(item),
        })
    }
}

impl TryFrom<pb::ProductReplica> for Product {
    type Error = Error;

    fn try_from(replica: pb::ProductReplica) -> Result<Self, Error> {
        let pb::ProductReplica { id, name, description, price, price_cents } = replica;
        Ok(Self { id, name, description, price, price_cents: int("recommender", price_cents)?, item: None })
    }
}

/// The order of a list of products.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum ProductSort {
    /// Best match first.
    Relevance,
    PriceAsc,
    PriceDesc,
    NameAsc,
    NameDesc,
}

impl ProductSort {
    /// The word for it in product's interface.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::PriceAsc => "price",
            Self::PriceDesc => "-price",
            Self::NameAsc => "name",
            Self::NameDesc => "-name",
        }
    }
}
