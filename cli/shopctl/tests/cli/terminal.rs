//! A terminal, and a shell with job control on it.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use nix::pty::{Winsize, openpty};

use super::sandbox::{Sandbox, eventually};

/// A terminal with a shell.
pub(crate) struct Terminal {
    shell: Child,
    keys: File,
    screen: Arc<Mutex<vt100::Parser>>,
    written: Arc<AtomicU64>,
    /// Bytes a second that it takes; 0: as many as there are.
    speed: Arc<AtomicU64>,
}

impl Terminal {
    pub(crate) fn open(sandbox: &Sandbox, columns: u16, rows: u16) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).expect("a terminal is made");
        let mut like = sandbox.command(&[]);
        like.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").env("PS1", "$ ").env_remove("CI");
        // The same environment and folder, for a shell that has the terminal as its own.
        let mut shell = Command::new("setsid");
        shell.args(["--ctty", "--wait", "bash", "--norc", "--noprofile", "-i"]);
        for (name, value) in like.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.current_dir(sandbox.workspace());
        let side = |fd: &OwnedFd| fd.try_clone().expect("a descriptor can be shared");
        shell.stdin(side(&pty.slave)).stdout(side(&pty.slave)).stderr(side(&pty.slave));
        let shell = shell.spawn().expect("a shell starts");
        drop(pty.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size.ws_row, size.ws_col, 0)));
        let mut reader = File::from(pty.master.try_clone().expect("a descriptor can be shared"));
        let sink = screen.clone();
        let written = Arc::new(AtomicU64::new(0));
        let count_in = written.clone();
        let speed = Arc::new(AtomicU64::new(0));
        let limit = speed.clone();
        thread::spawn(move || {
            let mut block = [0; 4096];
            loop {
                let size = match limit.load(Ordering::Relaxed) {
                    0 => block.len(),
                    bytes => {
                        thread::sleep(Duration::from_millis(20));
                        usize::try_from(bytes / 50).unwrap_or(1).clamp(1, block.len())
                    }
                };
                // It ends by an error once nobody has the other side.
                let Ok(count @ 1..) = reader.read(&mut block[..size]) else { return };
                count_in.fetch_add(count as u64, Ordering::Relaxed);
                sink.lock().expect("nobody panics with it").process(&block[..count]);
            }
        });
        Self { shell, keys: File::from(pty.master), screen, written, speed }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    pub(crate) fn type_command(&mut self, arguments: &str) {
        self.press(&format!("{} {arguments}; echo \"exit=$?\"\n", env!("CARGO_BIN_EXE_shopctl")));
    }

    /// Has it take so many bytes a second from now on; 0: as many as there are.
    pub(crate) fn set_speed(&self, bytes: u64) {
        self.speed.store(bytes, Ordering::Relaxed);
    }

    /// Waits until this is to be seen.
    pub(crate) fn wait_for(&self, wanted: &str) {
        eventually(&format!("{wanted:?} on the terminal"), || self.shown().contains(wanted).then_some(()));
    }

    /// Waits until a dashboard has the terminal, or until the shell has it again.
    pub(crate) fn wait_until_taken(&self, taken: bool) {
        eventually("the terminal changes hands", || (self.is_taken() == taken).then_some(()));
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.screen.lock().expect("nobody panics with it").screen().alternate_screen()
    }

    /// Whether what the mouse does is the terminal's own again.
    pub(crate) fn has_no_mouse(&self) -> bool {
        let screen = self.screen.lock().expect("nobody panics with it");
        screen.screen().mouse_protocol_mode() == vt100::MouseProtocolMode::None
    }

    /// Bytes that came to the terminal so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(crate) fn shown(&self) -> String {
        self.screen.lock().expect("nobody panics with it").screen().contents()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
