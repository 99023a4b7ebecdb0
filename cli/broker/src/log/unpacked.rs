//! The body of a compressed batch, unpacked as far as the broker is willing to. What a producer has packed was never looked
//! at before, and a few bytes may claim, or even hold, gigabytes.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use snap::raw;

/// What the records of one batch may come to, in bytes: the largest batch that a topic takes packs so much only if its
/// records say little.
const MOST: usize = 64 * 1024 * 1024;
/// The memory that zstd may take for what it looks back at, as a power of two: no more than [`MOST`].
const ZSTD_WINDOW: u32 = 26;
/// Begins what Kafka's clients pack with snappy: name and two versions, blocks follow with their lengths in front. Without
/// it, all is one block.
const SNAPPY_HEADER: &[u8; 16] = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01";

/// `None` where that is more than [`MOST`] bytes, or the body is not what its codec packs.
pub(crate) fn body(packed: &[u8], compression: i16) -> Option<Cow<'_, [u8]>> {
    match compression {
        0 => Some(Cow::Borrowed(packed)),
        1 => bounded(MultiGzDecoder::new(packed)),
        2 => snappy(packed).map(Cow::Owned),
        3 => bounded(lz4::Decoder::new(packed).ok()?),
        4 => bounded(zstd(packed).ok()?),
        _ => None,
    }
}

fn zstd(packed: &[u8]) -> io::Result<impl Read + '_> {
    let mut decoder = zstd::Decoder::with_buffer(packed)?;
    decoder.window_log_max(ZSTD_WINDOW)?;
    Ok(decoder)
}

fn bounded<'a>(stream: impl Read) -> Option<Cow<'a, [u8]>> {
    let mut body = Vec::new();
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    stream.take(most.saturating_add(1)).read_to_end(&mut body).ok()?;
    (body.len() <= MOST).then_some(Cow::Owned(body))
}

/// No stream: each block says how long it becomes, and is believed only if all of them together are short enough.
fn snappy(packed: &[u8]) -> Option<Vec<u8>> {
    let blocks = match packed.strip_prefix(SNAPPY_HEADER) {
        Some(blocks) => framed(blocks)?,
        None => vec![packed],
    };
    let mut claimed = 0_usize;
    for block in &blocks {
        claimed = claimed.checked_add(raw::decompress_len(block).ok()?).filter(|claimed| *claimed <= MOST)?;
    }
    let mut body = vec![0; claimed];
    let mut rest = body.as_mut_slice();
    for block in blocks {
        let written = raw::Decoder::new().decompress(block, rest).ok()?;
        rest = rest.split_at_mut_checked(written)?.1;
    }
    Some(body)
}

/// The blocks, each of which has its length in front.
fn framed(mut packed: &[u8]) -> Option<Vec<&[u8]>> {
    let mut blocks = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk() {
        let (block, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        blocks.push(block);
        packed = rest;
    }
    packed.is_empty().then_some(blocks)
}
