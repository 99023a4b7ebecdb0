//! What a seed draws.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Play;
use crate::{
    basket::Basket,
    catalog::{self, Product},
    file::{BasketOf, Datum},
    report::Failure,
};

/// Searches at a time.
const AT_ONCE: usize = 8;

impl Play<'_> {
    /// Draws all data of the scenario.
    pub(super) async fn draw(&self) -> Result<((), String), Failure> {
        let mut told = vec![format!("seed {}", self.seed)];
        for (name, datum) in &self.scenario.data {
            let mut luck = luck(self.seed, name);
            let value = match datum {
                Datum::Product => {
                    let basket = some(&self.stage.baskets, &mut luck)?;
                    let (code, _) = some(&basket.lines, &mut luck)?;
                    let Product { id, name, sku, price_cents } = self.find(code).await?;
                    json!({ "id": id, "name": name, "sku": sku, "price_cents": price_cents })
                }
                Datum::Basket(wanted) => self.basket(wanted, &mut luck).await?,
            };
            told.push(match datum {
                Datum::Product => format!("{name}: {}", value["name"]),
                Datum::Basket(_) => format!("{name}: invoice {}", value["invoice"]),
            });
            self.keep(name, value);
        }
        Ok(((), told.join("; ")))
    }

    async fn basket(&self, wanted: &BasketOf, luck: &mut StdRng) -> Result<Value, Failure> {
        let fits = |basket: &&Basket| wanted.lines.is_none_or(|most| basket.lines.len() <= most);
        let fitting: Vec<&Basket> = self.stage.baskets.iter().filter(fits).collect();
        let basket = some(&fitting, luck)?;
        let lines = basket.lines.iter().map(async |(code, quantity)| {
            let Product { id, price_cents, .. } = self.find(code).await?;
            Ok(json!({ "product_id": id, "quantity": quantity, "price_cents": price_cents }))
        });
        let lines: Vec<Value> = stream::iter(lines).buffered(AT_ONCE).try_collect().await?;
        Ok(json!({ "invoice": basket.invoice, "lines": lines }))
    }

    async fn find(&self, code: &str) -> Result<Product, Failure> {
        catalog::find(&self.stage.client, &self.stage.shop.product, code).await
    }
}

/// The same for the same seed and name, whatever else is drawn.
fn luck(seed: u64, name: &str) -> StdRng {
    StdRng::from_seed(Sha256::new().chain_update(seed.to_le_bytes()).chain_update(name).finalize().into())
}

fn some<'b, T>(all: &'b [T], luck: &mut StdRng) -> Result<&'b T, Failure> {
    if all.is_empty() {
        return Err(Failure::new("something to draw from", "nothing that fits"));
    }
    Ok(&all[luck.random_range(0..all.len())])
}
