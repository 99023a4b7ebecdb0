//! Children that get away.

use std::{
    env, io,
    os::fd::OwnedFd,
    process::{Command, Stdio},
    thread::{park, sleep},
    time::Duration,
};

use nix::unistd::{Pid, getsid, setsid};

use super::{be_deaf, serving};

/// Lines of descent of a storm.
const LINES: usize = 6;
/// How many are born in each: a storm that nobody ends is over after some seconds, but for the last of each line.
const GENERATIONS: u32 = 400;
/// How long each waits for its child before it ends.
const LIFE: Duration = Duration::from_millis(8);

/// This program in another mode, without our environment and pipes.
fn shadow(mode: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(mode).arg(env::var_os("FAKE_SHADOW").unwrap_or_default()).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

pub(crate) fn escape(mode: &str) -> io::Result<()> {
    shadow(mode)?.arg("haunt").spawn().map(drop)
}

pub(crate) fn cling() -> io::Result<()> {
    shadow("beget")?.arg("haunt").stdout(Stdio::inherit()).stderr(Stdio::inherit()).spawn()?.wait().map(drop)
}

pub(crate) fn squat(port: u16) -> io::Result<()> {
    let listener = OwnedFd::from(serving::bind(port)?);
    let child = shadow("haunt")?.stdin(listener).spawn()?;
    let child = Pid::from_raw(child.id().cast_signed());
    // Until then it could be ended with our group.
    while getsid(Some(child))? != child {
        sleep(Duration::from_millis(1));
    }
    std::process::exit(1)
}

pub(crate) fn storm(port: u16) -> io::Result<()> {
    for _ in 0..LINES {
        shadow("spark")?.arg(GENERATIONS.to_string()).spawn()?;
    }
    serving::listen(port)
}

/// `haunt SHADOW`: a session of its own, and no ear for anybody.
pub(crate) fn haunt() -> io::Result<()> {
    setsid()?;
    be_deaf()?;
    loop {
        park();
    }
}

/// `beget SHADOW MODE`: becomes the parent of that and ends.
pub(crate) fn beget(arguments: &[String]) -> io::Result<()> {
    setsid()?;
    let [shadow, mode] = arguments else { return Err(io::Error::other("beget what?")) };
    Command::new(env::current_exe()?).args([mode, shadow]).spawn().map(drop)
}

/// `spark SHADOW GENERATIONS`: starts the next generation and ends; the last one stays.
pub(crate) fn spark(arguments: &[String]) -> io::Result<()> {
    setsid()?;
    be_deaf()?;
    let [shadow, generations] = arguments else { return Err(io::Error::other("how many generations?")) };
    match generations.parse::<u32>() {
        Ok(left @ 1..) => {
            let next = (left - 1).to_string();
            Command::new(env::current_exe()?).args(["spark", shadow.as_str(), next.as_str()]).spawn()?;
            sleep(LIFE);
            Ok(())
        }
        Ok(0) | Err(_) => loop {
            park();
        },
    }
}
