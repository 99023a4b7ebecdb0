use std::time::{Duration, Instant};

use bus::Event;
use bus::outbox::Outbox;
use kit::Cents;
use proptest::prelude::*;
use proptest::sample;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::domain::Sort;

pub(super) const SELLER: i64 = 7;
const DEADLINE: Duration = Duration::from_secs(20);

pub(super) fn details(name: &str) -> Details {
    Details { name: name.to_owned(), description: "d".to_owned(), price: Cents::ZERO, sku: None }
}

pub(super) fn draft(name: &str) -> Draft {
    Draft { account_id: SELLER, details: details(name) }
}

fn open() -> (TempDir, Embedded) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Embedded::open(folder.path()).expect("it opens");
    (folder, catalog)
}

async fn create(catalog: &Embedded, name: &str) -> Product {
    catalog.create(vec![draft(name)]).await.expect("written").pop().expect("one product")
}

async fn pending(catalog: &Embedded) -> Vec<(u64, Event)> {
    catalog.outbox().pending(1000).await.expect("readable")
}

fn told(event: &Event) -> (String, Value) {
    let mut value: Value = serde_json::from_slice(&event.value).expect("JSON");
    (event.kind.clone(), value["data"].take())
}

#[tokio::test]
async fn every_change_leaves_its_event_with_a_rising_version() {
    let (_folder, catalog) = open();
    let product = create(&catalog, "one").await;
    let mut dearer = details("one");
    dearer.price = Cents::MAX_PRICE;
    dearer.sku = Some("A1".to_owned());
    catalog.update(&product.id, Actor::Account(SELLER), dearer).await.expect("changed");
    catalog.delete(&product.id, Actor::Owner).await.expect("deleted");
    let events = pending(&catalog).await;
    let id = &product.id;
    let told: Vec<_> = events.iter().map(|(_, event)| told(event)).collect();
    let expected = [
        (
            "product_created",
            json!({"product_id": id, "name": "one", "description": "d", "price": 0.0,
            "account_id": SELLER, "version": 1, "price_cents": 0}),
        ),
        (
            "product_updated",
            json!({"product_id": id, "name": "one", "description": "d", "price": 999_999.99,
            "account_id": SELLER, "version": 2, "price_cents": 99_999_999, "sku": "A1"}),
        ),
        ("product_deleted", json!({"product_id": id, "version": 3})),
    ];
    assert_eq!(told, expected.map(|(kind, data)| (kind.to_owned(), data)));
    for (_, event) in &events {
        assert_eq!((&event.key, event.topic.as_str(), event.source.as_str()), (id, "product_events", "product"));
    }
    let mut distinct: Vec<_> = events.iter().map(|(_, event)| event.id).collect();
    distinct.dedup();
    assert_eq!(distinct.len(), 3);
}

#[tokio::test]
async fn what_is_refused_or_changes_nothing_leaves_no_event() {
    let (_folder, catalog) = open();
    let product = create(&catalog, "one").await;
    let same = catalog.update(&product.id, Actor::Account(SELLER), details("one")).await.expect("fine");
    assert_eq!(same.version, 1);
    let refused = catalog.update(&product.id, Actor::Account(SELLER + 1), details("two")).await;
    assert!(matches!(refused, Err(ChangeError::NotOwner)));
    let unknown = catalog.delete("unknown", Actor::Owner).await;
    assert!(matches!(unknown, Err(ChangeError::NotFound)));
    assert_eq!(pending(&catalog).await.len(), 1);
}

#[tokio::test]
async fn events_that_were_not_marked_are_still_there_after_a_restart_in_order() {
    let (folder, catalog) = open();
    for name in ["one", "two", "three"] {
        create(&catalog, name).await;
    }
    let before = pending(&catalog).await;
    catalog.outbox().published(vec![before[0].0]).await.expect("marked");
    drop(catalog);
    let catalog = Embedded::open(folder.path()).expect("it opens");
    assert_eq!(pending(&catalog).await, before[1..]);
    // A mark is never given to another event.
    catalog.outbox().published(before.iter().map(|(mark, _)| *mark).collect()).await.expect("marked");
    create(&catalog, "four").await;
    let (mark, _) = pending(&catalog).await.pop().expect("one event");
    assert!(before.iter().all(|(before, _)| *before < mark));
}

#[tokio::test]
async fn a_deleted_product_keeps_its_id_and_its_place() {
    let (folder, catalog) = open();
    let one = create(&catalog, "one").await;
    catalog.delete(&one.id, Actor::Owner).await.expect("deleted");
    let page = catalog.list(None, 10).await.expect("readable");
    assert_eq!(page, Page { products: vec![], next: None });
    drop(catalog);
    let catalog = Embedded::open(folder.path()).expect("it opens");
    assert!(matches!(catalog.delete(&one.id, Actor::Owner).await, Err(ChangeError::NotFound)));
    let two = create(&catalog, "two").await;
    let three = create(&catalog, "three").await;
    // Somebody whose page ended with the deleted product goes on behind it.
    let page = catalog.list(Some(1), 10).await.expect("readable");
    assert_eq!(page.products, [two, three]);
}

#[tokio::test]
async fn a_catalog_whose_writer_died_says_so() {
    let (_folder, catalog) = open();
    catalog.check().await.expect("all is well");
    let product = create(&catalog, "one").await;
    catalog.writer.write::<()>(|_| panic!("for the test")).await.expect_err("no answer comes");
    let deadline = Instant::now() + DEADLINE;
    while catalog.check().await.is_ok() {
        assert!(Instant::now() < deadline, "nobody notices");
        tokio::task::yield_now().await;
    }
    let error = catalog.create(vec![draft("two")]).await.expect_err("nobody writes");
    assert_eq!(error.to_string(), "the catalog store can't be reached: the catalog's writer has stopped");
    assert_eq!(catalog.get(&product.id).await.expect("readable"), Some(product));
}

#[tokio::test]
async fn an_index_that_is_behind_is_caught_up_at_the_start() {
    let (folder, catalog) = open();
    create(&catalog, "teapot").await;
    drop(catalog);
    let index = folder.path().join(INDEX);
    let aside = folder.path().join("aside");
    copy(&index, &aside);
    let catalog = Embedded::open(folder.path()).expect("it opens");
    let kettle = create(&catalog, "kettle").await;
    drop(catalog);
    // As a kill between the commit of the file and that of the index leaves it.
    std::fs::remove_dir_all(&index).expect("writable");
    std::fs::rename(&aside, &index).expect("writable");
    let catalog = Embedded::open(folder.path()).expect("it opens");
    assert_eq!(find(&catalog, "kettle").await, [kettle]);
    assert_eq!(find(&catalog, "teapot").await.len(), 1);
}

#[tokio::test]
async fn an_index_of_another_catalog_is_not_believed() {
    let (folder, catalog) = open();
    create(&catalog, "teapot").await;
    drop(catalog);
    let (other, catalog) = open();
    create(&catalog, "kettle").await;
    drop(catalog);
    std::fs::remove_dir_all(folder.path().join(INDEX)).expect("writable");
    copy(&other.path().join(INDEX), &folder.path().join(INDEX));
    let catalog = Embedded::open(folder.path()).expect("it opens");
    assert_eq!(find(&catalog, "teapot").await.len(), 1);
    assert_eq!(find(&catalog, "kettle").await, []);
}

#[tokio::test]
async fn an_index_that_breaks_while_it_is_used_is_made_again() {
    let (folder, catalog) = open();
    create(&catalog, "teapot").await;
    let deadline = Instant::now() + DEADLINE;
    // Whatever the indexer still writes there goes too.
    let index = folder.path().join(INDEX);
    while std::fs::remove_dir_all(&index).is_err() || std::fs::write(&index, "in the way").is_err() {
        assert!(Instant::now() < deadline, "it keeps writing");
    }
    create(&catalog, "kettle").await;
    while find(&catalog, "kettle").await.is_empty() {
        assert!(Instant::now() < deadline, "not found again");
        tokio::task::yield_now().await;
    }
    assert_eq!(find(&catalog, "teapot").await.len(), 1);
}

#[test]
fn no_text_breaks_the_search() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Embedded::open(folder.path()).expect("it opens");
    runtime.block_on(async {
        for name in ["Café au lait", "INFLATABLE GLOBE", "ﬁne 12\" mug", "日本 茶", "a"] {
            create(&catalog, name).await;
        }
    });
    drop(catalog);
    let catalog = Embedded::open(folder.path()).expect("it opens");
    let sorts = [Sort::Relevance, Sort::PriceRising, Sort::PriceFalling, Sort::NameRising, Sort::NameFalling];
    let strategy =
        (prop_oneof![".{0,40}", "[a-zé日茶 *?\"():~^0-9+-]{0,40}", "[a-g]{60,70}"], sample::select(sorts.to_vec()));
    proptest!(|((text, sort) in strategy)| {
        let search = Search { text, sort, after: None, limit: 2 };
        let page = runtime.block_on(catalog.search(search.clone())).expect("searchable");
        prop_assert!(page.products.len() <= 2);
        if page.next.is_some() {
            let next = Search { after: page.next, ..search };
            let next = runtime.block_on(catalog.search(next)).expect("searchable");
            prop_assert!(next.products.iter().all(|product| !page.products.contains(product)));
        }
    });
}

async fn find(catalog: &Embedded, text: &str) -> Vec<Product> {
    let search = Search { text: text.to_owned(), sort: Default::default(), after: None, limit: 10 };
    catalog.search(search).await.expect("searchable").products
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("writable");
    for entry in std::fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a file"))).expect("writable");
    }
}
