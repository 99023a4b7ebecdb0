//! Money is whole cents everywhere but on the wire, where the original's contract has floating point. What the compiler
//! can see of it, clippy forbids (`float_arithmetic` in the crates that count money); this is the rest: where such numbers
//! occur at all.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::stack::workspace;

/// The services that handle money, and what turns the wire's prices into cents and back is `kit::money`. (The
/// recommender's numbers are likings; the prices that it passes on are cents.)
const SERVICES: [&str; 4] = ["gateway", "order", "payment", "product"];

/// All of their files in which a floating-point type or number stands, and why it is no counted money.
const FLOATS: &[(&str, &str)] = &[
    ("gateway/src/graphql/mutation.rs", "GraphQL's price"),
    ("gateway/src/graphql/order.rs", "GraphQL's totalPrice"),
    ("gateway/src/graphql/product.rs", "GraphQL's price"),
    ("gateway/src/upstream/catalog.rs", "product's price in JSON"),
    ("order/src/catalog.rs", "product's price in JSON"),
    ("order/src/events.rs", "total_price in events"),
    ("payment/src/api/accept.rs", "qualities in an Accept header"),
    ("payment/src/backoff.rs", "chance in a delay"),
    ("payment/src/events.rs", "product's price in events"),
    ("payment/src/orders.rs", "order's total_price, which must be there beside the cents"),
    ("payment/src/store/mod.rs", "seconds for PostgreSQL's make_interval"),
    ("product/src/api/input.rs", "the price in a request, before it is cents"),
    ("product/src/api/lax.rs", "JSON's numbers"),
    ("product/src/api/schema.rs", "the price in an answer"),
    ("product/src/domain.rs", "a search's score"),
    ("product/src/events.rs", "the price in events"),
    ("product/src/store/elasticsearch/query.rs", "a search's weights"),
    ("product/src/store/elasticsearch/search.rs", "a search's score"),
    ("product/src/store/embedded/words.rs", "a search's weights"),
];

/// Files with this ending in a folder and all below it.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A source without its comments, texts and tests.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or(source);
    let lines = source.lines().map(|line| line.split("//").next().unwrap_or(line));
    // Every second piece is between quotes; a quote in a text is rare enough to be none of ours.
    lines.map(|line| line.split('"').step_by(2).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).flat_map(|word| {
        let number = word.starts_with(|c: char| c.is_ascii_digit());
        if number { vec![word] } else { word.split('.').collect() }
    })
}

fn is_float(word: &str) -> bool {
    let number = word.split_once('.').is_some_and(|(whole, rest)| {
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
        !whole.is_empty() && digits(whole) && !rest.is_empty() && digits(rest)
    });
    matches!(word, "f32" | "f64") || number
}

#[test]
fn floating_point_stands_only_where_it_is_known_to_be_no_counted_money() {
    let services = workspace().join("services");
    let mut found = BTreeSet::new();
    for path in SERVICES.iter().flat_map(|name| files(&services.join(name).join("src"), "rs")) {
        let name = path.strip_prefix(&services).expect("it is below").to_str().expect("text").to_owned();
        if !name.ends_with("/tests.rs") && words(&code(&text(&path))).any(is_float) {
            found.insert(name);
        }
    }
    let known = FLOATS.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>();
    let unknown: Vec<_> = found.difference(&known).collect();
    assert!(unknown.is_empty(), "floating point in {unknown:?}: count money in cents; if it is no money, say so here");
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(gone.is_empty(), "there is no floating point any more in {gone:?}");
}

#[test]
fn no_database_keeps_money_as_anything_but_whole_cents() {
    let services = workspace().join("services");
    let migrations: Vec<_> = files(&services, "sql");
    assert!(migrations.len() >= 4, "account, order, payment and recommender have some: {migrations:?}");
    for path in migrations {
        let sql = text(&path).to_lowercase();
        let code = sql.lines().map(|line| line.split("--").next().unwrap_or(line)).collect::<Vec<_>>();
        for line in &code {
            let mut words = words(line);
            let kind = words.find(|word| {
                matches!(*word, "real" | "float" | "float4" | "float8" | "double" | "numeric" | "decimal" | "money")
            });
            assert_eq!(kind, None, "{}: {line}", path.display());
            if line.contains("_cents ") && !line.contains("insert") {
                assert!(line.contains("bigint"), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn the_contracts_have_floats_for_the_originals_prices_and_exact_cents_beside_each() {
    let mut doubles = BTreeSet::new();
    for path in files(&workspace().join("proto"), "proto") {
        let text = text(&path);
        for message in text.split("\nmessage ").skip(1) {
            let fields = message.split("\n}").next().unwrap_or(message);
            for line in fields.lines().filter(|line| line.trim_start().starts_with("double ")) {
                let field = line.split_whitespace().nth(1).expect("a field has a name").to_owned();
                let exact = format!("int64 {}_cents ", field.trim_end_matches("_price"));
                assert!(fields.contains(&exact), "{exact} is missing beside {field}");
                doubles.insert(field);
            }
            assert!(!fields.contains("  float "), "{fields}");
        }
    }
    assert_eq!(doubles, BTreeSet::from(["price".to_owned(), "total_price".to_owned()]));
    let schema = text(&workspace().join("services/gateway/schema.graphql"));
    for line in schema.lines().filter(|line| line.contains("Float")) {
        let field = line.trim().split(':').next().expect("a name");
        assert!(["price", "totalPrice"].contains(&field), "{line}");
    }
}
