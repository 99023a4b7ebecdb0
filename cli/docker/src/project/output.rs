//! A container's output, piece by piece, each with the time at which it was written.

use std::time::{Duration, SystemTime};

use bollard::{container::LogOutput, models::ContainerState};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Stdout,
    Stderr,
}

/// A piece of output. Docker puts the time before each, lines of more than 16 KB come in several.
pub(super) struct Piece<'a> {
    pub(super) output: Output,
    pub(super) time: Option<SystemTime>,
    pub(super) bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    pub(super) fn of(frame: &'a LogOutput) -> Self {
        let (output, message) = match frame {
            LogOutput::StdErr { message } => (Output::Stderr, message),
            LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
                (Output::Stdout, message)
            }
        };
        let stamp = message.iter().take(40).position(|byte| *byte == b' ').and_then(|at| {
            let time = std::str::from_utf8(&message[..at]).ok().and_then(time)?;
            Some((time, at + 1))
        });
        match stamp {
            Some((time, begin)) => Self { output, time: Some(time), bytes: &message[begin..] },
            None => Self { output, time: None, bytes: message },
        }
    }
}

/// A time in Docker's words. Its zero, for what has not happened yet, is none.
pub(super) fn time(text: &str) -> Option<SystemTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    (time.unix_timestamp() > 0).then(|| SystemTime::from(time))
}

/// The end of a run that is over, or of the one before.
pub(super) fn ended(state: Option<&ContainerState>) -> Option<SystemTime> {
    state.and_then(|state| state.finished_at.as_deref()).and_then(time)
}

/// For parameters of the API: whole seconds, from the epoch on.
pub(super) fn seconds(time: SystemTime) -> i32 {
    i32::try_from(since_epoch(time).as_secs()).unwrap_or(i32::MAX)
}

/// `1700000000.000000001`
pub(super) fn exact(time: SystemTime) -> String {
    let time = since_epoch(time);
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_piece_has_its_time_and_its_bytes() {
        let frame = |text: &'static str| LogOutput::StdErr { message: Bytes::from_static(text.as_bytes()) };
        let stamped = frame("2026-11-27T04:58:00.123456789Z two words\n");
        let piece = Piece::of(&stamped);
        assert_eq!((piece.output, piece.bytes), (Output::Stderr, b"two words\n".as_slice()));
        let time = piece.time.expect("a time");
        assert_eq!(exact(time), "1795755480.123456789");
        assert_eq!(seconds(time), 1_795_755_480);
        let plain = frame("no time at all");
        assert_eq!((Piece::of(&plain).time, Piece::of(&plain).bytes), (None, b"no time at all".as_slice()));
        assert_eq!(Piece::of(&frame("2026-11-27T04:58:00.123456789Z ")).bytes, b"");
    }

    #[test]
    fn dockers_zero_is_no_time() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time("nonsense"), None);
        assert_eq!(seconds(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
