//! Any history of writes and restarts, beside a model that keeps everything in a list.

use bus::outbox::Outbox;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::tests::{SELLER, details, draft};
use super::*;
use crate::domain::Sort;

#[derive(Debug, Clone)]
enum Step {
    Create(usize),
    Update(usize, u8),
    Delete(usize),
    /// The broker gets so many of the events that wait.
    Publish(usize),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..4_usize).prop_map(Step::Create),
        3 => (any::<usize>(), 0..3_u8).prop_map(|(which, name)| Step::Update(which, name)),
        2 => any::<usize>().prop_map(Step::Delete),
        1 => (0..5_usize).prop_map(Step::Publish),
        1 => Just(Step::Restart),
    ]
}

/// What the catalog should hold.
#[derive(Default)]
struct Model {
    /// In the order of creation, deleted ones too, with whether they stand.
    products: Vec<(Product, bool)>,
    /// Product and version of every event that waits.
    waiting: Vec<(String, u64)>,
}

impl Model {
    fn created(&mut self, product: Product) {
        assert!(self.products.iter().all(|(before, _)| before.id != product.id), "an id comes once");
        self.waiting.push((product.id.clone(), 1));
        self.products.push((product, true));
    }

    fn standing(&self) -> Vec<Product> {
        self.products.iter().filter(|(_, stands)| *stands).map(|(product, _)| product.clone()).collect()
    }

    async fn apply(&mut self, step: Step, catalog: &Embedded) {
        let count = self.products.len().max(1);
        match step {
            Step::Create(many) => {
                let drafts = (0..many).map(|number| draft(&format!("new {number}"))).collect();
                catalog.create(drafts).await.expect("written").into_iter().for_each(|product| self.created(product));
            }
            Step::Update(which, name) => {
                let Some((product, stands)) = self.products.get_mut(which % count) else { return };
                let details = details(&format!("changed {name}"));
                let updated = catalog.update(&product.id, Actor::Account(SELLER), details.clone()).await;
                if !*stands {
                    assert!(matches!(updated, Err(ChangeError::NotFound)));
                    return;
                }
                if product.details != details {
                    product.version += 1;
                    product.details = details;
                    self.waiting.push((product.id.clone(), product.version));
                }
                assert_eq!(updated.expect("written"), *product);
            }
            Step::Delete(which) => {
                let Some((product, stands)) = self.products.get_mut(which % count) else { return };
                let deleted = catalog.delete(&product.id, Actor::Owner).await;
                assert_eq!(deleted.is_ok(), *stands);
                if std::mem::take(stands) {
                    self.waiting.push((product.id.clone(), product.version + 1));
                }
            }
            Step::Publish(many) => {
                let mut outbox = catalog.outbox();
                let pending = outbox.pending(many).await.expect("readable");
                outbox.published(pending.iter().map(|(mark, _)| *mark).collect()).await.expect("marked");
                self.waiting.drain(..pending.len());
            }
            Step::Restart => {}
        }
    }

    async fn compare(&self, catalog: &Embedded) {
        for (product, stands) in &self.products {
            let found = catalog.get(&product.id).await.expect("readable");
            assert_eq!(found.as_ref(), stands.then_some(product));
        }
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = catalog.list(after, 3).await.expect("readable");
            listed.extend(page.products);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(listed, self.standing());
        let pending = catalog.outbox().pending(1000).await.expect("readable");
        let waiting = pending.iter().map(|(_, event)| {
            let value: serde_json::Value = serde_json::from_slice(&event.value).expect("JSON");
            (event.key.clone(), value["data"]["version"].as_u64().expect("a version"))
        });
        assert_eq!(waiting.collect::<Vec<_>>(), self.waiting);
    }
}

proptest! {
    // Each write waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_history_leaves_what_the_model_says(steps in proptest::collection::vec(step(), 1..25)) {
        let runtime = Runtime::new().expect("threads");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = || Embedded::open(folder.path()).expect("it opens");
        let mut model = Model::default();
        let mut catalog = Some(open());
        for step in steps {
            if matches!(step, Step::Restart) {
                // The file has one owner: the old one goes before the new one comes.
                drop(catalog.take());
            }
            let catalog = catalog.get_or_insert_with(open);
            runtime.block_on(model.apply(step, catalog));
            runtime.block_on(model.compare(catalog));
        }
        drop(catalog.take());
        // The search is whole from the start on.
        let search = Search { text: String::new(), sort: Sort::Relevance, after: None, limit: 1000 };
        let found = runtime.block_on(open().search(search)).expect("searchable");
        prop_assert_eq!(found.products, model.standing());
    }
}
