use std::{fs, num::NonZero, thread};

use anyhow::Context as _;
use serde_json::{Value, json};

/// What the figures were measured on.
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    memory_gib: u64,
    /// Of the last minute, before the bench: how many others wanted a core.
    load: String,
}

impl Machine {
    pub(crate) fn look() -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("{path} cannot be read"));
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo")?, "MemTotal").unwrap_or_default();
        let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Ok(Self {
            cores: thread::available_parallelism().map_or(1, NonZero::get),
            processor: field(&read("/proc/cpuinfo")?, "model name").unwrap_or_else(|| "unknown".to_owned()),
            memory_gib: kib >> 20,
            load: read("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned(),
        })
    }

    pub(crate) fn line(&self) -> String {
        let Self { cores, processor, memory_gib, load } = self;
        format!("{cores} cores ({processor}), {memory_gib} GiB, release mode, load average before: {load}")
    }

    pub(crate) fn json(&self) -> Value {
        let Self { cores, processor, memory_gib, load } = self;
        json!({ "cores": cores, "processor": processor, "memory_gib": memory_gib, "load_before": load })
    }
}
