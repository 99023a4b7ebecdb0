//! What one `up` asks for: written by the client, carried out by the supervisor.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use shopctl_core::{
    Manifest, Options, failpoint,
    manifest::{self, Infra, Variant},
};

use crate::proc::Identity;

/// One boot of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Of this boot alone; every process of it has it in `SHOPCTL_RUN`.
    pub run: String,
    /// Who asked for it; if it is gone before it holds the lease, there is nothing to boot for.
    pub client: Option<Identity>,
    pub workspace: PathBuf,
    /// As it was when the client checked it: an edit in between changes nothing.
    pub manifest: String,
    pub infra: Infra,
    /// With what receives telemetry.
    #[serde(default)]
    pub telemetry: bool,
    /// What describes the containers, where there are any.
    pub compose: Option<Compose>,
    /// Leave containers running when all else stops.
    pub keep_infra: bool,
    /// The program that `@shopctl` stands for.
    pub shopctl: PathBuf,
    pub bin_dir: PathBuf,
    pub resources: Vec<String>,
    pub skip_build: bool,
    pub release: bool,
    pub external: Vec<String>,
    pub watch: bool,
    /// Services are the ones that can be told to fail at a named point.
    pub failpoints: bool,
    /// With the proxy on the manifest's edges.
    #[serde(default)]
    pub faults: bool,
    /// From the end of the build.
    pub timeout: Duration,
    pub environment: Vec<Variable>,
}

/// A Compose file, as it was when the client checked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compose {
    /// Its own place; relative paths in it begin there.
    pub file: PathBuf,
    pub text: String,
    /// Resource -> image, in place of what the file says.
    pub images: BTreeMap<String, String>,
}

/// One `--env`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// `None`: every service.
    pub service: Option<String>,
    pub key: String,
    pub value: String,
}

impl Plan {
    /// What the manifest says for this boot.
    ///
    /// # Errors
    /// When it is wrong, which the client would have told.
    pub fn parse(&self) -> Result<Manifest, manifest::Error> {
        let variant = Variant { infra: self.infra, telemetry: self.telemetry };
        let manifest = Manifest::parse(&self.manifest, variant)?;
        Ok(if self.faults { manifest.proxied() } else { manifest })
    }

    /// The program that `@bin/NAME` stands for.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        let armed = self.bin_dir.join(format!("{name}{}", failpoint::SUFFIX));
        if self.failpoints && armed.exists() { armed } else { self.bin_dir.join(name) }
    }

    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            resources: self.resources.clone(),
            skip_build: self.skip_build,
            external: self.external.clone(),
            watch: self.watch,
        }
    }
}
