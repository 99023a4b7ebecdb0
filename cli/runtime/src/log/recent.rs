//! The last lines of a resource in memory: what `why` and a failed boot show.

use std::collections::VecDeque;

use super::{Header, Stream};

/// Lines that are kept.
const LINES: usize = 40;
/// Bytes of a line that are kept.
const LINE_BYTES: usize = 2048;

/// Each line with the stream that still has it open.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<(Option<Stream>, Vec<u8>)>);

impl Recent {
    pub(super) fn add(&mut self, header: &Header, body: &[u8]) {
        let whole = if header.goes_on { body } else { body.strip_suffix(b"\n").unwrap_or(body) };
        // Of many lines only the last are looked at.
        let start = memchr::memrchr_iter(b'\n', whole).nth(LINES - 1).map_or(0, |end| end + 1);
        let mut continues = header.continues && start == 0;
        let mut pieces = whole[start..].split(|&byte| byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let open = (header.goes_on && pieces.peek().is_none()).then_some(header.stream);
            self.add_piece(header.stream, piece, continues, open);
            continues = false;
        }
    }

    fn add_piece(&mut self, stream: Stream, piece: &[u8], continues: bool, open: Option<Stream>) {
        let piece = &piece[..piece.len().min(LINE_BYTES)];
        match self.0.iter_mut().rev().find(|(of, _)| *of == Some(stream)) {
            Some((of, bytes)) if continues => {
                bytes.extend_from_slice(&piece[..piece.len().min(LINE_BYTES - bytes.len().min(LINE_BYTES))]);
                *of = open;
            }
            unfinished => {
                if let Some((of, _)) = unfinished {
                    *of = None;
                }
                let mut bytes =
                    if self.0.len() < LINES { Vec::new() } else { self.0.pop_front().unwrap_or_default().1 };
                bytes.clear();
                bytes.extend_from_slice(piece);
                self.0.push_back((open, bytes));
            }
        }
    }

    pub(super) fn last(&self, lines: usize) -> Vec<String> {
        let skipped = self.0.len().saturating_sub(lines);
        self.0.iter().skip(skipped).map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_there_put_together_from_their_parts() {
        let mut recent = Recent::default();
        let mut add = |stream, continues, goes_on, body: &[u8]| {
            let header = Header { stamp: 0, stream, continues, goes_on, first: 0, lines: 0, length: 0 };
            recent.add(&header, body);
        };
        add(Stream::Stdout, false, false, &b"early\n".repeat(100));
        add(Stream::Stdout, false, true, b"one\ntw");
        add(Stream::Stderr, false, false, b"other\n");
        add(Stream::Stdout, true, false, b"o\nthree\n");
        add(Stream::Stdout, false, true, b"never ended");
        add(Stream::Stdout, false, false, b"\n");
        assert_eq!(recent.last(7), ["early", "one", "two", "other", "three", "never ended", ""]);
        assert_eq!(recent.0.len(), LINES);
    }
}
