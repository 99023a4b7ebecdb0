//! The records inside a batch, looked at only as far as the broker must: are they whole, and when were they made.

use super::batch::{Batch, HEADER};
use super::unpacked;

/// A record's place within its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset_delta: i64,
    pub(crate) timestamp_delta: i64,
}

/// A record as its producer wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    pub(crate) place: Place,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// Whether the bytes are exactly `count` records, numbered from 0.
pub(crate) fn are_sound(mut bytes: &[u8], count: i32) -> bool {
    let mut expected = 0;
    while !bytes.is_empty() {
        match next(&mut bytes) {
            Some(place) if place.offset_delta == expected => expected += 1,
            Some(_) | None => return false,
        }
    }
    expected == i64::from(count)
}

/// The first record of the batch at `from` or after that is not older than `timestamp` (milliseconds): its offset and
/// timestamp. Where the records cannot be looked at (see [`unpacked`]), the batch stands for all of them: its first offset
/// and its newest timestamp.
pub(crate) fn first_since(bytes: &[u8], batch: &Batch, timestamp: i64, from: i64) -> Option<(i64, i64)> {
    let unread = Some((batch.base_offset.max(from), batch.max_timestamp));
    let Some(body) = unpacked::body(&bytes[HEADER..], batch.compression()) else { return unread };
    let mut rest = body.as_ref();
    while !rest.is_empty() {
        let Some(place) = next(&mut rest) else { return unread };
        let offset = batch.base_offset.saturating_add(place.offset_delta);
        let at = batch.base_timestamp.saturating_add(place.timestamp_delta);
        if offset >= from && at >= timestamp {
            return Some((offset, at));
        }
    }
    None
}

/// Takes one whole record off the front; `None` where there is none or it is malformed.
fn next(bytes: &mut &[u8]) -> Option<Place> {
    let (place, _, _, mut record, headers) = begin(bytes)?;
    for _ in 0..headers {
        header(&mut record)?;
    }
    record.is_empty().then_some(place)
}

/// The same, with all that is in it.
pub(crate) fn content<'a>(bytes: &mut &'a [u8]) -> Option<Content<'a>> {
    let (place, key, value, mut record, headers) = begin(bytes)?;
    let headers = (0..headers).map(|_| header(&mut record)).collect::<Option<_>>()?;
    record.is_empty().then_some(Content { place, key, value, headers })
}

type Begun<'a> = (Place, Option<&'a [u8]>, Option<&'a [u8]>, &'a [u8], i64);

/// What stands before the headers of the record at the front, which is taken off; then the headers, and how many there are.
fn begin<'a>(bytes: &mut &'a [u8]) -> Option<Begun<'a>> {
    let length = usize::try_from(varint(bytes)?).ok()?;
    let mut record = take(bytes, length)?;
    let _attributes = take(&mut record, 1)?;
    let timestamp_delta = varint(&mut record)?;
    let offset_delta = varint(&mut record)?;
    let key = nullable(&mut record)?;
    let value = nullable(&mut record)?;
    let headers = varint(&mut record)?;
    (headers >= 0).then_some((Place { offset_delta, timestamp_delta }, key, value, record, headers))
}

fn header<'a>(record: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let name = usize::try_from(varint(record)?).ok()?;
    Some((take(record, name)?, nullable(record)?))
}

fn nullable<'a>(record: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match varint(record)? {
        -1 => Some(None),
        length => take(record, usize::try_from(length).ok()?).map(Some),
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}

/// A zigzag varint of up to 64 bits.
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}
