//! Search: what is found, and in which order.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testkit::cases;
use testkit::trials::Case;

use crate::support::{Running, SELLER, Setting, Store, fixtures, ids, indexed, text};

pub(crate) const CASES: &[Case<Store>] = cases![
    words_are_found_with_typos_and_while_they_are_typed,
    a_word_that_is_known_brings_no_look_alikes,
    results_are_walked_in_the_order_asked_for,
    a_walk_by_relevance_survives_writes_that_move_all_scores,
    search_follows_changes_and_deletions,
    equals_keep_the_order_of_their_creation,
];

async fn shop(setting: &Setting) -> Running {
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let items = fixtures();
    let (status, _) = running.client.post("/products/bulk", Some(&token), &json!({"items": items})).await;
    assert_eq!(status, StatusCode::CREATED);
    indexed(&running.client, &items).await;
    running
}

async fn words_are_found_with_typos_and_while_they_are_typed(store: Store) {
    let setting = Setting::new(store).await;
    let running = shop(&setting).await;
    let globe = "INFLATABLE POLITICAL GLOBE";
    for query in [
        "INFLATABLE+POLITICAL+GLOBE",
        "INFLATBLE+POLITICAL+GLOBE",
        "inflatabel+globe",
        "politcal",
        "globe+inflatable",
        "inflat",
        "inflatb",
        "10002",
    ] {
        let found = running.client.names(&format!("q={query}")).await;
        assert_eq!(found.first().map(String::as_str), Some(globe), "{query}: {found:?}");
    }
    let cakestand = running.client.names("q=caek+stand").await;
    assert!(cakestand.first().is_some_and(|name| name.contains("CAKE")), "{cakestand:?}");
    assert_eq!(running.client.names("q=globe+xyzzyplugh").await, [globe], "better something near than nothing");
    assert_eq!(running.client.names("q=xyzzyplugh").await, Vec::<String>::new());
    assert_eq!(running.client.names("q=%21%21%21").await, Vec::<String>::new());
    running.stop().await;
}

async fn a_word_that_is_known_brings_no_look_alikes(store: Store) {
    let setting = Setting::new(store).await;
    let running = shop(&setting).await;
    let mugs = running.client.names("q=mug&limit=100").await;
    assert!(mugs.len() > 10, "{mugs:?}");
    for name in running.client.names("q=red+retrospot+mug&sort=price").await {
        assert!(["RED", "RETROSPOT", "MUG"].iter().all(|word| name.contains(word)), "{name} has not all of the words");
    }
    for name in mugs {
        assert!(
            name.split(|character: char| !character.is_alphanumeric()).any(|word| word.starts_with("MUG")),
            "{name}"
        );
    }
    running.stop().await;
}

async fn results_are_walked_in_the_order_asked_for(store: Store) {
    let setting = Setting::new(store).await;
    let running = shop(&setting).await;
    for (sort, field) in
        [("price", "price_cents"), ("-price", "price_cents"), ("name", "name"), ("-name", "name"), ("relevance", "")]
    {
        let whole = walk(&running, &format!("q=heart&sort={sort}"), 100).await;
        let parts = walk(&running, &format!("q=heart&sort={sort}"), 9).await;
        assert!(whole.len() > 50);
        assert_eq!(whole, parts, "{sort}");
        let in_order = whole.is_sorted_by(|one, other| {
            let (one, other) = if sort.starts_with('-') { (other, one) } else { (one, other) };
            match field {
                "price_cents" => one[field].as_i64() <= other[field].as_i64(),
                "name" => text(one, field).to_lowercase() <= text(other, field).to_lowercase(),
                _ => true,
            }
        });
        assert!(in_order, "{sort}");
    }
    let everything = walk(&running, "sort=name", 100).await;
    assert_eq!(everything.len(), fixtures().len());
    running.stop().await;
}

async fn walk(running: &Running, query: &str, limit: usize) -> Vec<Value> {
    let first = format!("/products/search?{query}&limit={limit}");
    let mut path = first.clone();
    let mut items = Vec::new();
    loop {
        let (status, page) = running.client.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        items.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{first}&cursor={cursor}"),
            None => return items,
        }
    }
}

async fn a_walk_by_relevance_survives_writes_that_move_all_scores(store: Store) {
    let setting = Setting::new(store).await;
    let running = shop(&setting).await;
    let token = setting.user_token(SELLER);
    let (_, first) = running.client.get("/products/search?q=heart&limit=10").await;
    let items: Vec<_> = (0..500)
        .map(|number| json!({"name": format!("Heart of stone {number}"), "description": "heart heart", "price": 1}))
        .collect();
    running.client.post("/products/bulk", Some(&token), &json!({"items": items})).await;
    running
        .client
        .found("q=stone+heart", |names| names.first().is_some_and(|name| name.starts_with("Heart of stone")))
        .await;
    let cursor = text(&first, "next_cursor");
    let (_, second) = running.client.get(&format!("/products/search?q=heart&limit=10&cursor={cursor}")).await;
    let repeated: Vec<_> = ids(&second).into_iter().filter(|id| ids(&first).contains(id)).collect();
    assert_eq!(repeated, Vec::<String>::new());
    running.stop().await;
}

async fn search_follows_changes_and_deletions(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let created = running.client.create(&token, &json!({"name": "Café teapot", "description": "", "price": 1})).await;
    running.client.found("q=cafe", |names| names == ["Café teapot"]).await;
    let path = format!("/products/{}", text(&created, "id"));
    let body = json!({"name": "Kettle", "description": "", "price": 1});
    running.client.send(Method::PUT, &path, Some(&token), &body).await;
    running.client.found("q=kettle", |names| names == ["Kettle"]).await;
    running.client.found("q=teapot", <[String]>::is_empty).await;
    running.client.send(Method::DELETE, &path, Some(&token), &Value::Null).await;
    running.client.found("q=kettle", <[String]>::is_empty).await;
    // A word that only a deleted product had is as unknown as any other: it is taken for a slip.
    running.client.create(&token, &json!({"name": "Nettle", "description": "", "price": 1})).await;
    running.client.found("q=kettle", |names| names == ["Nettle"]).await;
    running.stop().await;
}

async fn equals_keep_the_order_of_their_creation(store: Store) {
    let setting = Setting::new(store).await;
    let running = setting.start().await;
    let token = setting.user_token(SELLER);
    let mut created = Vec::new();
    for number in 0..12 {
        let body = json!({"name": "Cup", "description": "same", "price": 1, "sku": format!("C{number}")});
        created.push(text(&running.client.create(&token, &body).await, "id").to_owned());
    }
    running.client.found("q=cup", |names| names.len() == 12).await;
    for sort in ["relevance", "price", "-price", "name", "-name"] {
        let (_, page) = running.client.get(&format!("/products/search?q=cup&sort={sort}")).await;
        assert_eq!(ids(&page), created, "{sort}");
    }
    running.stop().await;
}
