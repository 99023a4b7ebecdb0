//! From a changed file to the resources that it concerns.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use shopctl_core::{
    Manifest,
    manifest::{Condition, Kind, Resource},
};

use crate::build::{self, Metadata};

/// What feeds what.
#[derive(Debug)]
pub(crate) struct Sources {
    /// By binary of the workspace.
    binaries: BTreeMap<String, Vec<PathBuf>>,
    /// By resource, as the manifest's `watch` names them.
    named: BTreeMap<String, Vec<PathBuf>>,
    /// They concern every binary.
    common: Vec<PathBuf>,
}

/// What a burst of changes concerns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Affected {
    /// To be built again.
    pub(crate) binaries: Vec<String>,
    /// To be restarted whatever the build says.
    pub(crate) resources: Vec<String>,
}

impl Sources {
    /// # Errors
    /// When a binary of the manifest is nobody's.
    pub(crate) fn new(root: &Path, manifest: &Manifest, metadata: &Metadata) -> Result<Self, build::Error> {
        let mut binaries = BTreeMap::new();
        for binary in manifest.binaries() {
            let sources = metadata.sources_of(&binary)?;
            binaries.insert(binary, sources);
        }
        let named = manifest.resources.iter().filter(|(_, resource)| !resource.watch.is_empty());
        let named =
            named.map(|(name, resource)| (name.clone(), resource.watch.iter().map(|path| root.join(path)).collect()));
        Ok(Self {
            binaries,
            named: named.collect(),
            common: ["Cargo.toml", "Cargo.lock"].map(|name| root.join(name)).into(),
        })
    }

    /// Everything that is to be watched, each once.
    pub(crate) fn places(&self) -> BTreeSet<&Path> {
        let all = self.binaries.values().chain(self.named.values()).flatten().chain(&self.common);
        all.map(PathBuf::as_path).filter(|path| path.exists()).collect()
    }

    pub(crate) fn affected(&self, changed: &BTreeSet<PathBuf>) -> Affected {
        let touches =
            |places: &[PathBuf]| changed.iter().any(|path| places.iter().any(|place| path.starts_with(place)));
        let of = |all: &BTreeMap<String, Vec<PathBuf>>, everything: bool| {
            let touched = all.iter().filter(|(_, places)| everything || touches(places));
            touched.map(|(name, _)| name.clone()).collect()
        };
        Affected { binaries: of(&self.binaries, touches(&self.common)), resources: of(&self.named, false) }
    }
}

/// The binary that a resource runs, if it is one of the workspace.
fn binary_of(resource: &Resource) -> Option<&str> {
    resource.command.first()?.literal()?.strip_prefix("@bin/")
}

/// The resources that run one of `binaries`. Their tasks (migrations) run again only where something else than Rust
/// has changed, such as SQL that is built in: who only edits code need not wait for them.
pub(crate) fn to_restart(manifest: &Manifest, binaries: &[String], only_rust: bool) -> Vec<String> {
    let runs = |resource: &Resource| binary_of(resource).is_some_and(|name| binaries.iter().any(|one| one == name));
    let is_needed_by_one = |task: &str| {
        manifest.resources.values().any(|resource| {
            runs(resource) && resource.needs.get(task).is_some_and(|&condition| condition == Condition::Completed)
        })
    };
    let wanted = |(name, resource): &(&String, &Resource)| {
        runs(resource)
            && match resource.kind {
                Kind::Task => !only_rust && is_needed_by_one(name),
                Kind::Service | Kind::Embedded | Kind::Container => true,
            }
    };
    manifest.resources.iter().filter(wanted).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use shopctl_core::manifest::Infra;

    use super::*;

    const MANIFEST: &str = r#"
        version = 1
        [resource.order]
        kind = "service"
        command = ["@bin/order", "serve"]
        needs = { order-migrate = "completed" }
        [resource.order-migrate]
        kind = "task"
        command = ["@bin/order", "migrate"]
        [resource.reviews]
        kind = "service"
        command = ["python3", "reviews.py"]
        watch = ["extra/reviews"]
        [resource.gateway]
        kind = "service"
        command = ["@bin/gateway", "serve"]
    "#;

    fn sources() -> Sources {
        let metadata = serde_json::from_str(
            r#"{"workspace_members": ["order", "gateway", "kit"], "packages": [
                {"id": "order", "name": "order", "targets": [{"name": "order", "kind": ["bin"]}],
                 "manifest_path": "/shop/services/order/Cargo.toml",
                 "dependencies": [{"path": "/shop/services/kit", "kind": null}]},
                {"id": "gateway", "name": "gateway", "targets": [{"name": "gateway", "kind": ["bin"]}],
                 "manifest_path": "/shop/services/gateway/Cargo.toml",
                 "dependencies": [{"path": "/shop/services/kit", "kind": null}]},
                {"id": "kit", "name": "kit", "targets": [], "manifest_path": "/shop/services/kit/Cargo.toml"}
            ]}"#,
        )
        .expect("cargo's form");
        let manifest = Manifest::parse(MANIFEST, Infra::Embedded).expect("the manifest is right");
        Sources::new(Path::new("/shop"), &manifest, &metadata).expect("all binaries are somebody's")
    }

    fn affected(path: &str) -> (Vec<String>, Vec<String>) {
        let affected = sources().affected(&BTreeSet::from([PathBuf::from(path)]));
        (affected.binaries, affected.resources)
    }

    #[test]
    fn a_change_concerns_what_it_feeds_and_nothing_else() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(affected("/shop/services/order/src/lib.rs"), (names(&["order"]), names(&[])));
        assert_eq!(affected("/shop/services/kit/src/lib.rs"), (names(&["gateway", "order"]), names(&[])));
        assert_eq!(affected("/shop/Cargo.lock"), (names(&["gateway", "order"]), names(&[])));
        assert_eq!(affected("/shop/extra/reviews/reviews.py"), (names(&[]), names(&["reviews"])));
        assert_eq!(affected("/shop/services/order-history/src/lib.rs"), (names(&[]), names(&[])));
    }

    #[test]
    fn migrations_run_again_when_more_than_code_has_changed() {
        let manifest = Manifest::parse(MANIFEST, Infra::Embedded).expect("the manifest is right");
        let order = ["order".to_owned()];
        assert_eq!(to_restart(&manifest, &order, true), ["order"]);
        assert_eq!(to_restart(&manifest, &order, false), ["order", "order-migrate"]);
    }
}
