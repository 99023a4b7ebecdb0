use serde_json::{Value, json};

use crate::shop::Shop;

fn fill(shop: &Shop, count: usize) {
    let mut state = shop.fakes.state();
    for n in 0..count {
        let id = format!("p{n:03}");
        let product =
            json!({"id": id, "name": format!("Mug {n}"), "description": "", "price": 0.1, "account_id": 7, "sku": "M"});
        state.products.insert(id, product);
    }
}

#[tokio::test]
async fn a_product_is_found_by_its_id_and_any_other_is_not() {
    let shop = Shop::required().await;
    fill(&shop, 1);
    let found =
        shop.client().query(r#"{ product(id: "p000") { id name description price priceCents accountId sku } }"#).await;
    let expected = json!({
        "id": "p000", "name": "Mug 0", "description": "", "price": 0.1, "priceCents": 10, "accountId": 7, "sku": "M"});
    assert_eq!(found.data()["product"], expected);
    for id in ["p001", "", ".", "..", "search", "batch", "p000/../p000", "p000?x", "💥"] {
        let missing =
            shop.client().query_with("query P($id: String!) { product(id: $id) { id } }", json!({"id": id})).await;
        assert_eq!(missing.error(), ("NOT_FOUND", "no such product"), "{id:?}");
        assert_eq!(missing.0["data"], json!({"product": null}));
    }
}

#[tokio::test]
async fn many_products_of_one_query_are_asked_for_at_once() {
    let shop = Shop::required().await;
    fill(&shop, 3);
    let query = r#"{ a: product(id: "p000") { id } b: product(id: "p001") { id } c: product(id: "p002") { id } }"#;
    shop.client().query(query).await.data();
    assert_eq!(shop.fakes.calls("batch").len(), 1);
}

#[tokio::test]
async fn the_catalog_is_paged_as_relay_connections() {
    let shop = Shop::required().await;
    fill(&shop, 45);
    let query = "query P($after: String) { products(first: 20, after: $after) {
        edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let mut after = Value::Null;
    let mut ids = Vec::new();
    for (size, more) in [(20, true), (20, true), (5, false)] {
        let answer = shop.client().query_with(query, json!({"after": after})).await;
        let products = &answer.data()["products"];
        let edges = products["edges"].as_array().expect("a list");
        assert_eq!((edges.len(), &products["pageInfo"]["hasNextPage"]), (size, &json!(more)));
        assert_eq!(products["pageInfo"]["hasPreviousPage"], json!(after != Value::Null));
        assert_eq!(products["pageInfo"]["startCursor"], edges[0]["cursor"]);
        assert_eq!(products["pageInfo"]["endCursor"], edges[size - 1]["cursor"]);
        ids.extend(edges.iter().map(|edge| edge["node"]["id"].as_str().expect("an id").to_owned()));
        after = products["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(ids, (0..45).map(|n| format!("p{n:03}")).collect::<Vec<_>>());
    // From the middle of a page too.
    let middle = shop.client().query("{ products(first: 3) { edges { cursor } } }").await.data()["products"]["edges"]
        [1]["cursor"]
        .clone();
    let next = shop.client().query_with(query, json!({"after": middle})).await;
    assert_eq!(next.data()["products"]["edges"][0]["node"]["id"], "p002");
}

#[tokio::test]
async fn search_and_sort_are_passed_on() {
    let shop = Shop::required().await;
    fill(&shop, 2);
    let query = r#"{ products(search: "mug & cup", sort: PRICE_DESC, first: 5) { nodes { name } } }"#;
    assert_eq!(shop.client().query(query).await.data()["products"]["nodes"][1]["name"], "Mug 1");
    shop.client().query("{ products(sort: NAME_ASC) { nodes { name } } }").await.data();
    let asked = shop.fakes.calls("search");
    assert_eq!(asked[0].detail, r#"{"limit": "5", "q": "mug & cup", "sort": "-price"}"#);
    assert_eq!(asked[1].detail, r#"{"limit": "20", "q": "", "sort": "name"}"#);
}

#[tokio::test]
async fn a_seller_creates_changes_and_deletes_a_product_and_nobody_else_does() {
    let shop = Shop::required().await;
    let create = r#"mutation { createProduct(name: "Mug", description: "Holds tea", price: 12.75, sku: "M1") { id accountId priceCents } }"#;
    let created = shop.user(7).query(create).await;
    assert_eq!(created.data()["createProduct"], json!({"id": "p000", "accountId": 7, "priceCents": 1275}));
    let update = r#"mutation { updateProduct(id: "p000", price: 9.5) { name description price sku } }"#;
    let expected = json!({"name": "Mug", "description": "Holds tea", "price": 9.5, "sku": "M1"});
    assert_eq!(shop.user(7).query(update).await.data()["updateProduct"], expected);
    let unset = r#"mutation { updateProduct(id: "p000", sku: null) { price sku } }"#;
    assert_eq!(shop.user(7).query(unset).await.data()["updateProduct"], json!({"price": 9.5, "sku": null}));
    let delete = r#"mutation { deleteProduct(id: "p000") }"#;
    for query in [update, delete] {
        assert_eq!(
            shop.user(8).query(query).await.error(),
            ("PERMISSION_DENIED", "The product belongs to another account")
        );
        assert_eq!(shop.client().query(query).await.code(), "UNAUTHENTICATED");
    }
    assert_eq!(shop.client().query(create).await.code(), "UNAUTHENTICATED");
    assert_eq!(shop.user(7).query(delete).await.data()["deleteProduct"], true);
    for query in [update, delete, r#"mutation { deleteProduct(id: "..") }"#] {
        assert_eq!(shop.user(7).query(query).await.code(), "NOT_FOUND", "{query}");
    }
}

#[tokio::test]
async fn what_the_catalog_refuses_is_told_with_its_field() {
    let shop = Shop::required().await;
    let create = r#"mutation { createProduct(name: "Mug", description: "", price: -1) { id } }"#;
    assert_eq!(shop.user(7).query(create).await.error(), ("INVALID_ARGUMENT", "price: Input should be at least 0"));
}
