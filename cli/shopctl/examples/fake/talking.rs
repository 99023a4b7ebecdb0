//! What is written to stdout and stderr.

use std::{
    fs,
    io::{self, BufWriter, Write as _},
};

pub(crate) fn flood(lines: u32) -> io::Result<()> {
    let (mut out, mut err) = (BufWriter::new(io::stdout().lock()), BufWriter::new(io::stderr().lock()));
    for n in 0..lines {
        writeln!(out, "out {n:>60}")?;
        writeln!(err, "err {n:>60}")?;
    }
    out.flush()?;
    err.flush()
}

pub(crate) fn garbage() -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(b"\xff\xfe not UTF-8 \xc3\n\0 NUL \0\n\x1b[2J\x1b]0;title\x07\x1b[31mred\x1b[0m\n1%\r50%\r100%\n")?;
    let bytes: Vec<u8> = (0..64 * 1024_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    out.write_all(&bytes)?;
    out.write_all(b"\nthe end, without a newline")
}

/// `NUMBER TARGET`, without the one that this look itself takes.
pub(crate) fn descriptors() -> io::Result<()> {
    let mut open = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        open.push((entry.file_name(), fs::read_link(entry.path())));
    }
    let mut out = io::stdout().lock();
    for (number, target) in open {
        let target = target.map(|target| target.display().to_string()).unwrap_or_default();
        writeln!(out, "{} {target}", number.display())?;
    }
    writeln!(out, "that is all")
}
