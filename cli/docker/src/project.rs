//! The containers, network and volumes of one instance. They are known by their labels, and nothing else is touched.

mod attend;
mod ending;
mod holder;
mod network;
mod obtain;
mod orphan;
mod output;
mod postgres;
mod remove;
mod spec;
mod stop;
mod volume;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

pub use attend::{Health, Observer, Report, Since};
pub use ending::Ending;
pub use holder::publisher;
pub use obtain::{Container, How, Obtained};
pub use orphan::{Orphan, orphans};
pub use output::Output;
pub use remove::{Removed, Thing, Things, all};

use crate::{Daemon, Error};

/// Which instance a container, network or volume belongs to: its name.
pub const INSTANCE: &str = "shopctl.instance";
/// Hash of the path of the instance's state: unique among instances and workspaces.
pub const STATE: &str = "shopctl.state";
/// That folder, and the name of its machine: so that what is left of an instance whose folder is gone is found, and what belongs
/// to another machine on the same daemon is not taken for that.
pub const FOLDER: &str = "shopctl.folder";
pub const HOST: &str = "shopctl.host";
/// The resource that a container serves, or the file's name of a volume.
pub const RESOURCE: &str = "shopctl.resource";
/// Hash of what a container was made from, its image included.
pub const CONTENT: &str = "shopctl.content";

/// One instance's share of a daemon.
#[derive(Debug, Clone)]
pub struct Project {
    daemon: Daemon,
    instance: String,
    folder: PathBuf,
    state: String,
}

impl Project {
    /// `state` is the instance's folder of state: its path tells instances apart. The folder itself need only be there to
    /// make containers, as what processes of the instance lock.
    #[must_use]
    pub fn new(daemon: Daemon, instance: &str, state: &Path) -> Self {
        let hash = hex::encode(Sha256::digest(state.as_os_str().as_encoded_bytes()));
        Self { daemon, instance: instance.to_owned(), folder: state.to_owned(), state: hash }
    }

    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// The name of a resource's container: `shopctl-<instance>-<hash>-<resource>`. Volumes are called alike.
    #[must_use]
    pub fn name(&self, resource: &str) -> String {
        format!("{}-{resource}", self.network())
    }

    /// The name of the network: `shopctl-<instance>-<hash>`.
    #[must_use]
    pub fn network(&self) -> String {
        format!("shopctl-{}-{}", self.instance, &self.state[..8])
    }

    fn labels(&self, resource: Option<&str>) -> HashMap<String, String> {
        let mut labels = HashMap::from([
            (INSTANCE.to_owned(), self.instance.clone()),
            (STATE.to_owned(), self.state.clone()),
            (FOLDER.to_owned(), self.folder.to_string_lossy().into_owned()),
            (HOST.to_owned(), host()),
        ]);
        labels.extend(resource.map(|resource| (RESOURCE.to_owned(), resource.to_owned())));
        labels
    }

    /// The filter for all that is this instance's.
    fn filter(&self) -> HashMap<String, Vec<String>> {
        HashMap::from([("label".to_owned(), vec![format!("{STATE}={}", self.state)])])
    }

    /// Refuses what bears the name of something of ours, but not our label.
    fn ours(&self, kind: &'static str, name: &str, labels: Option<&HashMap<String, String>>) -> Result<(), Error> {
        match labels.and_then(|labels| labels.get(STATE)) {
            Some(state) if *state == self.state => Ok(()),
            Some(_) | None => Err(Error::Foreign { kind, name: name.to_owned() }),
        }
    }
}

/// The name of this machine; empty if it has none.
fn host() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
