//! Small files that are replaced as a whole: whoever is killed leaves the old content or the new.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The content, or `None` if there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Answers with the file that is there now, open for writing.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<File> {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".new");
    let new = path.with_file_name(name);
    let replace = || {
        let mut file = File::create(&new)?;
        file.write_all(content)?;
        // A rename that reaches the disk before the content would leave an empty file after a power cut.
        file.sync_all()?;
        fs::rename(&new, path)?;
        Ok(file)
    };
    // Where the disk is full, what was begun would take the room that others need.
    replace().inspect_err(|_| fs::remove_file(&new).unwrap_or_default())
}
