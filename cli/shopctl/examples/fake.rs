//! A small program that behaves, or misbehaves, as a test wants it: `fake listen PORT`, `fake deaf PORT`,
//! `fake escape PORT`, `fake haunt`.

use std::{
    env, io,
    net::{Ipv4Addr, TcpListener},
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{SigSet, Signal},
    unistd::setsid,
};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(0);
    match mode.as_str() {
        "listen" => listen(port),
        "deaf" => {
            be_deaf()?;
            listen(port)
        }
        "escape" => {
            // A grandchild that leaves group, session and environment behind, and listens to no signal.
            let shadow = env::var_os("FAKE_SHADOW").unwrap_or_default();
            Command::new(env::current_exe()?)
                .arg("haunt")
                .arg(shadow)
                .env_clear()
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            listen(port)
        }
        "haunt" => {
            setsid()?;
            be_deaf()?;
            loop {
                std::thread::park();
            }
        }
        other => Err(io::Error::other(format!("what is {other}?"))),
    }
}

fn be_deaf() -> io::Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        signals.add(signal);
    }
    Ok(signals.thread_block()?)
}

fn listen(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    loop {
        drop(listener.accept()?);
    }
}
