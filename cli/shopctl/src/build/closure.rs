//! What a build consists of, from `cargo metadata`: cargo itself tells its plan only on nightly.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Error, cargo};

/// The workspace as cargo resolves it.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    workspace_members: HashSet<String>,
    /// Absent where only the members were asked for.
    resolve: Option<Resolve>,
}

/// How much of the workspace is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The members alone: cargo resolves nothing for that, and answers in a twentieth of the time.
    Members,
    /// With all that they depend on.
    Dependencies,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    targets: Vec<Target>,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    dependencies: Vec<Declared>,
}

/// A dependency as its package's manifest declares it.
#[derive(Debug, Deserialize)]
struct Declared {
    /// Of a dependency in this workspace.
    path: Option<PathBuf>,
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Target {
    fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|found| found == kind)
    }
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
struct DependencyKind {
    /// `None` is an ordinary one.
    kind: Option<String>,
}

impl Metadata {
    pub(crate) fn read(workspace: &Path, depth: Depth) -> Result<Self, Error> {
        let mut command = cargo(workspace);
        command.args(["metadata", "--format-version", "1"]);
        match depth {
            Depth::Members => {
                command.arg("--no-deps");
            }
            Depth::Dependencies => {
                command.args(host().into_iter().flat_map(|host| ["--filter-platform".to_owned(), host]));
            }
        }
        let output = command.output().map_err(Error::Cargo)?;
        if !output.status.success() {
            return Err(Error::Metadata(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| Error::Metadata(error.to_string()))
    }

    /// Whether some package of the workspace has this binary.
    pub(super) fn has(&self, binary: &str) -> bool {
        self.packages_of(&[binary.to_owned()]).is_ok()
    }

    /// Names of the workspace's packages that have these binaries, each once.
    pub(super) fn packages_of(&self, binaries: &[String]) -> Result<Vec<String>, Error> {
        let mut packages: Vec<String> = Vec::new();
        for binary in binaries {
            let owner = self
                .packages
                .iter()
                .filter(|package| self.workspace_members.contains(&package.id))
                .find(|package| package.targets.iter().any(|target| target.is("bin") && target.name == *binary))
                .ok_or_else(|| Error::UnknownBinary(binary.clone()))?;
            if !packages.contains(&owner.name) {
                packages.push(owner.name.clone());
            }
        }
        Ok(packages)
    }

    /// The folders of the workspace whose files feed a binary: of its package and of all that this is built with.
    pub(crate) fn sources_of(&self, binary: &str) -> Result<Vec<PathBuf>, Error> {
        let names = self.packages_of(&[binary.to_owned()])?;
        let folder = |package: &Package| package.manifest_path.parent().map(Path::to_path_buf);
        let mut todo: Vec<PathBuf> =
            self.packages.iter().filter(|package| names.contains(&package.name)).filter_map(folder).collect();
        let mut found: Vec<PathBuf> = Vec::new();
        while let Some(next) = todo.pop() {
            if found.contains(&next) {
                continue;
            }
            let package = self.packages.iter().find(|package| folder(package).as_ref() == Some(&next));
            let declared = package.into_iter().flat_map(|package| &package.dependencies);
            todo.extend(declared.filter(|one| one.kind.as_deref() != Some("dev")).filter_map(|one| one.path.clone()));
            found.push(next);
        }
        found.sort();
        Ok(found)
    }

    /// How many things cargo compiles or runs for `binaries` of `packages`. Crates that it compiles twice, for the host
    /// and the target, count once, as they do while it builds.
    pub(super) fn units(&self, packages: &[String], binaries: &[String]) -> u64 {
        let nodes = self.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let nodes: HashMap<&str, &Node> = nodes.map(|node| (node.id.as_str(), node)).collect();
        let own = |package: &&Package| self.workspace_members.contains(&package.id) && packages.contains(&package.name);
        let mut todo: Vec<&str> = self.packages.iter().filter(own).map(|package| package.id.as_str()).collect();
        let mut needed = HashSet::new();
        while let Some(id) = todo.pop() {
            if needed.insert(id) {
                let dependencies = nodes.get(id).into_iter().flat_map(|node| &node.deps);
                let built = |dependency: &&Dependency| {
                    dependency.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
                };
                todo.extend(dependencies.filter(built).map(|dependency| dependency.pkg.as_str()));
            }
        }
        self.packages
            .iter()
            .filter(|package| needed.contains(package.id.as_str()))
            .map(|package| units(package, binaries))
            .sum()
    }
}

fn units(package: &Package, binaries: &[String]) -> u64 {
    let of = |target: &Target| {
        if target.is("custom-build") {
            // Compiled, then run.
            2
        } else if target.is("bin") {
            u64::from(binaries.contains(&target.name))
        } else {
            u64::from(!["test", "example", "bench"].iter().any(|kind| target.is(kind)))
        }
    };
    // Targets of one name (a library and its binary) are one unit in the count.
    let mut names = HashSet::new();
    package.targets.iter().filter(|target| of(target) > 0 && names.insert(&target.name)).map(of).sum()
}

/// The platform that cargo builds for when nothing else is said.
fn host() -> Option<String> {
    let output = std::process::Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix("host: ")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = r#"{
        "workspace_members": ["order", "kit"],
        "packages": [
            {"id": "order", "name": "order", "targets": [
                {"name": "order", "kind": ["lib"]}, {"name": "order", "kind": ["bin"]},
                {"name": "order-failpoints", "kind": ["bin"]}, {"name": "orders", "kind": ["test"]}]},
            {"id": "kit", "name": "kit", "targets": [{"name": "kit", "kind": ["lib"]}]},
            {"id": "ring", "name": "ring", "targets": [
                {"name": "ring", "kind": ["lib"]}, {"name": "build-script-build", "kind": ["custom-build"]}]},
            {"id": "insta", "name": "insta", "targets": [{"name": "insta", "kind": ["lib"]}]}
        ],
        "resolve": {"nodes": [
            {"id": "order", "deps": [
                {"pkg": "kit", "dep_kinds": [{"kind": null}, {"kind": "dev"}]},
                {"pkg": "insta", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "kit", "deps": [{"pkg": "ring", "dep_kinds": [{"kind": null}]}]},
            {"id": "ring", "deps": []},
            {"id": "insta", "deps": []}
        ]}
    }"#;

    #[test]
    fn a_build_counts_what_it_needs_and_no_tests() {
        let metadata: Metadata = serde_json::from_str(WORKSPACE).expect("cargo's form");
        let binaries = ["order".to_owned()];
        let packages = metadata.packages_of(&binaries).expect("order has it");
        assert_eq!(packages, ["order"]);
        // order with its binary of the same name, kit, ring with its build script compiled and run.
        assert_eq!(metadata.units(&packages, &binaries), 5);
    }

    #[test]
    fn a_binary_is_fed_by_its_own_folder_and_those_it_is_built_with() {
        let metadata: Metadata = serde_json::from_str(
            r#"{"workspace_members": ["order", "kit", "testkit"], "packages": [
                {"id": "order", "name": "order", "targets": [{"name": "order", "kind": ["bin"]}],
                 "manifest_path": "/shop/services/order/Cargo.toml", "dependencies": [
                    {"path": "/shop/services/kit", "kind": null}, {"path": "/shop/tests", "kind": "dev"},
                    {"path": null, "kind": null}]},
                {"id": "kit", "name": "kit", "targets": [], "manifest_path": "/shop/services/kit/Cargo.toml",
                 "dependencies": [{"path": "/shop/proto", "kind": "build"}]},
                {"id": "testkit", "name": "testkit", "targets": [], "manifest_path": "/shop/tests/Cargo.toml"}
            ]}"#,
        )
        .expect("cargo's form");
        let sources = metadata.sources_of("order").expect("order has it");
        assert_eq!(sources, ["/shop/proto", "/shop/services/kit", "/shop/services/order"].map(PathBuf::from));
    }

    #[test]
    fn a_binary_of_nobody_is_named() {
        let metadata: Metadata = serde_json::from_str(WORKSPACE).expect("cargo's form");
        for nobodys in ["ordr", "ring"] {
            let error = metadata.packages_of(&[nobodys.to_owned()]).expect_err("no such binary");
            assert!(error.to_string().contains(nobodys), "{error}");
        }
    }
}
