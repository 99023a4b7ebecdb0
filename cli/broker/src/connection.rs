//! One client's connection: frames in, one request at a time as in Apache Kafka, responses out in the same order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ResponseKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::api::{self, Client};
use crate::connections::Seat;
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
    seat: Seat,
}

/// Why a connection ended, other than by the client's wish.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("idle for {0:?}")]
    Idle(Duration),
    #[error("half a request, and no more of it within {0:?}")]
    HalfFrame(Duration),
    #[error("idle while others wanted to connect, and open files run out")]
    Crowded,
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
    pub(crate) fn new(node: Arc<Node>, peer: SocketAddr, seat: Seat) -> Self {
        Self { node, peer, seat }
    }

    pub(crate) async fn serve(self, stream: TcpStream) {
        match self.converse(stream).await {
            Ok(()) => tracing::debug!(peer = %self.peer, "disconnected"),
            Err(Closed::Io(error)) => tracing::debug!(peer = %self.peer, %error, "connection lost"),
            // Nobody's fault, and of a crowd of them each would be a line.
            Err(error @ (Closed::Idle(_) | Closed::Crowded)) => {
                tracing::debug!(peer = %self.peer, %error, "connection closed");
            }
            Err(error @ Closed::Response(_)) => tracing::error!(peer = %self.peer, %error, "connection closed"),
            Err(error) => tracing::warn!(peer = %self.peer, %error, "connection closed"),
        }
    }

    async fn converse(&self, mut stream: TcpStream) -> Result<(), Closed> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let mut buffer = BytesMut::new();
        loop {
            let frame = tokio::select! {
                biased;
                frame = self.next_frame(&mut stream, &mut buffer) => frame?,
                () = self.seat.closed() => return Err(Closed::Crowded),
            };
            let Some(frame) = frame else { return Ok(()) };
            self.seat.works();
            let answer = tokio::select! {
                biased;
                answer = self.answer(frame, local) => answer?,
                () = hung_up(&stream) => return Ok(()),
            };
            self.seat.waits();
            if let Some((preamble, response)) = answer {
                let mut frame = protocol::encode(preamble, &response).map_err(Closed::Response)?;
                let idle = self.node.config.idle_patience;
                tokio::select! {
                    biased;
                    taken = timeout(idle, stream.write_all_buf(&mut frame)) => taken.map_err(|_| Closed::Idle(idle))??,
                    () = self.seat.closed() => return Err(Closed::Crowded),
                }
            }
        }
    }

    /// The next frame without its length; `None` where the client has hung up between frames.
    async fn next_frame(&self, stream: &mut TcpStream, buffer: &mut BytesMut) -> Result<Option<Bytes>, Closed> {
        if buffer.is_empty() {
            if buffer.capacity() > KEEP {
                *buffer = BytesMut::new();
            }
            buffer.reserve(READ_STEP);
            let idle = self.node.config.idle_patience;
            let read = timeout(idle, stream.read_buf(buffer)).await.map_err(|_| Closed::Idle(idle))?;
            if read? == 0 {
                return Ok(None);
            }
        }
        let patience = self.node.config.frame_patience;
        let frame = timeout(patience, rest_of_frame(stream, buffer)).await;
        frame.map_err(|_| Closed::HalfFrame(patience))?.map(Some)
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

/// The frame that has begun, without its length.
async fn rest_of_frame(stream: &mut TcpStream, buffer: &mut BytesMut) -> Result<Bytes, Closed> {
    let mut more = async |buffer: &mut BytesMut, missing: usize| {
        buffer.reserve(missing.min(READ_STEP));
        match stream.read_buf(buffer).await? {
            0 => Err(Closed::from(io::Error::from(io::ErrorKind::UnexpectedEof))),
            _ => Ok(()),
        }
    };
    while buffer.len() < 4 {
        more(buffer, READ_STEP).await?;
    }
    let size = buffer.get_i32();
    let length = usize::try_from(size).ok().filter(|length| *length <= MAX_FRAME).ok_or(Closed::FrameSize(size))?;
    while buffer.len() < length {
        more(buffer, length - buffer.len()).await?;
    }
    Ok(buffer.split_to(length).freeze())
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
