//! Programs that die at a named point of their code and are started again, as their supervisor would.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::process::Process;

/// How a point ends its process.
const SIGABRT: i32 = 6;

/// Between two looks at whether the program still lives.
const LOOK: Duration = Duration::from_millis(10);

/// The names of all points in the sources of a crate, given its folder.
///
/// # Panics
/// When the sources cannot be read, or two points have one name.
#[must_use]
pub fn points(package: impl AsRef<Path>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![package.as_ref().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).expect("sources are text");
                for name in source.split("crash::point(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                    assert!(found.insert(name.to_owned()), "{name} stands twice");
                }
            }
        }
    }
    found
}

/// A program that dies when it comes to its point.
pub struct Mortal {
    point: String,
    command: Command,
    process: Process,
    deaths: usize,
}

impl Mortal {
    /// Starts it; it dies when it comes to `point` for the `nth` time.
    ///
    /// # Panics
    /// When the program cannot be executed.
    #[must_use]
    pub fn start(mut command: Command, point: &str, nth: usize) -> Self {
        command.stdin(Stdio::null());
        let action = if nth > 1 { format!("{}*off->return", nth - 1) } else { "return".to_owned() };
        let point = format!("{point}={action}");
        let process = Process::spawn(command.env("FAILPOINTS", &point)).expect("it can be executed");
        command.env_remove("FAILPOINTS");
        Self { point, command, process, deaths: 0 }
    }

    /// Does `work`, and starts the program again when it dies meanwhile.
    ///
    /// # Panics
    /// When it ends in another way, or twice.
    pub async fn while_it_lives<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(LOOK) => self.revive(),
            }
        }
    }

    /// Waits until it has come to its point, where it may do so only after the last answer; then it runs again.
    ///
    /// # Panics
    /// When it does not within `deadline`.
    pub async fn has_died(&mut self, deadline: Duration) {
        let what = format!("the program comes to {}", self.point);
        crate::eventually(deadline, &what, async || {
            self.revive();
            (self.deaths > 0).then_some(())
        })
        .await;
    }

    fn revive(&mut self) {
        if let Some(status) = self.process.try_wait().expect("it is our child") {
            assert_eq!(status.signal(), Some(SIGABRT), "it ended by itself: {status}");
            self.deaths += 1;
            assert_eq!(self.deaths, 1, "it died again");
            self.process = Process::spawn(&mut self.command).expect("it can be executed");
        }
    }
}
