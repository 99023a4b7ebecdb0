//! CPU time by process: unlike times on a clock it does not depend on what else the machine does.

use std::{collections::BTreeMap, fs};

use nix::unistd::{SysconfVar, sysconf};

use crate::{figure::Measured, shop::Shop};

/// What everybody had used when the measurement began.
pub(crate) struct Meter<'a> {
    shop: &'a Shop,
    begun: BTreeMap<String, f64>,
}

impl<'a> Meter<'a> {
    pub(crate) fn start(shop: &'a Shop) -> anyhow::Result<Self> {
        Ok(Self { shop, begun: used(shop)? })
    }

    /// Tells what each process has used since then for one of `operations`.
    pub(crate) fn stop(self, operations: f64, measured: &mut Measured) -> anyhow::Result<()> {
        for (name, milliseconds) in used(self.shop)? {
            let begun = self.begun.get(&name).copied().unwrap_or_default();
            measured.cpu.insert(name, (milliseconds - begun) / operations);
        }
        Ok(())
    }
}

/// Milliseconds of CPU by resource, with all its descendants, and of the bench itself.
fn used(shop: &Shop) -> anyhow::Result<BTreeMap<String, f64>> {
    let ticks = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100);
    let mut processes = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        // What is no process, and what has just ended.
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // A name may hold anything, also spaces: the fields are counted from behind it.
        let Some((_, fields)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = fields.split(' ').collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).unwrap_or_default();
        // utime, stime, and the same of children that have ended.
        processes.insert(pid, (number(1), (11..15).map(number).sum::<u32>()));
    }
    let owners: BTreeMap<u32, &str> =
        shop.processes.iter().map(|(name, pid)| (*pid, name.as_str())).chain([(std::process::id(), "bench")]).collect();
    let mut used: BTreeMap<String, f64> = BTreeMap::new();
    for (pid, (_, time)) in &processes {
        let mut line = std::iter::successors(Some(*pid), |pid| processes.get(pid).map(|(parent, _)| *parent));
        if let Some(owner) = line.find_map(|pid| owners.get(&pid)) {
            *used.entry((*owner).to_owned()).or_default() += f64::from(*time) * 1000.0 / ticks as f64;
        }
    }
    Ok(used)
}
