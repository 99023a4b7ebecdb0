use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// Writes to stderr, one event a line: a line break inside of one, of an error's text or of something a caller sent, is
/// shown as `\n`, so that nobody can forge a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

impl Write for Lines {
    /// Gets a whole event at a time.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(&one_line(event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn one_line(event: &[u8]) -> Cow<'_, [u8]> {
    let body = event.strip_suffix(b"\n").unwrap_or(event);
    if !body.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Cow::Borrowed(event);
    }
    let mut line = Vec::with_capacity(event.len() + 16);
    for byte in body {
        match byte {
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            other => line.push(*other),
        }
    }
    line.push(b'\n');
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_is_one_line_whatever_it_says() {
        assert_eq!(one_line(b"fine\n"), Cow::Borrowed(b"fine\n"));
        assert_eq!(one_line(b"name=x\n2026 INFO forged\r\n").as_ref(), b"name=x\\n2026 INFO forged\\r\n");
        assert_eq!(one_line(b"").as_ref(), b"");
    }

    proptest! {
        #[test]
        fn no_bytes_make_two_lines_of_one_event(event in proptest::collection::vec(any::<u8>(), 0..60)) {
            let line = one_line(&[&event[..], b"\n"].concat()).into_owned();
            prop_assert!(line.ends_with(b"\n"));
            prop_assert!(!line[..line.len() - 1].iter().any(|byte| matches!(byte, b'\n' | b'\r')), "{:?}", line);
        }
    }
}
