//! Listening on an address that somebody else may hold for a moment.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep};

/// Linux gives ports from 32768 on to outgoing connections, so that 50051 can be taken for as long as one lasts.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections that the system makes before they are accepted. Beyond it tells nobody: their clients try again after one
/// second, then after two more. As many as Linux allows unless it is told otherwise.
pub(crate) const BACKLOG: u32 = 4096;

/// Listens on `address`; if it is taken, says so and tries again for 5 s.
///
/// # Errors
/// The address is still taken, or can't be listened on at all; the error names it.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let deadline = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                if !told {
                    tracing::warn!("{address} is in use; trying again for {} s", PATIENCE.as_secs());
                    told = true;
                }
                sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("can't listen on {address}: {error}"))),
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Else the connections of a service that has just ended would keep the next one out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_taken_for_a_moment_is_waited_for() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let address = first.local_addr().expect("bound");
        let second = tokio::spawn(bind(address));
        tokio::task::yield_now().await;
        drop(first);
        second.await.expect("no panic").expect("bound in the end");
    }
}
