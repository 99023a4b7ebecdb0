//! Ends what this process has started and removes its folders when the process is gone, also by SIGKILL: a shell waits for
//! the end of a pipe whose other end only this process has.

use std::{
    ffi::OsStr,
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

/// Reads pids, the last one counts, until the pipe closes. `$1` is the folder, if any; `$2` in it may be a link to more.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -QUIT "$pid"
    tries=0
    while kill -0 "$pid" && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -KILL "$pid"
fi
[ $# = 0 ] && exit
target=$(readlink "$2") && rm -rf "$target"
rm -rf "$1"
"#;

/// `$1` is shopctl, `$2` the instance, `$3` its state, `$4` the workspace.
const INSTANCE: &str = r#"
trap '' INT TERM HUP
cat > /dev/null
export XDG_STATE_HOME="$3"
cd "$4" && { "$1" down --volumes --instance "$2" || "$1" down --volumes --instance "$2"; }
rm -rf "$3"
"#;

/// Dropping it does at once what the end of the process would.
#[derive(Debug)]
pub struct Leash {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Leash {
    /// Takes no folder.
    pub(crate) fn new() -> Self {
        Self::of(&[])
    }

    /// Takes `folder` with all in it, and what its entry `link` points to.
    pub(crate) fn tie(folder: &Path, link: &Path) -> Self {
        Self::of(&[folder, link])
    }

    fn of(arguments: &[&Path]) -> Self {
        Self::shell(SCRIPT, arguments)
    }

    /// Ends an instance of the shop, with its data, and removes the folder `state`.
    ///
    /// # Panics
    /// When there is no shell.
    #[must_use]
    pub fn instance(shopctl: &Path, name: &str, state: &Path, workspace: &Path) -> Self {
        Self::shell(INSTANCE, [shopctl.as_os_str(), name.as_ref(), state.as_os_str(), workspace.as_os_str()])
    }

    /// Runs a script of one's own, which must read its input to the end and ignore SIGINT, SIGTERM and SIGHUP till then.
    ///
    /// # Panics
    /// When there is no shell.
    #[must_use]
    pub fn shell(script: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", script, "leash"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            // Ctrl-C goes to the group of the tests.
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let pipe = shell.stdin.take();
        Self { shell, pipe }
    }

    /// The shell's process, and the group of processes that it leads.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.shell.id()
    }

    /// From now on this process ends with us; `None` while there is none.
    pub(crate) fn hold(&mut self, pid: Option<u32>) {
        let line = pid.map(|pid| pid.to_string()).unwrap_or_default();
        let pipe = self.pipe.as_mut().expect("only dropping takes it");
        writeln!(pipe, "{line}").expect("the shell reads to the end");
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // Without it a folder would still be on its way out after the value is gone; nothing depends on the answer.
        let _ = self.shell.wait();
    }
}
