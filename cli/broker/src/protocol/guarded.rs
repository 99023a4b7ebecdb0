//! A buffer that refuses lengths which the bytes left cannot hold.
//!
//! `kafka-protocol` reserves memory for as many elements as an array's length claims, before it reads the first one.
//! A frame of twenty bytes can claim two thousand million elements, and a refused allocation aborts the process. So
//! every request is decoded twice: first through a *probe*, which shortens each 32-bit number to one more than the
//! bytes left (a scalar does not care, an array of that many elements cannot be there and ends in an error), and then
//! for good. Compact lengths are varints and are judged where they begin, in both rounds.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::buf::ByteBuf;

pub(crate) struct Guarded {
    bytes: Bytes,
    probing: bool,
}

impl Guarded {
    pub(crate) fn probe(bytes: Bytes) -> Self {
        Self { bytes, probing: true }
    }

    pub(crate) fn trusted(bytes: Bytes) -> Self {
        Self { bytes, probing: false }
    }

    /// The varint that starts here, if it is complete.
    fn varint(&self) -> Option<u64> {
        let mut value = 0;
        for (index, byte) in self.bytes.iter().take(5).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl Buf for Guarded {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    /// Only booleans and varints are read byte by byte. A compact length counts one more than it holds, and each
    /// element takes at least a byte.
    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let available = self.remaining();
        match self.varint() {
            Some(length) if length <= available as u64 => Ok(self.bytes.get_u8()),
            Some(_) | None => Err(TryGetError { requested: available + 1, available }),
        }
    }

    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        let value = self.bytes.try_get_i32()?;
        let limit = i32::try_from(self.remaining() + 1).unwrap_or(i32::MAX);
        Ok(if self.probing { value.min(limit) } else { value })
    }
}

impl ByteBuf for Guarded {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.bytes.split_to(size)
    }
}
