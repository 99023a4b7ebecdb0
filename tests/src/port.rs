//! Ports of servers that come and go.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port of this machine that the system gives to nobody else while this value lives, whether its server runs or not.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    /// Bound, and never listens: that leaves it to whoever names the port. Other systems than Linux would not.
    _socket: Option<TcpSocket>,
}

impl Port {
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn reserve() -> Self {
        let bound = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            Ok::<_, std::io::Error>((socket.local_addr()?, socket))
        };
        let (address, socket) = bound().expect("a port is free");
        Self { address, _socket: cfg!(target_os = "linux").then_some(socket) }
    }

    /// On the loopback interface.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_is_listened_on_again_and_again_and_is_closed_in_between() {
        let port = Port::reserve();
        for _ in 0..3 {
            TcpStream::connect(port.address()).expect_err("nobody listens");
            let server = TcpListener::bind(port.address()).expect("it is free");
            TcpStream::connect(port.address()).expect("somebody listens");
            drop(server);
        }
    }
}
