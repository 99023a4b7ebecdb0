//! Reads a segment from its beginning, batch by batch, with few system calls and little memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::batch::{Batch, HEADER};

const CHUNK: usize = 1024 * 1024;

/// Hands every intact batch to `each`, until one is torn or damaged, or `each` says no.
pub(super) fn batches(file: &File, length: u64, mut each: impl FnMut(&Batch) -> bool) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut position = 0;
    loop {
        // At least one whole batch must fit: the header first says how much that is.
        let wanted = Batch::parse(&buffer).map_or(HEADER, |batch| batch.size).max(CHUNK);
        let left = length - position;
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        buffer.resize(size, 0);
        file.read_exact_at(&mut buffer, position)?;

        let mut at = 0;
        while let Some(batch) = Batch::parse(&buffer[at..]) {
            let Some(bytes) = buffer.get(at..at.saturating_add(batch.size)) else { break };
            if !batch.is_intact(bytes) || !each(&batch) {
                return Ok(());
            }
            at += batch.size;
        }
        position += at as u64;
        let grows = Batch::parse(&buffer[at..])
            .is_some_and(|batch| at == 0 && batch.size > buffer.len() && batch.size as u64 <= left);
        if at == 0 && !grows {
            return Ok(());
        }
        buffer.drain(..at);
    }
}
