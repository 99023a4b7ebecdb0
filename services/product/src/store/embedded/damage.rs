//! A folder whose index is damaged, or which somebody else has.

use std::fs;
use std::path::{Path, PathBuf};

use super::tests::draft;
use super::*;

type Damage = fn(&Path);

async fn found(catalog: &Embedded) -> Vec<Product> {
    let search = Search { text: "globe".to_owned(), sort: Default::default(), after: None, limit: 10 };
    catalog.search(search).await.expect("searchable").products
}

#[tokio::test]
async fn an_index_that_is_gone_or_damaged_is_made_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let catalog = Embedded::open(folder.path()).expect("it opens");
    let expected = catalog.create(vec![draft("Political globe"), draft("Globe")]).await.expect("written");
    drop(catalog);
    let index = folder.path().join(INDEX);
    let damages: [(&str, Damage); 5] = [
        ("gone", |index| fs::remove_dir_all(index).expect("it is there")),
        ("a file instead", |index| {
            fs::remove_dir_all(index).expect("it is there");
            fs::write(index, "index").expect("writable");
        }),
        ("without content", |index| files(index).iter().for_each(|file| fs::write(file, "").expect("writable"))),
        ("with one bit turned", |index| {
            for file in files(index) {
                let mut bytes = fs::read(&file).expect("readable");
                if let Some(byte) = bytes.first_mut() {
                    *byte ^= 1;
                }
                fs::write(file, bytes).expect("writable");
            }
        }),
        ("of another format", |index| {
            let meta = index.join("meta.json");
            let text = fs::read_to_string(&meta).expect("readable").replace("format", "was");
            fs::write(meta, text).expect("writable");
        }),
    ];
    for (name, damage) in damages {
        damage(&index);
        let catalog = Embedded::open(folder.path()).expect("it opens");
        let mut found = found(&catalog).await;
        found.sort_by(|one, other| other.details.name.cmp(&one.details.name));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_folder_that_somebody_has_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let _catalog = Embedded::open(folder.path()).expect("it opens");
    let error = Embedded::open(folder.path()).err().expect("it is taken");
    assert_eq!(error.to_string(), "another process has the catalog's file open");
}

fn files(index: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(index).expect("readable");
    entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_file()).collect()
}
