//! One JSON value a line, over a stream of bytes.

use std::io;

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Longest message in bytes: a line of a log is bounded well below it.
pub const MAX_MESSAGE: u64 = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the control connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("a message on the control connection makes no sense: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("a message on the control connection is longer than {MAX_MESSAGE} bytes")]
    TooLong,
    #[error("the other side closed the control connection")]
    Closed,
}

/// One side of a control connection.
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    /// What has been read of a message that is not whole yet: [`Connection::receive`] may be cancelled at any time.
    line: Vec<u8>,
}

impl Connection {
    #[must_use]
    pub fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::new(reader), writer, line: Vec::new() }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// When the other side is gone.
    pub async fn send(&mut self, message: &impl Serialize) -> Result<(), Error> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        Ok(self.writer.write_all(&line).await?)
    }

    /// Sends bytes that are whole messages already, each with its newline.
    ///
    /// # Errors
    /// When the other side is gone.
    pub async fn send_raw(&mut self, lines: &[u8]) -> Result<(), Error> {
        Ok(self.writer.write_all(lines).await?)
    }

    /// The next message; `None` once the other side has closed. Safe to cancel.
    ///
    /// # Errors
    /// When the connection broke, or what came is no such message.
    pub async fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        let room = MAX_MESSAGE.saturating_sub(self.line.len() as u64);
        (&mut self.reader).take(room).read_until(b'\n', &mut self.line).await?;
        match self.line.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(serde_json::from_slice(&std::mem::take(&mut self.line))?)),
            Some(_) if self.line.len() as u64 >= MAX_MESSAGE => Err(Error::TooLong),
            Some(_) => Err(Error::Closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogFilter, Reply, Request, StopMode};
    use proptest::prelude::*;

    fn pair() -> (Connection, UnixStream) {
        let (left, right) = UnixStream::pair().expect("a pair of sockets");
        (Connection::new(left), right)
    }

    #[tokio::test]
    async fn messages_arrive_whole_and_in_order() {
        let (mut here, there) = pair();
        let mut there = Connection::new(there);
        here.send(&Request::Status).await.expect("the request is sent");
        here.send(&Request::Why { resource: "order\n".to_owned() }).await.expect("the request is sent");
        drop(here);
        assert_eq!(there.receive().await.expect("a request arrives"), Some(Request::Status));
        let why = there.receive::<Request>().await.expect("a request arrives");
        assert_eq!(why, Some(Request::Why { resource: "order\n".to_owned() }));
        assert!(there.receive::<Request>().await.expect("the end arrives").is_none());
    }

    #[tokio::test]
    async fn nonsense_is_an_error_and_never_a_panic() {
        for bytes in [&b"{\n"[..], b"\xff\xfe\n", b"{\"reply\":\"unheard-of\"}\n", b"null\n", b"\n"] {
            let (mut here, mut there) = pair();
            there.write_all(bytes).await.expect("the bytes are sent");
            assert!(matches!(here.receive::<Reply>().await, Err(Error::Malformed(_))), "{bytes:?}");
        }
        let (mut here, mut there) = pair();
        there.write_all(b"{\"reply\"").await.expect("the bytes are sent");
        drop(there);
        assert!(matches!(here.receive::<Reply>().await, Err(Error::Closed)));
    }

    #[tokio::test]
    async fn a_message_without_end_is_refused() {
        let (mut here, mut there) = pair();
        let writer = tokio::spawn(async move {
            let block = vec![b'x'; 1 << 20];
            while there.write_all(&block).await.is_ok() {}
        });
        assert!(matches!(here.receive::<Reply>().await, Err(Error::TooLong)));
        drop(here);
        writer.await.expect("the writer ends");
    }

    /// What a client hears that is sent these bytes, in pieces of this size, up to the first error.
    fn heard(bytes: &[u8], piece: usize) -> (Vec<Request>, Option<Error>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (mut here, mut there) = pair();
            let (bytes, piece) = (bytes.to_vec(), piece);
            let speaker = tokio::spawn(async move {
                for piece in bytes.chunks(piece) {
                    // Nobody listens any more after an error.
                    if there.write_all(piece).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            });
            let mut heard = Vec::new();
            let error = loop {
                match here.receive().await {
                    Ok(Some(request)) => heard.push(request),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            // Else the speaker would wait until there is room for more.
            drop(here);
            speaker.await.expect("the speaker ends");
            (heard, error)
        })
    }

    fn any_request() -> impl Strategy<Value = Request> {
        prop_oneof![
            (any::<u32>(), any::<String>()).prop_map(|(protocol, version)| Request::Hello { protocol, version }),
            any::<String>().prop_map(|resource| Request::Why { resource }),
            any::<Option<String>>().prop_map(|service| Request::Env { service }),
            proptest::collection::vec(any::<String>(), 0..4)
                .prop_map(|names| Request::Watch { lines: LogFilter::Only(names), figures: false }),
            Just(Request::Stop { mode: StopMode::Kill }),
            Just(Request::Lease),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_bytes_make_a_side_panic_or_wait_for_ever(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            almost in r#"([{}\[\]":,a-z0-9\n]|"request":|"status"|"why"|"resource"){0,60}"#,
            piece in 1..40_usize,
        ) {
            heard(&bytes, piece);
            heard(almost.as_bytes(), piece);
        }

        #[test]
        fn whatever_is_asked_arrives_however_it_is_cut(
            requests in proptest::collection::vec(any_request(), 0..5), piece in 1..40_usize,
        ) {
            let lines = requests.iter().map(|request| serde_json::to_string(request).expect("JSON") + "\n");
            let (heard, error) = heard(lines.collect::<String>().as_bytes(), piece);
            prop_assert!(error.is_none(), "{:?}", error);
            prop_assert_eq!(heard, requests);
        }
    }
}
