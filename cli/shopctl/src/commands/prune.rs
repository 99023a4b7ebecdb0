//! `shopctl prune`: removes what stopped instances have left.

mod orphans;

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::json;
use shopctl_runtime::{
    Instance,
    instance::{self, Lock},
    leftovers,
};

use crate::{
    args::{Global, Prune},
    commands::down,
    exit::{Exit, Failure},
    printer,
};
use orphans::Orphans;

pub(crate) async fn run(global: &Global, args: &Prune) -> anyhow::Result<Exit> {
    // An instance that runs, or that an `up` has just taken, is locked.
    let stopped = |instance: &Instance| matches!(instance.lock_patiently(), Ok(Some(_)));
    let all = Instance::all()?;
    let found: Vec<Left> = tokio::task::block_in_place(|| all.into_iter().filter(stopped).map(Left::of).collect());
    let orphans = Orphans::find().await?;
    if !found.is_empty() || !orphans.is_empty() {
        if !global.json {
            list(&found, &orphans);
        }
        if !args.yes && !ask(&found, &orphans)? {
            return Ok(Exit::Success);
        }
    }
    let mut removed = Vec::new();
    for left in found {
        // Nobody kept it while the question was open.
        match tokio::task::block_in_place(|| left.instance.lock_patiently())? {
            Some(lock) => {
                down::remove_containers(&left.instance, true).await?;
                tokio::task::block_in_place(|| remove(&left.instance, &lock))?;
                removed.push(left);
            }
            None => printer::note(format_args!("instance {} runs again: it stays", left.instance.name)),
        }
    }
    orphans.remove().await?;
    let folders = instance::prune_runtime_dirs();
    if global.json {
        printer::data(json!(removed.iter().map(Left::json).chain(orphans.json()).collect::<Vec<_>>()));
    } else if removed.is_empty() && orphans.is_empty() && folders == 0 {
        printer::note("no stopped instance has left anything");
    } else {
        printer::note(format_args!("removed {}", total(&removed, &orphans)));
    }
    Ok(Exit::Success)
}

fn remove(instance: &Instance, lock: &Lock) -> anyhow::Result<()> {
    // Where both supervisor and reaper were killed.
    let _ = leftovers::end_all(instance);
    down::remove(instance, lock)
}

fn list(found: &[Left], orphans: &Orphans) {
    let mut table = printer::Table::new(["INSTANCE", "SIZE", "LAST USED", "WORKSPACE"]);
    for left in found {
        let ago = left.last_used.and_then(|time| time.elapsed().ok());
        let gone = if left.workspace_gone() { " (gone)" } else { "" };
        let workspace = left.workspace.as_ref().map(|workspace| format!("{}{gone}", workspace.display()));
        table.row([
            left.instance.name.clone(),
            printer::size(left.bytes),
            ago.map_or_else(String::new, |ago| format!("{} ago", printer::rough(ago))),
            workspace.unwrap_or_default(),
        ]);
    }
    orphans.rows().for_each(|row| table.row(row));
    printer::note(table);
}

fn total(found: &[Left], orphans: &Orphans) -> String {
    let bytes = found.iter().map(|left| left.bytes).sum();
    let count = found.len() + orphans.len();
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} instance{plural}, {}", printer::size(bytes))
}

fn ask(found: &[Left], orphans: &Orphans) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::new(Exit::Usage, "there is no terminal to ask whether all this is to be removed")
            .hint("`shopctl prune --yes` does not ask")
            .into());
    }
    let mut terminal = anstream::stderr();
    write!(terminal, "Remove {}? [y/N] ", total(found, orphans))?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// What a stopped instance has left.
struct Left {
    instance: Instance,
    workspace: Option<PathBuf>,
    bytes: u64,
    last_used: Option<SystemTime>,
}

impl Left {
    fn of(instance: Instance) -> Self {
        let record = instance.record().ok().flatten();
        Self {
            workspace: record.map(|record| record.workspace),
            bytes: size(instance.state_dir(), true),
            last_used: instance.last_used(),
            instance,
        }
    }

    fn workspace_gone(&self) -> bool {
        self.workspace.as_ref().is_some_and(|workspace| !workspace.exists())
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "instance": self.instance.name,
            "workspace": self.workspace,
            "workspace_gone": self.workspace_gone(),
            "bytes": self.bytes,
            "last_used": self.last_used.map(|time| humantime::format_rfc3339_seconds(time).to_string()),
            "state_dir": self.instance.state_dir(),
        })
    }
}

/// Bytes on the disk below `path`. What cannot be looked at counts nothing.
fn size(path: &Path, follow: bool) -> u64 {
    // A cluster of root's is elsewhere: a link leads there, and further links are none of ours.
    let found = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let Ok(found) = found else { return 0 };
    let entries = if found.is_dir() { fs::read_dir(path).ok() } else { None };
    let follow = path.file_name().is_some_and(|name| name == "data");
    let below: u64 = entries.into_iter().flatten().flatten().map(|entry| size(&entry.path(), follow)).sum();
    below + found.blocks() * 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_elsewhere_counts_and_nothing_that_it_links_to() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (state, cluster, other) = (dir.path().join("state"), dir.path().join("cluster"), dir.path().join("other"));
        for folder in [&state.join("data"), &cluster, &other] {
            fs::create_dir_all(folder).expect("a folder is made");
        }
        fs::write(cluster.join("base"), vec![1; 1 << 20]).expect("a file is written");
        fs::write(other.join("base"), vec![1; 16 << 20]).expect("a file is written");
        std::os::unix::fs::symlink(&cluster, state.join("data/order_db")).expect("a link is made");
        std::os::unix::fs::symlink(&other, cluster.join("pg_tblspc")).expect("a link is made");
        let bytes = size(&state, true);
        assert!((1 << 20..8 << 20).contains(&bytes), "{bytes}");
    }
}
