use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::shop::Shop;

/// Far from what carrying out a bomb would take, however busy the machine is.
const SOON: Duration = Duration::from_secs(20);

async fn refused(shop: &Shop, query: &str) -> String {
    let begun = Instant::now();
    let answer = shop.client().query(query).await;
    assert!(begun.elapsed() < SOON, "refused only after {:?}", begun.elapsed());
    let errors = answer.0["errors"].as_array().expect("errors");
    assert_eq!(errors[0]["extensions"]["code"], "INVALID_ARGUMENT", "{}", answer.0);
    errors[0]["message"].as_str().expect("a message").to_owned()
}

#[tokio::test]
async fn queries_that_are_too_deep_too_wide_or_too_heavy_are_refused() {
    let shop = Shop::required().await;
    let deep = format!("{{ __schema {{ types {{ {} name {} }} }} }}", "ofType {".repeat(20), "}".repeat(20));
    assert_eq!(refused(&shop, &deep).await, "Query is nested too deep.");

    let aliases: String = (0..1000).fold(String::new(), |mut all, n| {
        write!(all, "a{n}: hello ").expect("a string takes it");
        all
    });
    assert_eq!(refused(&shop, &format!("{{ {aliases} }}")).await, "Query has too many aliases.");

    let heavy = "{ orders(first: 100) { nodes { products { product { id name } } transactions { status }
        a: products { product { id name description price priceCents accountId sku } }
        b: products { product { id name description price priceCents accountId sku } }
        c: products { product { id name description price priceCents accountId sku } }
        d: products { product { id name description price priceCents accountId sku } } } } }";
    assert_eq!(refused(&shop, heavy).await, "Query is too complex.");

    let wide = format!("{{ {} }}", "hello ".repeat(5000));
    assert_eq!(refused(&shop, &wide).await, "Query has too many fields.");
}

#[tokio::test]
async fn bombs_are_refused_before_they_go_off() {
    let shop = Shop::required().await;
    let mut doubling = "{ ...f0 } ".to_owned();
    for n in 0..30 {
        write!(doubling, "fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1).expect("a string takes it");
    }
    doubling.push_str("fragment f30 on Query { hello }");
    assert_eq!(refused(&shop, &doubling).await, "Query has too many fields.");

    let unused = "{ hello } fragment a on Query { ...b } fragment b on Query { ...a }";
    assert!(refused(&shop, unused).await.contains("spreads itself"));

    for bracket in ["{", "[", "("] {
        let row = format!("{{ product(id: {} ", bracket.repeat(100_000));
        assert_eq!(refused(&shop, &row).await, "Query is nested too deep.", "{bracket}");
    }
    shop.client().query("{ hello }").await.data();
}

/// An answer that costs more to send than what it answers would be a lever.
const FEW_WORDS: usize = 64 * 1024;

/// So many of them in a row, each with its number.
fn row(count: usize, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn whatever_is_too_much_is_refused_soon_and_in_few_words() {
    let shop = Shop::required().await;
    let long = "x".repeat(200_000);
    let nested = "[".repeat(60) + &"]".repeat(60);
    for (what, query) in [
        ("many aliases", format!("{{ {} }}", row(1000, |n| format!("a{n}: hello")))),
        ("many aliases in fragments", {
            let fragments =
                row(20, |n| format!("fragment f{n} on Query {{ {} }}", row(10, |m| format!("a{n}x{m}: hello"))));
            format!("{{ {} }} {fragments}", row(20, |n| format!("...f{n}")))
        }),
        ("many operations", row(3000, |n| format!("query q{n} {{ hello }}"))),
        ("many directives on a field", format!("{{ hello {} }}", "@include(if: true) ".repeat(10_000))),
        ("many directives on a query", format!("query {} {{ hello }}", "@include(if: true) ".repeat(10_000))),
        (
            "many directives on a spread",
            format!("{{ ...f {} }} fragment f on Query {{ hello }}", "@skip(if: false) ".repeat(10_000)),
        ),
        ("many unknown directives", format!("{{ hello {} }}", row(10_000, |n| format!("@d{n}")))),
        ("many unknown fields", format!("{{ {} }}", row(1900, |n| format!("unknown{n}")))),
        ("many unknown arguments", format!("{{ hello({}) }}", row(10_000, |n| format!("a{n}: 1")))),
        ("many variables", format!("query({}) {{ hello }}", row(10_000, |n| format!("$v{n}: Int")))),
        (
            "many unknown variables",
            format!("{{ recommendationsBasedOnViewed(productIds: [{}]) {{ id }} }}", row(10_000, |n| format!("$v{n}"))),
        ),
        (
            "many empty fragments",
            format!("{{ hello }} {}", row(5000, |n| format!("fragment f{n} on Query {{ hello }}"))),
        ),
        ("many spreads of nothing", format!("{{ hello {} }}", row(10_000, |n| format!("...f{n}")))),
        ("a long name", format!("{{ {long} }}")),
        ("a long alias", format!("{{ {long}: nothing }}")),
        ("a long argument", format!("{{ hello({long}: 1) }}")),
        ("a long type", format!("query($v: {long}) {{ hello }}")),
        ("a nested list", format!("{{ recommendationsBasedOnViewed(productIds: {nested}) {{ id }} }}")),
        ("a deep type", format!("query($v: {}Int{}) {{ hello }}", "[".repeat(1000), "]".repeat(1000))),
        ("a schema of schemas", {
            let deep = row(9, |_| "fields { type {".to_owned());
            format!("{{ __schema {{ types {{ {deep} name {} }} }} }}", "} }".repeat(9))
        }),
        ("a page beyond the limit", "{ products(first: 101) { nodes { id } } }".to_owned()),
        ("pages of pages", "{ orders(first: 100) { nodes { products { product { id } } } } }".to_owned().repeat(30)),
        ("garbage", "\u{0}\u{feff}{[(\"\\".to_owned() + &long),
        ("nothing", String::new()),
    ] {
        let begun = Instant::now();
        let response = shop.client().send(&json!({"query": query})).await;
        let answer = response.text().await.expect("text");
        let (took, size) = (begun.elapsed(), answer.len());
        eprintln!("{what}: {} bytes, answered with {size} in {took:?}", query.len());
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_ARGUMENT", "{what}: {answer:.300}");
        assert!(took < SOON, "{what}: {took:?}");
        assert!(size <= FEW_WORDS, "{what}: {size} bytes");
    }
    shop.client().query("{ hello }").await.data();
}

#[tokio::test]
async fn variables_are_bounded_as_the_query_is() {
    let shop = Shop::required().await;
    let viewed = "query($ids: [String!]!) { recommendationsBasedOnViewed(productIds: $ids) { id } }";
    let nested = |depth: usize| {
        format!(r#"{{"query": "{{ hello }}", "variables": {{"v": {}{}}}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    let post = async |body: String| {
        let request = shop.client().post().header("content-type", "application/json").body(body);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(post(nested(50)).await, 200);
    assert_eq!(post(nested(100_000)).await, 400);
    for wrong in [json!({"ids": 1}), json!({"ids": [[["mug"]]]}), json!({"ids": {"a": 1}}), json!({})] {
        assert_eq!(
            shop.client().query_with(viewed, wrong.clone()).await.0["errors"][0]["extensions"]["code"],
            "INVALID_ARGUMENT",
            "{wrong}"
        );
    }
}
