//! Lines as fast as they can be written, numbered, so that whoever reads knows what is missing.

use std::io::{self, Write as _};

/// Written at once.
const BLOCK_BYTES: usize = 64 << 10;

/// `lines` of `bytes` each, newline included; 0 lines: so many bytes without a newline.
pub(crate) fn write(lines: u64, bytes: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if lines == 0 {
        let block = vec![b'x'; BLOCK_BYTES];
        let mut rest = bytes;
        while rest > 0 {
            let part = rest.min(BLOCK_BYTES);
            out.write_all(&block[..part])?;
            rest -= part;
        }
        return out.flush();
    }
    let mut block = Vec::with_capacity(BLOCK_BYTES + bytes);
    let mut text = line(0, bytes);
    for number in 0..lines {
        text[..DIGITS].copy_from_slice(&digits(number));
        block.extend_from_slice(&text);
        if block.len() >= BLOCK_BYTES {
            out.write_all(&block)?;
            block.clear();
        }
    }
    out.write_all(&block)?;
    out.flush()
}

const DIGITS: usize = 10;

/// With its newline.
pub(crate) fn line(number: u64, bytes: usize) -> Vec<u8> {
    let mut line = vec![b'.'; bytes];
    line[..DIGITS].copy_from_slice(&digits(number));
    line[bytes - 1] = b'\n';
    line
}

fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    digits
}
