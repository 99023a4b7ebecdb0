use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use serde::Serialize;

/// One service, as Compose describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    pub image: String,
    /// Instead of the image's.
    pub entrypoint: Option<Vec<String>>,
    /// Instead of the image's.
    pub command: Option<Vec<String>>,
    pub environment: BTreeMap<String, String>,
    pub ports: Vec<Port>,
    pub mounts: Vec<Mount>,
    pub healthcheck: Option<Healthcheck>,
    /// Folder in the container -> mount options.
    pub tmpfs: BTreeMap<String, String>,
    pub ulimits: BTreeMap<String, Ulimit>,
    /// In bytes.
    pub shm_size: Option<u64>,
    /// In bytes.
    pub mem_limit: Option<u64>,
    pub user: Option<String>,
    pub hostname: Option<String>,
    pub stop_signal: Option<String>,
    /// Between the stop signal and SIGKILL. Compose's default is 10 s.
    pub stop_grace_period: Option<Duration>,
}

impl Service {
    /// Nothing but an image.
    #[must_use]
    pub fn of_image(image: String) -> Self {
        Self {
            image,
            entrypoint: None,
            command: None,
            environment: BTreeMap::new(),
            ports: Vec::new(),
            mounts: Vec::new(),
            healthcheck: None,
            tmpfs: BTreeMap::new(),
            ulimits: BTreeMap::new(),
            shm_size: None,
            mem_limit: None,
            user: None,
            hostname: None,
            stop_signal: None,
            stop_grace_period: None,
        }
    }

    /// The named volumes that it uses.
    #[must_use]
    pub fn volumes(&self) -> BTreeSet<&str> {
        self.mounts
            .iter()
            .filter_map(|mount| match &mount.source {
                Source::Volume(name) => Some(name.as_str()),
                Source::Bind(_) => None,
            })
            .collect()
    }
}

/// A port of the container that the host publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Port {
    /// 127.0.0.1 unless the file names another loopback address; others are refused.
    pub host_ip: IpAddr,
    pub host: u16,
    pub container: u16,
    pub protocol: Protocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Protocol {
    Tcp,
    Udp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    pub source: Source,
    /// Absolute path in the container.
    pub target: String,
    pub read_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Source {
    /// A volume by the name that the file gives it.
    Volume(String),
    /// A path of the host as it is written: absolute, or relative to the file's folder.
    Bind(String),
}

/// Where a duration or a number is missing, Docker's default holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Healthcheck {
    pub test: Test,
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub retries: Option<u32>,
    pub start_period: Option<Duration>,
    /// Looks are this frequent within the start period. Docker knows it from 25 (API 1.44) on.
    pub start_interval: Option<Duration>,
}

impl Healthcheck {
    /// A test, all else as Docker has it.
    #[must_use]
    pub fn of(test: Test) -> Self {
        Self { test, interval: None, timeout: None, retries: None, start_period: None, start_interval: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Test {
    /// The image's own.
    Image,
    /// None, though the image has one.
    None,
    Command(Vec<String>),
    Shell(String),
}

/// -1 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ulimit {
    pub soft: i64,
    pub hard: i64,
}
