use std::collections::HashMap;

use rand::{RngExt as _, distr::weighted::WeightedIndex, rngs::StdRng};

use super::Error;
use crate::{basket::Basket, invariants::history::Product};

/// One of so many lines is of a product that others like: nobody buys exactly what somebody else has bought.
const STRANGE: u32 = 4;

/// Real baskets of products that the shop has.
pub(crate) struct Baskets {
    baskets: Vec<Vec<(usize, u32)>>,
    /// Ids, the most popular one first.
    products: Vec<String>,
    popularity: WeightedIndex<f64>,
}

impl Baskets {
    pub(crate) fn of(real: &[Basket], catalog: &[Product]) -> Result<Self, Error> {
        let mut sold: HashMap<&str, u64> = HashMap::new();
        for (code, _) in real.iter().flat_map(|basket| &basket.lines) {
            *sold.entry(code).or_default() += 1;
        }
        let mut ranked: Vec<(&str, &str)> = catalog
            .iter()
            .filter_map(|product| product.sku.as_deref().map(|sku| (sku, product.id.as_str())))
            .filter(|(sku, _)| sold.contains_key(sku))
            .collect();
        ranked.sort_by_key(|(sku, id)| (std::cmp::Reverse(sold[sku]), *id));
        // A stock code may be used twice; one of both is enough.
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (place, (sku, _)) in ranked.iter().enumerate() {
            places.entry(sku).or_insert(place);
        }
        let line = |(code, quantity): &(String, u32)| Some((*places.get(code.as_str())?, *quantity));
        let baskets: Vec<Vec<_>> = real.iter().map(|basket| basket.lines.iter().filter_map(line).collect()).collect();
        let baskets: Vec<_> = baskets.into_iter().filter(|lines: &Vec<_>| !lines.is_empty()).collect();
        // Zipf's law: the second is liked half as much as the first, the third a third as much.
        let popularity = WeightedIndex::new((1..=ranked.len()).map(weight)).map_err(|_| Error::NoProducts)?;
        let products = ranked.into_iter().map(|(_, id)| id.to_owned()).collect();
        if baskets.is_empty() { Err(Error::NoProducts) } else { Ok(Self { baskets, products, popularity }) }
    }

    /// What the next shopper buys: product ids, each once, with quantities.
    pub(crate) fn draw<'a>(&'a self, rng: &mut StdRng) -> Vec<(&'a str, u32)> {
        let mut basket = self.baskets[rng.random_range(0..self.baskets.len())].clone();
        for (place, _) in &mut basket {
            if rng.random_ratio(1, STRANGE) {
                *place = rng.sample(&self.popularity);
            }
        }
        basket.sort_unstable();
        basket.dedup_by_key(|(place, _)| *place);
        basket.into_iter().map(|(place, quantity)| (self.products[place].as_str(), quantity)).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are no 2^52 products")]
fn weight(rank: usize) -> f64 {
    1.0 / rank as f64
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn basket(codes: &[&str]) -> Basket {
        let lines = codes.iter().map(|code| ((*code).to_owned(), 3)).collect();
        Basket { invoice: String::new(), ordered_at: String::new(), customer: String::new(), lines }
    }

    fn product(sku: &str) -> Product {
        let (name, description, sku) = (String::new(), String::new(), Some(sku.to_owned()));
        Product {
            id: format!("id-{}", sku.as_deref().unwrap_or_default()),
            account: 1,
            name,
            description,
            price: 1,
            sku,
        }
    }

    #[test]
    fn what_is_popular_is_bought_most_and_each_product_once_in_an_order() {
        let codes: Vec<String> = (0..50).map(|code| code.to_string()).collect();
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let mut real: Vec<Basket> = codes.iter().map(|code| basket(&[code, "7"])).collect();
        real.push(basket(&["gone"]));
        let catalog: Vec<Product> = codes.iter().map(|code| product(code)).collect();
        let baskets = Baskets::of(&real, &catalog).expect("there are products");
        let mut rng = StdRng::seed_from_u64(1);
        let mut bought: HashMap<&str, u32> = HashMap::new();
        for _ in 0..2000 {
            let drawn = baskets.draw(&mut rng);
            let ids: std::collections::BTreeSet<&str> = drawn.iter().map(|(id, _)| *id).collect();
            assert_eq!(ids.len(), drawn.len(), "{drawn:?}");
            assert!(!drawn.is_empty());
            ids.into_iter().for_each(|id| *bought.entry(id).or_default() += 1);
        }
        assert_eq!(bought.iter().max_by_key(|(_, count)| **count).map(|(id, _)| *id), Some("id-7"));
        assert_eq!(bought.len(), 50, "each is bought at times");
    }

    #[test]
    fn a_shop_without_the_real_products_is_told_so() {
        let catalog = [product("other")];
        assert!(matches!(Baskets::of(&[basket(&["a"])], &catalog), Err(Error::NoProducts)));
    }
}
