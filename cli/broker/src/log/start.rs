//! The offset below which records were deleted on request, kept in a small file that is replaced as a whole.

use std::io;
use std::path::Path;

use crate::file;

const NAME: &str = "start-offset";

pub(super) fn read(dir: &Path) -> io::Result<Option<i64>> {
    let Some(text) = file::read(&dir.join(NAME))? else { return Ok(None) };
    let offset = String::from_utf8_lossy(&text).trim().parse().map_err(io::Error::other)?;
    Ok(Some(offset))
}

pub(super) fn write(dir: &Path, offset: i64) -> io::Result<()> {
    file::replace(&dir.join(NAME), offset.to_string().as_bytes()).map(|_file| ())
}
