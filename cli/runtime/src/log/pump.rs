//! Reading what a resource writes, as fast as it writes, until nobody can write any more.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use memchr::memmem::Finder;
use tokio::{
    net::unix::pipe::Receiver,
    sync::oneshot,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{
    Header, Log, Stream,
    header::{BODY_BYTES, BYTES},
};
use crate::process::Observer;

/// A line without end is written as far as it is when it is this old.
const PATIENCE: Duration = Duration::from_millis(50);
/// After the exit of its writer, a pipe that has been empty for this long is taken to be drained.
const QUIET: Duration = Duration::from_millis(100);
/// Between two reads while much comes: so that a read finds more than the few lines written since the last one.
const PAUSE: Duration = Duration::from_millis(1);
/// What is much, in bytes since the last pause.
const MUCH: usize = 16 << 10;
/// Of the buffer, when little comes and when much comes.
const SMALL: usize = 8 << 10;
const LARGE: usize = BYTES + BODY_BYTES;

/// Moves everything from `pipe` to `log`, except the whole lines that the observer diverts. `drained` is sent once
/// after `exited`, when the pipe has nothing more to give for the moment; at the end it is dropped.
///
/// Ends when the last process that could write has closed the pipe. A log that cannot be written (disk full) stops no
/// resource: the lines are still seen, and the observer is told once per failure in a row.
///
/// Waiting is done by the runtime's poll, so an idle resource costs neither thread nor time. What has come is moved by
/// a blocking thread until the pipe is empty: writing may have to wait for the disk, which must hold up neither the
/// supervisor nor another resource; and so a burst costs one hand-over, not one for each read.
pub async fn pump(
    pipe: Receiver,
    stream: Stream,
    log: Arc<Log>,
    observer: impl Observer,
    mut exited: oneshot::Receiver<()>,
    drained: oneshot::Sender<()>,
) {
    let mut pump = Pump::new(pipe, stream, log, observer);
    let mut drained = Some(drained);
    // Since when the pipe has been empty, once its writer is gone.
    let mut quiet = None;
    loop {
        let patient_until = pump.since.map(|since| since + PATIENCE);
        let quiet_until = quiet.filter(|_| drained.is_some()).map(|since: Instant| since + QUIET);
        let step = tokio::select! {
            _ = pump.pipe.readable() => Step::Drain,
            () = until(patient_until) => Step::Flush,
            () = until(quiet_until) => Step::End,
            _ = &mut exited, if quiet.is_none() => {
                quiet = Some(Instant::now());
                continue;
            }
        };
        let work = spawn_blocking(move || {
            let ended = pump.take(step);
            (pump, ended)
        });
        // It ends early only by a panic, which is then this one's.
        let Ok((back, ended)) = work.await else { return };
        if ended {
            return;
        }
        pump = back;
        match step {
            Step::Drain => quiet = quiet.map(|_| Instant::now()),
            Step::Flush => {}
            Step::End => {
                // Nobody may wait for it.
                let _ = drained.take().map(|drained| drained.send(()));
            }
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Something has come.
    Drain,
    /// A line without end has become old.
    Flush,
    /// Its writer is gone: its last line is at its end.
    End,
}

struct Pump<O> {
    pipe: Receiver,
    stream: Stream,
    log: Arc<Log>,
    observer: O,
    marks: Option<Finder<'static>>,
    /// Room for a header, then what is there of a line without end: a record is written from where it was read.
    buffer: Vec<u8>,
    /// Of the buffer.
    filled: usize,
    /// A part of the line at the beginning has been written already.
    open: bool,
    /// How long that line has been waiting, if any of it has.
    since: Option<Instant>,
    failing: bool,
}

impl<O: Observer> Pump<O> {
    fn new(pipe: Receiver, stream: Stream, log: Arc<Log>, observer: O) -> Self {
        let marks = (!O::MARK.is_empty()).then(|| Finder::new(O::MARK));
        Self {
            pipe,
            stream,
            log,
            observer,
            marks,
            buffer: vec![0; SMALL],
            filled: BYTES,
            open: false,
            since: None,
            failing: false,
        }
    }

    /// Answers whether the pipe is at its end.
    fn take(&mut self, step: Step) -> bool {
        match step {
            Step::Drain => return self.drain(),
            Step::Flush => self.flush(),
            Step::End => self.end(),
        }
        false
    }

    fn drain(&mut self) -> bool {
        let mut much = 0;
        loop {
            match self.pipe.try_read(&mut self.buffer[self.filled..]) {
                Ok(0) => break,
                Ok(count) => {
                    self.filled += count;
                    much += count;
                    self.take_lines(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && much > MUCH => {
                    much = 0;
                    std::thread::sleep(PAUSE);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.filled < SMALL / 2 && self.buffer.len() > SMALL {
                        self.buffer.truncate(SMALL);
                        self.buffer.shrink_to_fit();
                    }
                    return false;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A pipe that cannot be read any more is at its end.
                Err(_) => break,
            }
        }
        self.end();
        true
    }

    /// Writes what has come as far as it is whole lines, or as much as a record holds.
    fn take_lines(&mut self, new: usize) {
        if let Some(last) = memchr::memrchr(b'\n', &self.buffer[self.filled - new..self.filled]) {
            self.write(self.filled - new + last + 1, false);
        } else if self.filled == LARGE || self.since.is_some_and(|since| since.elapsed() > PATIENCE) {
            self.flush();
        }
        if self.filled == BYTES {
            self.since = None;
        } else if self.since.is_none() {
            self.since = Some(Instant::now());
        }
        if self.filled + new > self.buffer.len() || self.filled == self.buffer.len() {
            self.buffer.resize((self.buffer.len() * 4).min(LARGE), 0);
        }
    }

    /// Writes what is there of a line that goes on.
    fn flush(&mut self) {
        if self.filled > BYTES {
            self.write(self.filled, true);
        }
        self.since = None;
    }

    /// Writes the last line, whether it has an end or not.
    fn end(&mut self) {
        if self.filled > BYTES || self.open {
            if self.filled == self.buffer.len() {
                // An end of its own: the record is full.
                self.flush();
            }
            self.buffer[self.filled] = b'\n';
            self.filled += 1;
            self.write(self.filled, false);
        }
        self.since = None;
    }

    /// Writes a record with all up to `end` of the buffer; the rest moves up.
    fn write(&mut self, end: usize, goes_on: bool) {
        let continues = std::mem::replace(&mut self.open, goes_on);
        let has_mark = self.marks.as_ref().is_some_and(|marks| marks.find(&self.buffer[BYTES..end]).is_some());
        if has_mark {
            let mut record = self.undiverted(end, continues);
            if record.len() > BYTES {
                let (header, written) = self.log.write(self.stream, continues, goes_on, &mut record);
                self.tell(&header, &record[BYTES..], written);
            }
        } else {
            let (header, written) = self.log.write(self.stream, continues, goes_on, &mut self.buffer[..end]);
            let buffer = std::mem::take(&mut self.buffer);
            self.tell(&header, &buffer[BYTES..end], written);
            self.buffer = buffer;
        }
        self.buffer.copy_within(end..self.filled, BYTES);
        self.filled = BYTES + self.filled - end;
    }

    /// The record without the whole lines that the observer takes.
    fn undiverted(&mut self, end: usize, mut continues: bool) -> Vec<u8> {
        let mut record = vec![0; BYTES];
        for line in self.buffer[BYTES..end].split_inclusive(|&byte| byte == b'\n') {
            let is_whole = !std::mem::take(&mut continues) && line.ends_with(b"\n") && line.starts_with(O::MARK);
            if !(is_whole && self.observer.divert(&line[..line.len() - 1])) {
                record.extend_from_slice(line);
            }
        }
        record
    }

    fn tell(&mut self, header: &Header, body: &[u8], written: io::Result<()>) {
        if self.observer.is_watched() {
            self.observer.seen(header, body);
        }
        match written {
            Ok(()) if std::mem::take(&mut self.failing) => self.observer.log_recovered(),
            Ok(()) => {}
            Err(error) if !std::mem::replace(&mut self.failing, true) => self.observer.log_failed(error),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{PipeWriter, Write as _},
        os::fd::OwnedFd,
        path::Path,
    };

    use proptest::prelude::*;
    use tokio::sync::mpsc;

    use super::*;
    use crate::log::{Store, store::tests::all};

    #[derive(Clone)]
    struct Watcher(mpsc::UnboundedSender<(Vec<u8>, bool)>);

    impl Observer for Watcher {
        const MARK: &'static [u8] = b"::";

        fn divert(&mut self, line: &[u8]) -> bool {
            line == b"::mine"
        }

        fn is_watched(&self) -> bool {
            true
        }

        fn seen(&mut self, header: &Header, body: &[u8]) {
            for (_, piece, partial) in header.split(body) {
                let _ = self.0.send((piece.to_owned(), partial));
            }
        }

        fn log_failed(&mut self, error: io::Error) {
            panic!("a line is lost: {error}");
        }

        fn log_recovered(&mut self) {}
    }

    struct Pumped {
        writer: PipeWriter,
        seen: mpsc::UnboundedReceiver<(Vec<u8>, bool)>,
        exited: oneshot::Sender<()>,
        drained: oneshot::Receiver<()>,
        task: tokio::task::JoinHandle<()>,
    }

    fn start(dir: &Path) -> Pumped {
        let (reader, writer) = io::pipe().expect("a pipe is made");
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader)).expect("it is a pipe");
        let log = Store::new(dir.to_owned()).log("a").expect("a log is opened");
        let (sender, seen) = mpsc::unbounded_channel();
        let (exited, exit) = oneshot::channel();
        let (drain, drained) = oneshot::channel();
        let task = tokio::spawn(pump(pipe, Stream::Stdout, log, Watcher(sender), exit, drain));
        Pumped { writer, seen, exited, drained, task }
    }

    async fn written(chunks: Vec<Vec<u8>>) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let pumped = start(dir.path());
        let mut writer = pumped.writer;
        let writing = tokio::task::spawn_blocking(move || {
            chunks.iter().for_each(|chunk| writer.write_all(chunk).expect("it is written"));
        });
        writing.await.expect("it is written");
        pumped.task.await.expect("the pump ends");
        all(dir.path(), "a")
    }

    #[tokio::test]
    async fn every_line_is_kept_whatever_is_in_it() {
        for (input, lines) in [
            (&b""[..], &[][..]),
            (b"one\ntwo\n", &["one", "two"]),
            (b"no newline at the end", &["no newline at the end"]),
            (b"\n\nx", &["", "", "x"]),
            (b"nul \0, \xff, \x1b[31mred\r\n", &["nul \0, \u{fffd}, \x1b[31mred\r"]),
            (b"::mine\na\n::mine\n::other\nb::mine\n", &["a", "::other", "b::mine"]),
            (b"::mine\n", &[]),
        ] {
            assert_eq!(written(vec![input.to_owned()]).await, lines, "{input:?}");
        }
    }

    #[tokio::test]
    async fn a_line_of_any_length_comes_back_whole() {
        for length in [SMALL - BYTES - 1, LARGE - BYTES, LARGE - BYTES + 1, 1_000_000, 10 << 20] {
            let line = b"0123456789".repeat(length / 10 + 1)[..length].to_owned();
            let lines = written(vec![line.clone(), b"\nnext".to_vec()]).await;
            assert_eq!(lines.len(), 2, "{length}");
            assert!(lines[0].as_bytes() == line && lines[1] == "next", "{length}");
            assert!(written(vec![line.clone()]).await[0].as_bytes() == line, "{length}");
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_seen_while_its_writer_thinks() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut pumped = start(dir.path());
        pumped.writer.write_all(b"Password: ").expect("it is written");
        assert_eq!(pumped.seen.recv().await, Some((b"Password: ".to_vec(), true)));
        drop(pumped.writer);
        pumped.task.await.expect("the pump ends");
        assert_eq!(pumped.seen.recv().await, Some((Vec::new(), false)));
    }

    #[tokio::test]
    async fn a_pipe_that_somebody_still_holds_is_drained_when_its_writer_is_gone_and_read_on() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut pumped = start(dir.path());
        pumped.writer.write_all(b"last words").expect("it is written");
        pumped.exited.send(()).expect("the pump listens");
        pumped.drained.await.expect("it is drained");
        pumped.writer.write_all(b"a grandchild\n").expect("it is written");
        drop(pumped.writer);
        pumped.task.await.expect("the pump ends");
        assert_eq!(all(dir.path(), "a"), ["last words", "a grandchild"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_bytes_cut_anywhere_come_back(
            chunks in proptest::collection::vec(proptest::collection::vec(prop_oneof![Just(b'\n'), Just(0x1e), 0x20..0x7f_u8], 0..2000), 0..20),
        ) {
            let all: Vec<u8> = chunks.concat();
            let text = String::from_utf8(all).expect("it is ASCII");
            let expected: Vec<String> = text.split_terminator('\n').map(str::to_owned).collect();
            let runtime = tokio::runtime::Runtime::new().expect("a runtime is made");
            prop_assert_eq!(runtime.block_on(written(chunks)), expected);
        }
    }
}
