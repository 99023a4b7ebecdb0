//! What happens at the points is set by `FAILPOINTS` (`<name>=<action>;…`, see the crate `fail`; its `return` ends the
//! process), and changed at run time over a socket, if `SHOP_FAILPOINTS` says where: each line is `<name>=<action>`, without
//! an action if nothing is to happen any more, and is answered by `ok` or by what is wrong with it.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::runtime::{Handle, RuntimeFlavor};

/// Whether somebody may be held up at a point: then the other tasks of its thread must go on elsewhere.
static HOLDS: AtomicBool = AtomicBool::new(false);
/// Where it is written down at which point the process has died.
static NOTE: OnceLock<PathBuf> = OnceLock::new();

/// Arms the points as the environment says, for as long as the value lives.
pub fn arm() -> impl Sized {
    let armed = fail::FailScenario::setup();
    heed(&env::var("FAILPOINTS").unwrap_or_default());
    if let Some(socket) = env::var_os("SHOP_FAILPOINTS").map(PathBuf::from) {
        let _ = NOTE.set(socket.with_extension("struck"));
        if let Err(error) = listen(&socket) {
            tracing::warn!("failpoints cannot be set at {}: {error}", socket.display());
        }
    }
    armed
}

pub(super) fn pass(name: &'static str) {
    let pass = || fail::fail_point!(name, |_| die(name));
    let on_worker = || Handle::try_current().is_ok_and(|here| here.runtime_flavor() == RuntimeFlavor::MultiThread);
    if HOLDS.load(Ordering::Relaxed) && on_worker() {
        tokio::task::block_in_place(pass);
    } else {
        pass();
    }
}

fn die(name: &str) {
    if let Some(note) = NOTE.get() {
        // Nobody could be told of a failure any more.
        let _ = fs::write(note, name);
    }
    process::abort();
}

fn heed(action: &str) {
    if ["sleep", "pause", "delay"].iter().any(|word| action.contains(word)) {
        HOLDS.store(true, Ordering::Relaxed);
    }
}

fn listen(socket: &PathBuf) -> io::Result<()> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(socket)?;
    let serve = move || {
        for stream in listener.incoming().flatten() {
            // Who has hung up wants no answer.
            let _ = serve(&stream);
        }
    };
    thread::Builder::new().name("failpoints".to_owned()).spawn(serve).map(drop)
}

fn serve(mut stream: &UnixStream) -> io::Result<()> {
    for line in BufReader::new(stream).lines() {
        let said = set(&line?).err().unwrap_or_else(|| "ok".to_owned());
        writeln!(stream, "{said}")?;
    }
    Ok(())
}

fn set(line: &str) -> Result<(), String> {
    let (name, action) = line.split_once('=').ok_or("expected <name>=<action>")?;
    if action.is_empty() {
        fail::remove(name);
        return Ok(());
    }
    heed(action);
    fail::cfg(name, action)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_point_is_set_and_cleared_over_the_socket_and_holds_up_only_who_comes_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("x.fail");
        listen(&socket).expect("it listens");
        let say = |line: &str| {
            let mut stream = UnixStream::connect(&socket).expect("it is there");
            writeln!(stream, "{line}").expect("it is said");
            let mut said = String::new();
            BufReader::new(stream).read_line(&mut said).expect("it answers");
            said.trim_end().to_owned()
        };
        assert_eq!(say("spot=1*sleep(200)"), "ok");
        let began = Instant::now();
        let held = tokio::spawn(async { pass("spot") });
        let other = tokio::spawn(async move { began.elapsed() });
        assert!(other.await.expect("it ends") < Duration::from_millis(150), "the other task waits");
        held.await.expect("it ends");
        assert!(began.elapsed() >= Duration::from_millis(200));
        assert_eq!(say("spot=panic"), "ok");
        assert_eq!(say("spot="), "ok");
        pass("spot");
        assert_ne!(say("spot=dance"), "ok");
        assert_ne!(say("spot"), "ok");
    }
}
