//! Who listens on a port, well or badly.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    thread,
    time::Duration,
};

pub(crate) fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

pub(crate) fn listen(port: u16) -> io::Result<()> {
    let listener = bind(port)?;
    loop {
        drop(listener.accept()?);
    }
}

pub(crate) fn answer(port: u16, pause: Duration) -> io::Result<()> {
    let listener = bind(port)?;
    loop {
        let (mut stream, _) = listener.accept()?;
        thread::spawn(move || {
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|count| count > 0) {
                thread::sleep(pause);
                // Who asked may have lost patience.
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
    }
}

pub(crate) fn keep_silent(port: u16) -> io::Result<()> {
    let listener = bind(port)?;
    let mut kept = Vec::new();
    loop {
        kept.push(listener.accept()?);
    }
}
