use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection that is kept, with one request at a time on it. By hand: the load must cost next to nothing.
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    answer: Vec<u8>,
}

impl Connection {
    /// `url` is `http://HOST:PORT`.
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        let host = url.strip_prefix("http://").context("no address of an HTTP service")?.to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host, answer: Vec::new() })
    }

    /// The body of an answer, which must be 200.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<&[u8]> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        let end = loop {
            anyhow::ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "{} has closed", self.host);
            if let Some(end) = end(&self.answer)? {
                break end;
            }
        };
        anyhow::ensure!(self.answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&self.answer));
        Ok(&self.answer[end])
    }
}

/// Where the body is, once it is whole.
fn end(answer: &[u8]) -> anyhow::Result<Option<std::ops::Range<usize>>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&answer[..head])?;
    let length = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let (begin, length) = (head + 4, length.context("the answer does not tell its length")??);
    Ok((answer.len() >= begin + length).then_some(begin..begin + length))
}
