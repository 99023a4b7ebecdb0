//! One client's connection: frames in, one request at a time as in Apache Kafka, responses out in the same order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ResponseKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::{self, Client};
use crate::node::Node;
use crate::protocol::{self, MAX_FRAME, Malformed, Preamble};

/// Memory for a frame is taken as its bytes arrive, this much at a time.
const READ_STEP: usize = 64 * 1024;
/// A buffer that a large frame has left behind is given back above this size.
const KEEP: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Connection {
    node: Arc<Node>,
    peer: SocketAddr,
}

/// Why a connection ended, other than by the client's wish.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("frame of {0} bytes")]
    FrameSize(i32),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("a produce request without acknowledgement failed: {0}")]
    Unacknowledged(kafka_protocol::ResponseError),
    #[error("response cannot be encoded: {0}")]
    Response(anyhow::Error),
}

impl Connection {
    pub(crate) fn new(node: Arc<Node>, peer: SocketAddr) -> Self {
        Self { node, peer }
    }

    pub(crate) async fn serve(self, stream: TcpStream) {
        match self.converse(stream).await {
            Ok(()) => tracing::debug!(peer = %self.peer, "disconnected"),
            Err(Closed::Io(error)) => tracing::debug!(peer = %self.peer, %error, "connection lost"),
            Err(error @ Closed::Response(_)) => tracing::error!(peer = %self.peer, %error, "connection closed"),
            Err(error) => tracing::warn!(peer = %self.peer, %error, "connection closed"),
        }
    }

    async fn converse(&self, mut stream: TcpStream) -> Result<(), Closed> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let mut buffer = BytesMut::new();
        while let Some(frame) = read_frame(&mut stream, &mut buffer).await? {
            let answer = tokio::select! {
                biased;
                answer = self.answer(frame, local) => answer?,
                () = hung_up(&stream) => return Ok(()),
            };
            if let Some((preamble, response)) = answer {
                let mut frame = protocol::encode(preamble, &response).map_err(Closed::Response)?;
                stream.write_all_buf(&mut frame).await?;
            }
        }
        Ok(())
    }

    async fn answer(&self, frame: Bytes, local: SocketAddr) -> Result<Option<(Preamble, ResponseKind)>, Closed> {
        let preamble = Preamble::peek(&frame)?;
        if preamble.api == ApiKey::ApiVersions && !preamble.is_supported() {
            // A client that knows newer versions learns from the answer, in the one version everybody reads.
            let preamble = Preamble { version: 0, ..preamble };
            return Ok(Some((preamble, api::versions::unsupported().into())));
        }
        let frame = protocol::decode(frame)?;
        let advertised = match &self.node.config.advertise {
            Some((host, port)) => (host.clone(), *port),
            None => (local.ip().to_string(), local.port()),
        };
        let client =
            Client { id: frame.client_id, host: self.peer.ip().to_string(), advertised, version: preamble.version };
        let response = api::answer(&self.node, &client, frame.request).await.map_err(Closed::Unacknowledged)?;
        Ok(response.map(|response| (preamble, response)))
    }
}

/// The next frame without its length; `None` where the client has hung up between frames.
async fn read_frame(stream: &mut TcpStream, buffer: &mut BytesMut) -> Result<Option<Bytes>, Closed> {
    if buffer.is_empty() && buffer.capacity() > KEEP {
        *buffer = BytesMut::new();
    }
    while buffer.len() < 4 {
        buffer.reserve(READ_STEP);
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
            };
        }
    }
    let size = buffer.get_i32();
    let length = usize::try_from(size).ok().filter(|length| *length <= MAX_FRAME).ok_or(Closed::FrameSize(size))?;
    while buffer.len() < length {
        buffer.reserve((length - buffer.len()).min(READ_STEP));
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Done when the client has gone, so that nobody waits on its behalf.
async fn hung_up(stream: &TcpStream) {
    let mut byte = [0];
    match stream.peek(&mut byte).await {
        Ok(0) | Err(_) => {}
        // It has sent more already; what becomes of it shows when that is read.
        Ok(_) => std::future::pending().await,
    }
}
