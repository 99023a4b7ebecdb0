//! The files: `RESOURCE/NUMBER.log`, numbers rising.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::header::{BODY_BYTES, BYTES, Header, MARK};

/// The resources that have a log in `dir`, sorted.
///
/// # Errors
/// When the folder cannot be read.
pub fn resources(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.log"))
}

/// The numbers of a resource's segments, rising.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".log")?.parse().ok();
    let mut numbers: Vec<u64> = entries.flatten().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The first header in `bytes`, which begin at `offset` of the segment, and where in them it is.
pub(super) fn find(bytes: &[u8], segment: u64, offset: u64) -> Option<(usize, Header)> {
    memchr::memchr_iter(MARK, bytes)
        .find_map(|at| Some((at, Header::decode(&bytes[at..], segment, offset + at as u64)?)))
}

/// The last header of a segment, and its offset.
pub(super) fn last(file: &File, segment: u64, size: u64) -> io::Result<Option<(u64, Header)>> {
    let start = size.saturating_sub((BODY_BYTES + 2 * BYTES) as u64);
    let mut bytes = vec![0; usize::try_from(size - start).unwrap_or(0)];
    file.read_exact_at(&mut bytes, start)?;
    let mut found = None;
    let mut at = 0;
    while let Some((skipped, header)) = find(&bytes[at..], segment, start + at as u64) {
        at += skipped;
        found = Some((start + at as u64, header));
        at = (at + BYTES + header.length as usize).min(bytes.len());
    }
    Ok(found)
}
