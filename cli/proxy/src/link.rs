//! One connection whose bytes mean nothing here.

use bytes::BytesMut;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpStream, tcp::ReadHalf},
    sync::watch,
};

use crate::{
    lane::{Lane, lane},
    rules::{Rules, Way},
};

/// Bytes that are read at once.
const CHUNK: usize = 32 * 1024;

/// A connection that ends before both sides have said all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut;

/// Passes on what both sides say, until both are done.
///
/// # Errors
/// When one of them is gone, or the edge is broken so.
pub(crate) async fn pass(
    caller: &mut TcpStream,
    called: &mut TcpStream,
    edge: &str,
    rules: watch::Receiver<Rules>,
) -> Result<(), Cut> {
    let (mut from_caller, mut to_caller) = caller.split();
    let (mut from_called, mut to_called) = called.split();
    let (there, arrived) = lane();
    let (back, returned) = lane();
    tokio::try_join!(
        read(&mut from_caller, there, edge, Way::There, &rules),
        read(&mut from_called, back, edge, Way::Back, &rules),
        arrived.write(&mut to_called, edge, rules.clone()),
        returned.write(&mut to_caller, edge, rules.clone()),
    )
    .map(drop)
}

async fn read(
    from: &mut ReadHalf<'_>,
    mut lane: Lane,
    edge: &str,
    way: Way,
    rules: &watch::Receiver<Rules>,
) -> Result<(), Cut> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        match from.read_buf(&mut buffer).await {
            Ok(0) => return Ok(()),
            Ok(_) => {
                let passage = rules.borrow().passage(edge, way);
                lane.put(buffer.split().freeze(), passage).await?;
            }
            Err(_) => return Err(Cut),
        }
    }
}
