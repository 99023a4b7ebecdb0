//! Ends what a test has started when the tests are gone, however they ended: a shell waits for the end of a pipe whose
//! other end only they have.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Kills whatever has the folder in its environment or on its command line, and removes the folder. It reads the path,
/// so as to have it in neither.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
read -r folder
cat > /dev/null
rounds=0
while [ $rounds -lt 50 ]; do
    found=$(printf '%s' "$folder" | grep -alsFf - /proc/[0-9]*/environ /proc/[0-9]*/cmdline | cut -d/ -f3 | sort -u)
    [ -n "$found" ] || break
    kill -KILL $found
    rounds=$((rounds + 1))
done
rm -rf "$folder"
"#;

pub(crate) struct Leash(Child);

impl Leash {
    pub(crate) fn tie(folder: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C goes to the group of the tests.
        let mut shell = shell.process_group(0).current_dir("/").spawn().expect("there is a shell");
        let pipe = shell.stdin.as_mut().expect("it is piped");
        writeln!(pipe, "{}", folder.display()).expect("the shell reads to the end");
        Self(shell)
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Nothing depends on the answer.
        let _ = self.0.wait();
    }
}
