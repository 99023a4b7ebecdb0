//! The files of a store. A segment is named by when it was begun: milliseconds since 1970.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

const EXTENSION: &str = ".spans";
/// What SQLite keeps beside a database that is written to.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

pub(super) fn create(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

pub(super) fn path(folder: &Path, created: u64) -> PathBuf {
    folder.join(format!("{created:013}{EXTENSION}"))
}

pub(super) fn created(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(EXTENSION)?.parse().ok()
}

/// Every segment with when it was begun, the oldest first.
pub(crate) fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        found.extend(created(&path).map(|created| (created, path)));
    }
    found.sort_unstable();
    Ok(found)
}

/// Of everything in the folder.
pub(crate) fn bytes(folder: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        // What has just been removed has no size.
        total += entry?.metadata().map_or(0, |metadata| metadata.len());
    }
    Ok(total)
}

pub(super) fn bytes_of(segment: &Path) -> u64 {
    let size = |path: PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
    size(segment.to_owned()) + COMPANIONS.iter().map(|companion| size(beside(segment, companion))).sum::<u64>()
}

pub(super) fn remove(segment: &Path) -> io::Result<()> {
    // The database first: without it, nobody opens the rest.
    remove_if_there(segment)?;
    COMPANIONS.iter().try_for_each(|companion| remove_if_there(&beside(segment, companion)))
}

/// Removes what a kill in the middle of [`remove`] has left.
pub(super) fn tidy(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.to_str().unwrap_or_default();
        let database = COMPANIONS.iter().find_map(|companion| name.strip_suffix(companion));
        if database.is_some_and(|database| !Path::new(database).exists()) {
            remove_if_there(&path)?;
        }
    }
    Ok(())
}

fn beside(segment: &Path, companion: &str) -> PathBuf {
    let mut path = segment.as_os_str().to_owned();
    path.push(companion);
    path.into()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
