//! The processes of an instance, as Linux tells of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::instance::Instance;

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// `shopctl` for its own.
    pub(crate) resource: String,
    /// Its share of the memory that it uses.
    pub(crate) pss_kib: u64,
    /// Of all its threads, also those that have ended.
    pub(crate) cpu_ticks: u64,
    /// Whether it serves one connection to PostgreSQL.
    pub(crate) is_backend: bool,
}

/// All that the instance has started and what these have started; none where the system does not tell.
pub(crate) fn of(instance: &Instance) -> Vec<Process> {
    let parents: BTreeMap<u32, u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let state = instance.state().display().to_string();
    // The reaper and what it descends to: it is told the folder of the state, all others have it in their environment.
    let is_reaper = |pid: &u32| {
        let command = read(*pid, "cmdline");
        command.contains("\0reaper\0") && command.contains(&state)
    };
    let mut all: BTreeSet<u32> = parents.keys().copied().filter(is_reaper).collect();
    all.extend(parents.keys().filter(|&&pid| variable(pid, "SHOPCTL_STATE").is_some_and(|of| of.starts_with(&state))));
    loop {
        let children = parents.iter().filter(|(pid, parent)| all.contains(parent) && !all.contains(pid));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        if children.is_empty() {
            break;
        }
        all.extend(children);
    }
    all.iter().map(|&pid| look(pid, &parents)).collect()
}

fn look(pid: u32, parents: &BTreeMap<u32, u32>) -> Process {
    // Servers that write their state into their title overwrite their environment with it; their parent's is whole.
    let line = std::iter::successors(Some(pid), |pid| parents.get(pid).copied());
    let resource = line.take(3).find_map(|pid| variable(pid, "SHOPCTL_RESOURCE"));
    let rollup = read(pid, "smaps_rollup");
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse().ok());
    let title = read(pid, "cmdline");
    Process {
        pid,
        resource: resource.unwrap_or_else(|| "shopctl".to_owned()),
        pss_kib: pss.unwrap_or_default(),
        cpu_ticks: cpu(pid).unwrap_or_default(),
        is_backend: title.starts_with("postgres:") && title.contains(" 127.0.0.1("),
    }
}

fn read(pid: u32, file: &str) -> String {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

fn cpu(pid: u32) -> Option<u64> {
    let stat = stat(pid)?;
    let field = |at: usize| stat.get(at)?.parse::<u64>().ok();
    Some(field(11)? + field(12)?)
}

/// The fields behind the name, which may hold anything, also spaces.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = read(pid, "stat");
    Some(stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = read(pid, "environ");
    environment.split('\0').find_map(|entry| Some(entry.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}
