//! A broker as a process of its own, which can be looked at from outside and killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use shopctl_broker::{Broker, Config};

pub(crate) struct Own {
    pub(crate) address: String,
    /// From the start of the process to its first word, which it says when it listens.
    pub(crate) took: Duration,
    child: Child,
}

/// What the process does that [`Own::start`] starts: as the broker's own `main`, with no signals to wait for.
pub(crate) fn serve(data: &str, listen: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let broker = Broker::open(Config::new(data, listen.parse()?))?;
    println!("{}", broker.local_addr());
    Ok(runtime.block_on(broker.run(std::future::pending()))?)
}

impl Own {
    pub(crate) fn start(data: &Path, listen: &str) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("serve").arg(data).arg(listen).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().context("no pipe")?).read_line(&mut address)?;
        anyhow::ensure!(!address.is_empty(), "the broker ended before it listened");
        Ok(Self { address: address.trim().to_owned(), took: started.elapsed(), child })
    }

    /// Resident memory (PSS), in KiB; its program's pages count half, since this process shares them.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
        Ok(pss.trim().trim_end_matches(" kB").parse()?)
    }

    /// Processor time until now.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()))?;
        let mut nanoseconds = 0;
        for task in tasks {
            let schedstat = std::fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += schedstat.split(' ').next().context("no time")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// Also when the measuring fails.
impl Drop for Own {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
