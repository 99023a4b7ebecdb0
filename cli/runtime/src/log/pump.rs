//! Reading what a resource writes, as fast as it writes, until nobody can write any more.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::timeout,
};

use super::{Line, Log, Stream};

/// A record holds at most this much of a line.
const RECORD_BYTES: usize = 64 << 10;
/// A line without end is written as far as it is when nothing has come for this long.
const PATIENCE: Duration = Duration::from_millis(100);

/// Moves everything from `pipe` to `log`, except the whole lines that `divert` takes; `seen` gets the records of a read
/// at once.
///
/// Ends when the last process that could write has closed the pipe. A log that cannot be written (disk full) stops no
/// resource: the lines are still seen, and `lost` is told once per failure in a row.
pub async fn pump(
    mut pipe: impl AsyncRead + Unpin,
    stream: Stream,
    log: Arc<Log>,
    mut divert: impl FnMut(&[u8]) -> bool,
    mut seen: impl FnMut(Vec<Line>),
    mut lost: impl FnMut(std::io::Error),
) {
    let mut splitter = Splitter::default();
    let mut block = vec![0; RECORD_BYTES];
    let mut failing = false;
    loop {
        let read = if splitter.is_empty() {
            pipe.read(&mut block).await
        } else {
            match timeout(PATIENCE, pipe.read(&mut block)).await {
                Ok(read) => read,
                Err(_) => {
                    keep(&log, stream, splitter.flush(true), &mut seen, &mut lost, &mut failing);
                    continue;
                }
            }
        };
        // A pipe that cannot be read any more is at its end.
        let count = read.unwrap_or(0);
        let mut lines = if count == 0 { splitter.flush(false) } else { splitter.push(&block[..count]) };
        lines.retain(|(line, partial)| *partial || !divert(line));
        keep(&log, stream, lines, &mut seen, &mut lost, &mut failing);
        if count == 0 {
            return;
        }
    }
}

fn keep(
    log: &Log,
    stream: Stream,
    lines: Vec<(Vec<u8>, bool)>,
    seen: &mut impl FnMut(Vec<Line>),
    lost: &mut impl FnMut(std::io::Error),
    failing: &mut bool,
) {
    if lines.is_empty() {
        return;
    }
    match log.write(stream, lines) {
        Ok(records) => {
            *failing = false;
            seen(records);
        }
        Err(error) if !*failing => {
            *failing = true;
            lost(error);
        }
        Err(_) => {}
    }
}

/// Cuts a stream of bytes into lines, each with whether it goes on.
#[derive(Debug, Default)]
struct Splitter {
    rest: Vec<u8>,
    /// A part of the line that `rest` goes on with has been given away already.
    open: bool,
}

impl Splitter {
    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn push(&mut self, mut bytes: &[u8]) -> Vec<(Vec<u8>, bool)> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.rest.extend_from_slice(&bytes[..end]);
            lines.push((std::mem::take(&mut self.rest), false));
            self.open = false;
            bytes = &bytes[end + 1..];
        }
        self.rest.extend_from_slice(bytes);
        if self.rest.len() >= RECORD_BYTES {
            lines.extend(self.flush(true));
        }
        lines
    }

    /// What is there of an unfinished line. At the end (`more` is false) an open line is closed, if only by nothing.
    fn flush(&mut self, more: bool) -> Vec<(Vec<u8>, bool)> {
        if self.rest.is_empty() && (more || !self.open) {
            return Vec::new();
        }
        self.open = more;
        vec![(std::mem::take(&mut self.rest), more)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Assembler, History, Store};

    async fn written(input: &[u8]) -> Vec<Vec<u8>> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
        pump(input, Stream::Stdout, log, |_| false, |_| {}, |error| panic!("a line is lost: {error}")).await;
        let mut assembler = Assembler::default();
        let history = History::open(dir.path(), &["a".to_owned()], None).expect("the log is read");
        history.filter_map(|(resource, line)| assembler.add(&resource, line)).map(|(line, _)| line.bytes).collect()
    }

    #[tokio::test]
    async fn every_line_is_kept_whatever_is_in_it() {
        for (input, lines) in [
            (&b""[..], vec![]),
            (b"one\ntwo\n", vec![&b"one"[..], b"two"]),
            (b"no newline at the end", vec![b"no newline at the end"]),
            (b"\n\nx", vec![b"", b"", b"x"]),
            (b"nul \0, \xff\xfe, \x1b[31mred\r\n", vec![b"nul \0, \xff\xfe, \x1b[31mred\r"]),
        ] {
            assert_eq!(written(input).await, lines, "{input:?}");
        }
    }

    #[tokio::test]
    async fn a_line_of_any_length_comes_back_whole() {
        let line = b"0123456789".repeat(100_000);
        let input = [&line[..], b"\nnext"].concat();
        assert_eq!(written(&input).await, [&line[..], b"next"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_seen_while_its_writer_thinks() {
        use tokio::io::AsyncWriteExt as _;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
        let (mut writer, reader) = tokio::io::duplex(64);
        let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let see = move |lines: Vec<Line>| lines.into_iter().for_each(|line| drop(sender.send(line)));
        let pumping = tokio::spawn(pump(reader, Stream::Stderr, log, |_| false, see, |_| {}));
        writer.write_all(b"Password: ").await.expect("it is written");
        let line = seen.recv().await.expect("a line is seen");
        assert_eq!((line.bytes.as_slice(), line.partial), (&b"Password: "[..], true));
        drop(writer);
        pumping.await.expect("the pump ends");
        let line = seen.recv().await.expect("its end is seen");
        assert_eq!((line.bytes.as_slice(), line.partial), (&b""[..], false));
    }
}
