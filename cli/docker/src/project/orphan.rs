//! What is left in Docker of instances whose folder of state is gone, so that no `down` finds it.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Project, Thing, Things, all, host};
use crate::{Daemon, Error};

/// What one instance has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    pub instance: String,
    /// Where its state was.
    pub folder: PathBuf,
    pub things: Things,
}

impl Orphan {
    /// Its share of the daemon, for removing it.
    #[must_use]
    pub fn project(&self, daemon: &Daemon) -> Project {
        Project::new(daemon.clone(), &self.instance, &self.folder)
    }
}

/// Those of this machine. A folder that cannot be looked at counts as there.
///
/// # Errors
/// When the daemon does not say.
pub async fn orphans(daemon: &Daemon) -> Result<Vec<Orphan>, Error> {
    let Things { containers, networks, volumes } = all(daemon).await?;
    let mut found: BTreeMap<String, Orphan> = BTreeMap::new();
    let host = host();
    let mut add = |things: Vec<Thing>, kind: fn(&mut Things) -> &mut Vec<Thing>| {
        for thing in things.into_iter().filter(|thing| is_orphan(thing, &host)) {
            let orphan = found.entry(thing.state.clone()).or_insert_with(|| Orphan {
                instance: thing.instance.clone(),
                folder: PathBuf::from(&thing.folder),
                things: Things::default(),
            });
            kind(&mut orphan.things).push(thing);
        }
    };
    add(containers, |things| &mut things.containers);
    add(networks, |things| &mut things.networks);
    add(volumes, |things| &mut things.volumes);
    Ok(found.into_values().collect())
}

fn is_orphan(thing: &Thing, host: &str) -> bool {
    let folder = PathBuf::from(&thing.folder);
    thing.host == host && folder.is_absolute() && matches!(folder.try_exists(), Ok(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_had_its_folder_on_this_machine_and_has_it_no_more_is_an_orphan() {
        let here = tempfile::tempdir().expect("a folder");
        let gone = here.path().join("gone");
        let thing = |folder: &str, host: &str| Thing {
            id: "1".into(),
            name: "a".into(),
            instance: "default".into(),
            state: "0".into(),
            folder: folder.into(),
            host: host.into(),
            resource: None,
            running: false,
        };
        let text = |path: &std::path::Path| path.to_str().expect("plain text").to_owned();
        assert!(is_orphan(&thing(&text(&gone), "me"), "me"));
        assert!(!is_orphan(&thing(&text(here.path()), "me"), "me"));
        assert!(!is_orphan(&thing(&text(&gone), "another"), "me"));
        assert!(!is_orphan(&thing("", "me"), "me"), "made by a version that told no folder");
    }
}
