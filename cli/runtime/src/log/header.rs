//! What stands in front of every record: 53 bytes of text, all numbers in hexadecimal.

use super::Stream;

/// Of a header.
pub(super) const BYTES: usize = 53;
/// What a record holds at most beside its header.
pub(super) const BODY_BYTES: usize = 256 << 10;
/// Begins a header (ASCII: record separator).
pub(super) const MARK: u8 = 0x1e;

/// What is covered by the check.
const CHECKED: usize = BYTES - 9;
const STDERR: u64 = 1;
const CONTINUES: u64 = 2;
const GOES_ON: u64 = 4;

/// `MARK stamp:16 flags:1 first:16 lines:5 length:5 check:8 LF`, without the spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Of the first piece; the others have those that follow.
    pub stamp: u64,
    pub stream: Stream,
    /// The first piece goes on with the line that this stream has open.
    pub continues: bool,
    /// The last piece is not the end of its line.
    pub goes_on: bool,
    /// Lines of this resource that ended before this record.
    pub first: u64,
    /// Lines that end in this record.
    pub lines: u32,
    /// Bytes of the body.
    pub length: u32,
}

impl Header {
    /// Lines and parts of lines in the body: as many stamps it has.
    #[must_use]
    pub fn pieces(&self) -> u64 {
        u64::from(self.lines) + u64::from(self.goes_on)
    }

    /// Stamp, bytes and whether it goes on, of each piece of this record's body.
    pub fn split<'a>(&self, body: &'a [u8]) -> impl Iterator<Item = (u64, &'a [u8], bool)> {
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', body).map(|end| (end, false));
        let rest = self.goes_on.then_some((body.len(), true));
        (self.stamp..).zip(ends.chain(rest)).map(move |(stamp, (end, partial))| {
            let piece = &body[start..end];
            start = end + 1;
            (stamp, piece, partial)
        })
    }

    /// As it stands at `offset` of the segment with this number.
    pub(super) fn encode(&self, segment: u64, offset: u64) -> [u8; BYTES] {
        let mut bytes = [b'\n'; BYTES];
        bytes[0] = MARK;
        let flag = |set: bool, flag: u64| if set { flag } else { 0 };
        let flags =
            flag(self.stream == Stream::Stderr, STDERR) | flag(self.continues, CONTINUES) | flag(self.goes_on, GOES_ON);
        put(&mut bytes[1..17], self.stamp);
        put(&mut bytes[17..18], flags);
        put(&mut bytes[18..34], self.first);
        put(&mut bytes[34..39], self.lines.into());
        put(&mut bytes[39..44], self.length.into());
        let check = check(&bytes[..CHECKED], segment, offset);
        put(&mut bytes[44..52], check.into());
        bytes
    }

    /// The header that `bytes` begins with, if that was written there.
    pub(super) fn decode(bytes: &[u8], segment: u64, offset: u64) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.first_chunk()?;
        if bytes[0] != MARK || get(&bytes[44..52])? != u64::from(check(&bytes[..CHECKED], segment, offset)) {
            return None;
        }
        let flags = get(&bytes[17..18])?;
        Some(Self {
            stamp: get(&bytes[1..17])?,
            stream: if flags & STDERR == 0 { Stream::Stdout } else { Stream::Stderr },
            continues: flags & CONTINUES != 0,
            goes_on: flags & GOES_ON != 0,
            first: get(&bytes[18..34])?,
            lines: u32::try_from(get(&bytes[34..39])?).ok()?,
            length: u32::try_from(get(&bytes[39..44])?).ok().filter(|&length| length as usize <= BODY_BYTES)?,
        })
    }
}

fn check(bytes: &[u8], segment: u64, offset: u64) -> u32 {
    let check = crc32c::crc32c_append(crc32c::crc32c(bytes), &segment.to_le_bytes());
    crc32c::crc32c_append(check, &offset.to_le_bytes())
}

fn put(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

fn get(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, &digit| Some(number << 4 | u64::from(char::from(digit).to_digit(16)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_is_read_as_it_was_written_and_only_where_it_was_written(
            stamp: u64, first: u64, lines in 0..=0xfffff_u32, length in 0..=(BODY_BYTES as u32), flags in 0..8_u8, segment: u64, offset: u64,
        ) {
            let stream = if flags & 1 == 0 { Stream::Stdout } else { Stream::Stderr };
            let header = Header { stamp, stream, continues: flags & 2 != 0, goes_on: flags & 4 != 0, first, lines, length };
            let bytes = header.encode(segment, offset);
            prop_assert_eq!(Header::decode(&bytes, segment, offset), Some(header));
            prop_assert_eq!(Header::decode(&bytes, segment, offset.wrapping_add(1)), None);
            prop_assert_eq!(Header::decode(&bytes, segment.wrapping_add(1), offset), None);
            prop_assert_eq!(Header::decode(&bytes[..BYTES - 1], segment, offset), None);
        }
    }
}
