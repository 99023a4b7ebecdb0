use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use kit::Cents;

use super::*;
use crate::domain::Basket;

/// The real shop's catalog and its baskets.
struct Fixture {
    products: Vec<Product>,
    baskets: Vec<Vec<String>>,
}

impl Fixture {
    fn read() -> Self {
        let rows = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
            let reader = csv::Reader::from_path(path).expect("the fixture is there");
            reader.into_records().map(|row| row.expect("a row"))
        };
        let product = |row: csv::StringRecord| Product {
            id: row[0].to_owned(),
            name: row[1].to_owned(),
            description: String::new(),
            price: Cents::ZERO,
        };
        let mut baskets: HashMap<String, BTreeSet<String>> = HashMap::new();
        for row in rows("online-retail-orders.csv") {
            baskets.entry(row[0].to_owned()).or_default().insert(row[3].to_owned());
        }
        let mut baskets: Vec<_> = baskets.into_values().map(|ids| ids.into_iter().collect()).collect();
        baskets.sort_unstable();
        Self { products: rows("online-retail-products.csv").map(product).collect(), baskets }
    }

    /// So many orders drawn from the baskets, three for each account; one in a hundred is cancelled.
    fn orders(&self, orders: i64) -> Vec<Order> {
        let mut draw = 1_u64;
        let order = |id: i64| {
            // Knuth's: its high bits are as good as any.
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let drawn = usize::try_from(draw >> 33).expect("31 bits") % self.baskets.len();
            let product_ids = self.baskets[drawn].clone();
            let quantities = vec![1; product_ids.len()];
            Order { id, account_id: id / 3, basket: Basket { product_ids, quantities }, cancelled: id % 100 == 99 }
        };
        (0..orders).map(order).collect()
    }

    fn changes(&self, revision: i64, orders: Vec<Order>) -> Changes {
        let products = self.products.iter().map(|product| (product.id.clone(), Some(product.clone())));
        Changes { revision: Some(revision), products: products.collect(), orders, imported: Vec::new() }
    }
}

/// The 50th and the 99th of a hundred.
fn percentiles<T: Ord + Copy>(mut samples: Vec<T>) -> (T, T) {
    samples.sort_unstable();
    (samples[samples.len() / 2], samples[samples.len() * 99 / 100])
}

#[test]
fn a_question_costs_as_much_with_100_000_orders_as_with_10_000() {
    let fixture = Fixture::read();
    let work = |orders: i64| {
        let changes = fixture.changes(1, fixture.orders(orders));
        let (mut model, begun) = (Model::default(), Instant::now());
        model.apply(changes);
        eprintln!("{orders} orders were taken in within {:?}", begun.elapsed());
        let steps = |account: &Account| model.baskets.steps(account.kept(&model.baskets));
        let steps: Vec<usize> = (0..1000).map(|account| steps(&model.accounts[&account])).collect();
        let times = (0..1000_i64).map(|account| {
            let begun = Instant::now();
            assert_eq!(model.for_account(account, 0, 5).len(), 5);
            begun.elapsed()
        });
        let times: Vec<Duration> = times.collect();
        let all: Vec<String> = fixture.products[..500].iter().map(|product| product.id.clone()).collect();
        let begun = Instant::now();
        assert_eq!(model.for_views(&all, 0, 5).len(), 5);
        let crowded = begun.elapsed();
        let (steps, times) = (percentiles(steps), percentiles(times));
        eprintln!("p50 and p99: {steps:?} steps, {times:?}; 500 views: {crowded:?}");
        steps
    };
    let ((few_p50, few_p99), (p50, p99)) = (work(10_000), work(100_000));
    assert!(p50 * 10 <= few_p50 * 13 && p99 * 10 <= few_p99 * 13, "{few_p50} and {few_p99} became {p50} and {p99}");
    // Through all baskets that hold its seeds it would be 4 and 12 million.
    assert!(p50 <= 50_000 && p99 <= 100_000, "{p50} and {p99} steps");
}

#[test]
fn a_model_that_heard_of_each_order_as_it_came_answers_as_one_that_was_loaded_at_once() {
    let fixture = Fixture::read();
    let orders = fixture.orders(300);
    let (mut loaded, mut following) = (Model::default(), Model::default());
    loaded.apply(fixture.changes(1, orders.clone()));
    following.apply(fixture.changes(1, Vec::new()));
    for order in orders {
        // First it is there, and then it may be cancelled.
        for cancelled in [false, order.cancelled] {
            let order = Order { cancelled, ..order.clone() };
            following.apply(Changes { revision: Some(1), orders: vec![order], ..Changes::default() });
        }
    }
    for account in 0..100 {
        assert_eq!(loaded.for_account(account, 0, 100), following.for_account(account, 0, 100), "account {account}");
    }
    for product in &fixture.products {
        let seed = std::slice::from_ref(&product.id);
        assert_eq!(loaded.for_views(seed, 0, 10), following.for_views(seed, 0, 10), "{product:?}");
    }
}
