//! What Kafka's messages are cut into: a length, and so many bytes.

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::{io::AsyncReadExt as _, net::tcp::ReadHalf};

use crate::link::Cut;

/// Longest frame in bytes, as Kafka has it.
const LONGEST: usize = 100 << 20;
/// Memory for a frame is taken as its bytes arrive, this much at a time.
const STEP: usize = 64 * 1024;
/// Bytes of the length in front of a frame.
pub(super) const LENGTH: usize = 4;

/// What every request begins with, whatever its version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) api: i16,
    pub(super) version: i16,
    pub(super) correlation: i32,
}

impl Head {
    pub(super) fn of(frame: &Bytes) -> Option<Self> {
        let mut bytes = frame.get(LENGTH..LENGTH + 8)?;
        Some(Self { api: bytes.get_i16(), version: bytes.get_i16(), correlation: bytes.get_i32() })
    }
}

/// Which request a response belongs to.
pub(super) fn correlation(frame: &Bytes) -> Option<i32> {
    frame.get(LENGTH..LENGTH + 4).map(|mut bytes| bytes.get_i32())
}

/// The next frame, its length in front; `None` at an end between frames.
pub(super) async fn next(from: &mut ReadHalf<'_>, buffer: &mut BytesMut) -> Result<Option<Bytes>, Cut> {
    loop {
        if let Some(mut length) = buffer.get(..LENGTH) {
            let whole = usize::try_from(length.get_i32()).map_err(|_| Cut)?.saturating_add(LENGTH);
            if whole > LONGEST {
                return Err(Cut);
            }
            if buffer.len() >= whole {
                return Ok(Some(buffer.split_to(whole).freeze()));
            }
        }
        buffer.reserve(STEP);
        match from.read_buf(buffer).await {
            Ok(0) if buffer.is_empty() => return Ok(None),
            Ok(0) | Err(_) => return Err(Cut),
            Ok(_) => {}
        }
    }
}

/// A frame of these bytes, `LENGTH` of which are free in front.
pub(super) fn closed(mut bytes: BytesMut) -> anyhow::Result<Bytes> {
    let length = i32::try_from(bytes.len() - LENGTH)?;
    bytes[..LENGTH].copy_from_slice(&length.to_be_bytes());
    Ok(bytes.freeze())
}
