//! Orders as a real shop has them: what sells with what, how much better than the rest, and how many at a time.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::instance::workspace;

/// One of so many lines of an order is of another basket: nobody buys exactly what somebody else has bought.
const STRANGE: u32 = 4;

/// The real baskets, of products that are on a shelf.
pub(crate) struct Baskets<'a> {
    /// Places on a shelf that has only the real products.
    baskets: Vec<Vec<usize>>,
    real: usize,
    shelf: &'a [String],
}

impl<'a> Baskets<'a> {
    pub(crate) fn read(shelf: &'a [String]) -> anyhow::Result<Self> {
        let path = workspace().join("fixtures/online-retail-orders.csv");
        let mut rows = csv::Reader::from_path(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let (mut places, mut baskets) = (BTreeMap::new(), BTreeMap::<String, Vec<usize>>::new());
        for row in rows.records() {
            let row = row?;
            let (invoice, code) = (row.get(0).context("no invoice")?, row.get(3).context("no stock code")?);
            let next = places.len();
            let place = *places.entry(code.to_owned()).or_insert(next);
            baskets.entry(invoice.to_owned()).or_default().push(place);
        }
        let real = places.len();
        anyhow::ensure!(shelf.len() >= real, "{} products are fewer than the {real} of the baskets", shelf.len());
        Ok(Self { baskets: baskets.into_values().collect(), real, shelf })
    }

    /// The products of the nth order, each once; always the same. Where the shelf has room for the real products several
    /// times over, it is as many shops side by side, and each order is made in one of them.
    pub(crate) fn nth(&self, nth: usize) -> Vec<&'a str> {
        let mut rng = StdRng::seed_from_u64(nth as u64);
        let shop = rng.random_range(0..self.shelf.len() / self.real);
        let mut basket = self.baskets[nth % self.baskets.len()].clone();
        for place in &mut basket {
            let other = self.baskets.choose(&mut rng).and_then(|other| other.choose(&mut rng));
            if let Some(other) = other.filter(|_| rng.random_ratio(1, STRANGE)) {
                *place = *other;
            }
        }
        basket.sort_unstable();
        basket.dedup();
        basket.into_iter().map(|place| self.shelf[shop * self.real + place].as_str()).collect()
    }
}
