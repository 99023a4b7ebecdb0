//! Changed files, as the system tells of them; a burst is told as one.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::ModifyKind};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// Editors and git write in bursts: a burst is over when nothing has come for this long.
const QUIET: Duration = Duration::from_millis(40);
/// But no burst is waited for longer than this.
const LONGEST: Duration = Duration::from_millis(500);

/// Changes below some folders.
pub(crate) struct Changes {
    _watcher: RecommendedWatcher,
    paths: mpsc::UnboundedReceiver<PathBuf>,
}

impl Changes {
    /// Watches files and whole folders from now on.
    ///
    /// # Errors
    /// When the system cannot watch them (Linux has a limit of watches for each user).
    pub(crate) fn below<'a>(places: impl IntoIterator<Item = &'a Path>) -> notify::Result<Self> {
        let (sender, paths) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error is a watch that was lost with its folder: what is left goes on.
            let Ok(event) = event else { return };
            if is_change(event.kind) {
                event.paths.into_iter().filter(|path| !is_scratch(path)).for_each(|path| drop(sender.send(path)));
            }
        })?;
        for place in places {
            watcher.watch(place, RecursiveMode::Recursive)?;
        }
        Ok(Self { _watcher: watcher, paths })
    }

    /// The next burst; `None` when nothing is watched any more.
    pub(crate) async fn next(&mut self) -> Option<BTreeSet<PathBuf>> {
        let mut burst = BTreeSet::from([self.paths.recv().await?]);
        let end = Instant::now() + LONGEST;
        while let Ok(Some(path)) = timeout_at(end.min(Instant::now() + QUIET), self.paths.recv()).await {
            burst.insert(path);
        }
        Some(burst)
    }
}

/// Reading, and a change of times or rights alone, change nothing that is built.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Create(_) | EventKind::Remove(_) => true,
        EventKind::Modify(kind) => !matches!(kind, ModifyKind::Metadata(_)),
        EventKind::Any | EventKind::Access(_) | EventKind::Other => false,
    }
}

/// What editors leave beside a file while it is written.
fn is_scratch(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.ends_with('~') || name.ends_with(".tmp") || name == "4913"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_is_told_once_and_scratch_files_not_at_all() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let source = dir.path().join("src");
        std::fs::create_dir(&source).expect("a folder is made");
        let mut changes = Changes::below([dir.path()]).expect("it is watched");
        std::fs::write(source.join(".main.rs.swp"), "x").expect("a file is written");
        let wanted: BTreeSet<PathBuf> = ["a.rs", "b.rs"].map(|name| source.join(name)).into();
        for path in &wanted {
            std::fs::write(path, "x").expect("a file is written");
        }
        let mut told = BTreeSet::new();
        while told != wanted {
            told.extend(changes.next().await.expect("a change is told"));
            assert!(told.is_subset(&wanted), "{told:?}");
        }
    }
}
