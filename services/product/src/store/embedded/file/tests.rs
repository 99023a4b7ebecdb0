use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::*;

/// A disk that can be full.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

fn put(file: &File, value: u64) -> Result<(), Error> {
    file.write(|transaction| {
        transaction.open_table(NUMBERS)?.insert("value", value)?;
        Ok(())
    })
}

fn value(file: &File) -> Result<Option<u64>, Error> {
    file.read(|transaction| Ok(transaction.open_table(NUMBERS)?.get("value")?.map(|value| value.value())))
}

#[test]
fn a_full_disk_loses_nothing_and_is_got_over_without_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("catalog.redb");
    let full = Arc::new(AtomicBool::new(false));
    let disk = full.clone();
    let open = move || {
        let open = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        Builder::new().create_with_backend(Disk { file: FileBackend::new(open)?, full: disk.clone() })
    };
    let file = File::new(open().expect("it opens"), Box::new(open)).expect("it is ours");
    let identity = file.identity();
    put(&file, 1).expect("there is room");
    full.store(true, Ordering::Relaxed);
    put(&file, 2).expect_err("the disk is full");
    assert!(!file.is_writable());
    put(&file, 2).expect_err("it still is");
    full.store(false, Ordering::Relaxed);
    // The first attempt may be what opens the file again.
    put(&file, 3).or_else(|_| put(&file, 3)).expect("there is room again");
    assert!(file.is_writable());
    assert_eq!(value(&file).expect("readable"), Some(3));
    assert_eq!(file.identity(), identity);
}

#[test]
fn a_file_of_a_later_format_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("catalog.redb");
    let file = File::open(path.clone()).expect("it opens");
    file.write(|transaction| {
        transaction.open_table(NUMBERS)?.insert(FORMAT, CURRENT_FORMAT + 1)?;
        Ok(())
    })
    .expect("writable");
    drop(file);
    let error = File::open(path).err().expect("refused");
    assert_eq!(error.to_string(), "the catalog's file has format 2, and this program knows only 1");
}

#[test]
fn a_file_that_was_half_made_is_made_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("catalog.redb");
    std::fs::write(path.with_extension("new"), vec![0; 4096]).expect("writable");
    put(&File::open(path.clone()).expect("it opens"), 1).expect("writable");
    assert_eq!(value(&File::open(path).expect("it opens")).expect("readable"), Some(1));
}

#[test]
fn what_is_no_catalog_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("catalog.redb");
    std::fs::write(&path, vec![7; 8192]).expect("writable");
    File::open(path.clone()).err().expect("refused");
    assert_eq!(std::fs::read(path).expect("readable"), vec![7; 8192], "whatever it is, it was left alone");
}
