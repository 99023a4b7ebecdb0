//! The header of a record batch (format v2), and what makes a batch acceptable.

use bytes::Buf;
use kafka_protocol::ResponseError;

use super::records;

/// Bytes of a batch before its first record.
pub(crate) const HEADER: usize = 61;
/// Bytes of a batch that its own length field does not count: base offset and length.
const PREFIX: usize = 12;
/// What the checksum covers starts here.
const CHECKED: usize = 21;
const MAGIC: usize = 16;
const COMPRESSION: i16 = 0b111;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
const ZSTD: i16 = 4;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch {
    pub(crate) base_offset: i64,
    /// All of its bytes, header included.
    pub(crate) size: usize,
    magic: i8,
    crc: u32,
    attributes: i16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    count: i32,
}

impl Batch {
    /// Reads the header; `None` where the bytes are too few or no header.
    pub(crate) fn parse(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER {
            return None;
        }
        let base_offset = bytes.get_i64();
        let size = usize::try_from(bytes.get_i32()).ok()? + PREFIX;
        let _leader_epoch = bytes.get_i32();
        let batch = Self {
            base_offset,
            size,
            magic: bytes.get_i8(),
            crc: bytes.get_u32(),
            attributes: bytes.get_i16(),
            last_offset_delta: bytes.get_i32(),
            base_timestamp: bytes.get_i64(),
            max_timestamp: bytes.get_i64(),
            producer_id: bytes.get_i64(),
            producer_epoch: bytes.get_i16(),
            base_sequence: bytes.get_i32(),
            count: bytes.get_i32(),
        };
        (size >= HEADER && batch.magic == 2 && batch.last_offset_delta >= 0).then_some(batch)
    }

    /// The offset after its last record.
    pub(crate) fn next_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta) + 1)
    }

    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub(crate) fn compression(&self) -> i16 {
        self.attributes & COMPRESSION
    }

    /// Whether these bytes (all of the batch) are what was written.
    pub(crate) fn is_intact(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.size && crc32c::crc32c(&bytes[CHECKED..]) == self.crc
    }

    /// Judges what a producer sent for one partition: exactly one batch, intact, with what its header says.
    pub(crate) fn accept(bytes: &[u8], max_size: usize, version: i16) -> Result<Self, ResponseError> {
        if bytes.len() <= MAGIC || bytes[MAGIC] != 2 {
            return Err(ResponseError::InvalidRecord);
        }
        let batch = Self::parse(bytes).ok_or(ResponseError::CorruptMessage)?;
        if batch.size > max_size {
            return Err(ResponseError::MessageTooLarge);
        }
        if batch.size < bytes.len() {
            return Err(ResponseError::InvalidRecord);
        }
        if !batch.is_intact(bytes) {
            return Err(ResponseError::CorruptMessage);
        }
        if batch.compression() > ZSTD || (batch.compression() == ZSTD && version < 7) {
            return Err(ResponseError::UnsupportedCompressionType);
        }
        if batch.attributes & TRANSACTIONAL != 0 {
            return Err(ResponseError::InvalidTxnState);
        }
        let counted = batch.count > 0 && batch.last_offset_delta == batch.count - 1;
        let sequenced = batch.producer_id < 0 || (batch.producer_epoch >= 0 && batch.base_sequence >= 0);
        if batch.attributes & CONTROL != 0 || !counted || !sequenced {
            return Err(ResponseError::InvalidRecord);
        }
        // What is compressed is stored as it came: its records concern the consumers, and only they unpack them.
        if batch.compression() == 0 && !records::are_sound(&bytes[HEADER..], batch.count) {
            return Err(ResponseError::InvalidRecord);
        }
        Ok(batch)
    }
}
