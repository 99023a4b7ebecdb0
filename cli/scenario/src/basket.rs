//! Real baskets of a real shop, from `fixtures/`.

use std::{collections::BTreeMap, io, path::Path};

use serde::Deserialize;

/// File of the real orders, in `fixtures/`.
pub const ORDERS: &str = "online-retail-orders.csv";

/// Why there are no baskets.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be read: {source}")]
    Read { path: String, source: csv::Error },
    #[error("{0} holds no order")]
    Empty(String),
}

/// What somebody once ordered at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    pub invoice: String,
    /// Local time of that shop, `2010-12-01T08:26:00`.
    pub ordered_at: String,
    pub customer: String,
    /// Stock codes with quantities, each code once, in the order of the invoice.
    pub lines: Vec<(String, u32)>,
}

impl Basket {
    /// How many things it holds.
    pub fn pieces(&self) -> u64 {
        self.lines.iter().map(|(_, quantity)| u64::from(*quantity)).sum()
    }
}

#[derive(Deserialize)]
struct Row {
    invoice: String,
    ordered_at: String,
    customer: String,
    stock_code: String,
    quantity: u32,
}

/// All baskets of the file, in the order of their first lines.
///
/// # Errors
/// When the file cannot be read, or has none.
pub fn read(path: &Path) -> Result<Vec<Basket>, Error> {
    let baskets = csv::Reader::from_path(path).and_then(parse);
    let baskets = baskets.map_err(|source| Error::Read { path: path.display().to_string(), source })?;
    if baskets.is_empty() { Err(Error::Empty(path.display().to_string())) } else { Ok(baskets) }
}

fn parse(file: csv::Reader<impl io::Read>) -> csv::Result<Vec<Basket>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut baskets: Vec<Basket> = Vec::new();
    for row in file.into_deserialize() {
        let row: Row = row?;
        let place = *places.entry(row.invoice.clone()).or_insert_with(|| {
            let Row { invoice, ordered_at, customer, .. } = &row;
            baskets.push(Basket {
                invoice: invoice.clone(),
                ordered_at: ordered_at.clone(),
                customer: customer.clone(),
                lines: Vec::new(),
            });
            baskets.len() - 1
        });
        let lines = &mut baskets[place].lines;
        // The same thing can stand on an invoice twice; an order has one line for it.
        match lines.iter_mut().find(|(code, _)| *code == row.stock_code) {
            Some((_, quantity)) => *quantity = quantity.saturating_add(row.quantity),
            None => lines.push((row.stock_code, row.quantity)),
        }
    }
    Ok(baskets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fixtures_hold_798_baskets_with_each_product_once() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(ORDERS);
        let baskets = read(&path).expect("the fixtures are there");
        assert_eq!(baskets.len(), 798);
        assert_eq!(baskets[0].invoice, "536365");
        for basket in &baskets {
            let mut codes: Vec<&str> = basket.lines.iter().map(|(code, _)| code.as_str()).collect();
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), basket.lines.len(), "{}", basket.invoice);
            assert!(basket.lines.iter().all(|(_, quantity)| *quantity > 0), "{}", basket.invoice);
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_panic_and_what_it_reads_has_each_code_once(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            rows in "([a-c]{0,2},[0-9T:-]{0,4},[0-9]{0,3},[A-C]{0,1},(4294967295|-?[0-9]{1,3}|x)\n){0,8}",
        ) {
            let rows = format!("invoice,ordered_at,customer,stock_code,quantity\n{rows}");
            for file in [bytes.as_slice(), rows.as_bytes()] {
                for basket in parse(csv::Reader::from_reader(file)).unwrap_or_default() {
                    let codes: std::collections::BTreeSet<&str> = basket.lines.iter().map(|(code, _)| code.as_str()).collect();
                    prop_assert_eq!(codes.len(), basket.lines.len());
                }
            }
        }
    }
}
