//! What fills in a manifest's `${…}` for one instance.

use std::{collections::BTreeMap, path::PathBuf};

use shopctl_core::{
    Manifest,
    manifest::{Dir, Edge, Kind, PROXY, Secret, Template, Unknown, Values},
};

use crate::{
    instance::{self, Instance},
    plan::{Plan, Variable},
    ports::Ports,
    secrets::{self, Keys, Shape},
};

/// An instance's ports, secrets and folders.
#[derive(Debug)]
pub struct Known {
    instance: String,
    ports: Ports,
    secrets: BTreeMap<String, String>,
    keys: Keys,
    addresses: BTreeMap<String, String>,
    templates: BTreeMap<String, Template>,
    /// On which the proxy stands.
    proxied: Vec<Edge>,
    data: PathBuf,
    workspace: PathBuf,
    bin: PathBuf,
    release: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    #[error(transparent)]
    Instance(#[from] instance::Error),
    #[error("address {address}: {source}")]
    Address { address: String, source: Unknown },
    #[error("{resource}: {source}")]
    Resource { resource: String, source: Unknown },
}

impl Known {
    /// Makes what is missing of the instance's secrets and keys, and works out its addresses.
    ///
    /// # Errors
    /// When a secret cannot be made or read.
    pub fn new(instance: &Instance, manifest: &Manifest, ports: Ports, plan: &Plan) -> Result<Self, Error> {
        let dir = instance.secret_dir();
        let owners: Vec<&str> = manifest.keys.iter().map(String::as_str).collect();
        let keys = Keys::create(&dir, &owners)?;
        let mut secrets = BTreeMap::new();
        for (name, secret) in &manifest.secrets {
            let shape = match secret {
                Secret::Password => Shape::Password,
                Secret::Webhook => Shape::Webhook,
            };
            secrets.insert(name.clone(), secrets::load_or_create(&dir.join(name), shape)?);
        }
        let mut known = Self {
            instance: instance.name.clone(),
            ports,
            secrets,
            keys,
            addresses: BTreeMap::new(),
            templates: manifest.addresses.clone(),
            proxied: if plan.faults { manifest.proxied_edges().cloned().collect() } else { Vec::new() },
            data: instance.data_dir(),
            workspace: plan.workspace.clone(),
            bin: plan.bin_dir.clone(),
            release: plan.release,
        };
        let fill = |(name, template): (&String, &Template)| {
            let filled = template.fill(&known);
            filled.map(|text| (name.clone(), text)).map_err(|source| Error::Address { address: name.clone(), source })
        };
        known.addresses = manifest.addresses.iter().map(fill).collect::<Result<_, _>>()?;
        Ok(known)
    }

    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    #[must_use]
    pub fn addresses(&self) -> &BTreeMap<String, String> {
        &self.addresses
    }

    /// The environment that the manifest and `--env` give a resource, beside what it inherits.
    ///
    /// # Errors
    /// When the manifest refers to what the instance does not know.
    pub fn environment(
        &self,
        manifest: &Manifest,
        name: &str,
        overrides: &[Variable],
    ) -> Result<BTreeMap<String, String>, Error> {
        let mut variables = BTreeMap::new();
        for (key, template) in manifest.environment_of(name) {
            variables.insert(key.to_owned(), self.fill(name, template)?);
        }
        // A service's own tasks see what the service sees.
        let resource = &manifest.resources[name];
        let service = resource.env_from.as_deref().unwrap_or(name);
        let is_service = manifest.resources.get(service).is_some_and(|resource| resource.kind == Kind::Service);
        for variable in overrides {
            let applies = match &variable.service {
                None => is_service,
                Some(wanted) => wanted == service || wanted == name,
            };
            if applies {
                variables.insert(variable.key.clone(), variable.value.clone());
            }
        }
        Ok(variables)
    }

    /// A template of `resource`, filled in. Where the proxy stands between it and another one, it is told the proxy's port.
    ///
    /// # Errors
    /// When it refers to what the instance does not know.
    pub fn fill(&self, resource: &str, template: &Template) -> Result<String, Error> {
        let seen = Seen { known: self, from: resource };
        template.fill(&seen).map_err(|source| Error::Resource { resource: resource.to_owned(), source })
    }
}

/// What is known, as one resource sees it.
struct Seen<'a> {
    known: &'a Known,
    from: &'a str,
}

impl Values for Seen<'_> {
    fn port(&self, resource: &str, name: &str) -> Option<u16> {
        let is_it = |edge: &&Edge| edge.from == self.from && edge.to == resource && edge.port == name;
        match self.known.proxied.iter().find(is_it) {
            Some(edge) => self.known.ports.get(PROXY, &edge.name()),
            None => self.known.port(resource, name),
        }
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.known.secret(name)
    }

    fn key(&self, owner: &str) -> Option<String> {
        self.known.key(owner)
    }

    fn jwks(&self) -> String {
        self.known.jwks()
    }

    fn address(&self, name: &str) -> Option<String> {
        self.known.templates.get(name)?.fill(self).ok()
    }

    fn dir(&self, dir: Dir) -> String {
        self.known.dir(dir)
    }

    fn instance(&self) -> String {
        self.known.instance()
    }

    fn profile(&self) -> String {
        self.known.profile()
    }
}

impl Values for Known {
    fn port(&self, resource: &str, name: &str) -> Option<u16> {
        self.ports.get(resource, name)
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).cloned()
    }

    fn key(&self, owner: &str) -> Option<String> {
        Some(self.keys.signing_key(owner).display().to_string())
    }

    fn jwks(&self) -> String {
        self.keys.jwks().display().to_string()
    }

    fn address(&self, name: &str) -> Option<String> {
        self.addresses.get(name).cloned()
    }

    fn dir(&self, dir: Dir) -> String {
        let dir = match dir {
            Dir::Data => &self.data,
            Dir::Workspace => &self.workspace,
            Dir::Bin => &self.bin,
        };
        dir.display().to_string()
    }

    fn instance(&self) -> String {
        self.instance.clone()
    }

    fn profile(&self) -> String {
        if self.release { "release" } else { "debug" }.to_owned()
    }
}
