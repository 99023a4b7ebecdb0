//! Which daemon is meant: pure, over variables and files.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::Error;

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// The address of a daemon, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `unix:///path` or `tcp://host:port`.
    pub url: String,
    /// `by DOCKER_HOST`, `by the current context desktop-linux`, `the default socket`, ...
    pub why: String,
}

/// What decides about the daemon's address: variables and files.
pub struct Surroundings<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    pub exists: &'a dyn Fn(&Path) -> bool,
}

impl Surroundings<'static> {
    /// This process's environment and this machine's files.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            variable: &|name| std::env::var(name).ok(),
            read: &|path| std::fs::read_to_string(path),
            exists: &|path| path.exists(),
        }
    }
}

impl Surroundings<'_> {
    /// Docker, too, takes an empty variable for none.
    fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Docker's folder of settings.
    fn folder(&self) -> Option<PathBuf> {
        let home = || self.variable("HOME").map(|home| PathBuf::from(home).join(".docker"));
        self.variable("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
    }

    /// The file's JSON; a file that is not there has none.
    fn json<T: for<'de> Deserialize<'de>>(&self, path: &Path) -> Result<Option<T>, Error> {
        let wrong = |problem: String| Error::Config { path: path.to_owned(), problem };
        match (self.read)(path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| wrong(error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(wrong(error.to_string())),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    host: Option<String>,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// Finds the daemon as the docker CLI does: `DOCKER_HOST`, the context of `DOCKER_CONTEXT` or of `config.json`, the default
/// socket; and where that is not there, the rootless one.
///
/// # Errors
/// When the context cannot be read, or the address is of a kind that is not supported (ssh, TLS).
pub fn find(surroundings: &Surroundings<'_>) -> Result<Endpoint, Error> {
    if let Some(url) = surroundings.variable("DOCKER_HOST") {
        let tls = surroundings.variable("DOCKER_TLS_VERIFY").is_some() || surroundings.variable("DOCKER_TLS").is_some();
        return supported(Endpoint { url, why: "by DOCKER_HOST".into() }, tls);
    }
    match context(surroundings)? {
        Some((name, why)) if name != "default" => of_context(surroundings, name, why),
        Some(_) | None => Ok(socket(surroundings)),
    }
}

/// The context's name, and where it is from.
fn context(surroundings: &Surroundings<'_>) -> Result<Option<(String, String)>, Error> {
    if let Some(name) = surroundings.variable("DOCKER_CONTEXT") {
        return Ok(Some((name, "by DOCKER_CONTEXT".into())));
    }
    let Some(path) = surroundings.folder().map(|folder| folder.join("config.json")) else { return Ok(None) };
    let name = surroundings.json(&path)?.and_then(|config: Config| config.current_context);
    Ok(name.filter(|name| !name.is_empty()).map(|name| (name, format!("the current one in {}", path.display()))))
}

fn of_context(surroundings: &Surroundings<'_>, name: String, why: String) -> Result<Endpoint, Error> {
    let wrong = |problem: String| Error::Context { name: name.clone(), why: why.clone(), problem };
    let folder = surroundings.folder().ok_or_else(|| wrong("neither HOME nor DOCKER_CONFIG is set".into()))?;
    let id = hex::encode(Sha256::digest(&name));
    let path = folder.join("contexts/meta").join(&id).join("meta.json");
    let meta: Meta = surroundings
        .json(&path)?
        .ok_or_else(|| wrong(format!("it is not known here: {} is missing", path.display())))?;
    let endpoint = meta.endpoints.docker.ok_or_else(|| wrong("it has no endpoint for Docker".into()))?;
    let url = endpoint.host.filter(|host| !host.is_empty()).ok_or_else(|| wrong("its endpoint has no host".into()))?;
    let tls = endpoint.skip_tls_verify || (surroundings.exists)(&folder.join("contexts/tls").join(&id).join("docker"));
    supported(Endpoint { url, why: format!("by the context {name}, {why}") }, tls)
}

fn socket(surroundings: &Surroundings<'_>) -> Endpoint {
    let rootless = surroundings.variable("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("docker.sock"));
    match rootless {
        Some(rootless) if !(surroundings.exists)(Path::new(DEFAULT_SOCKET)) && (surroundings.exists)(&rootless) => {
            let why = format!("the rootless socket, as there is no {DEFAULT_SOCKET}");
            Endpoint { url: format!("unix://{}", rootless.display()), why }
        }
        Some(_) | None => Endpoint { url: format!("unix://{DEFAULT_SOCKET}"), why: "the default socket".into() },
    }
}

fn supported(endpoint: Endpoint, tls: bool) -> Result<Endpoint, Error> {
    let problem = match endpoint.url.split_once("://") {
        Some(("unix", path)) if path.starts_with('/') => return Ok(endpoint),
        Some(("unix", _)) => "a socket wants an absolute path, as in unix:///var/run/docker.sock",
        Some(("tcp" | "https", _)) if tls => "shopctl speaks no TLS to a daemon",
        Some(("https", _)) => "shopctl speaks no TLS to a daemon",
        Some(("tcp" | "http", host)) if !host.trim_end_matches('/').is_empty() => return Ok(endpoint),
        Some(("tcp" | "http", _)) => "it names no host",
        Some(("ssh", _)) => "shopctl speaks no ssh to a daemon, and its ports would be on another machine",
        Some(_) => "only unix:// and tcp:// are supported",
        None => "it wants a scheme, as in unix:///var/run/docker.sock",
    };
    Err(Error::Unsupported { url: endpoint.url, why: endpoint.why, problem: problem.into() })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn meta(name: &str) -> String {
        format!("/h/.docker/contexts/meta/{}/meta.json", hex::encode(Sha256::digest(name)))
    }

    fn host(url: &str) -> String {
        format!(r#"{{"Name":"x","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{url}","SkipTLSVerify":false}}}}}}"#)
    }

    /// Every file that is there, with its text; a socket's is empty.
    fn found(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Endpoint, Error> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        let files: HashMap<_, _> = files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
        find(&Surroundings {
            variable: &|name| variables.get(name).map(|value| (*value).to_owned()),
            read: &|path| files.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into()),
            exists: &|path| files.keys().any(|file| file.starts_with(path)),
        })
    }

    #[test]
    fn the_daemon_is_the_one_of_the_docker_cli() {
        let (one, two) = (meta("one"), meta("two"));
        let (one_host, two_host) = (host("unix:///one.sock"), host("tcp://10.0.0.1:2375"));
        let current = ("/h/.docker/config.json", r#"{"auths":{},"currentContext":"one"}"#);
        let contexts = [current, (one.as_str(), one_host.as_str()), (two.as_str(), two_host.as_str())];
        let default = ("/var/run/docker.sock", "");
        let rootless = ("/run/user/7/docker.sock", "");
        let home = ("HOME", "/h");
        let runtime = ("XDG_RUNTIME_DIR", "/run/user/7");
        for (variables, files, url, why) in [
            (vec![], vec![], "unix:///var/run/docker.sock", "the default socket"),
            (vec![runtime], vec![default, rootless], "unix:///var/run/docker.sock", "the default socket"),
            (
                vec![runtime],
                vec![rootless],
                "unix:///run/user/7/docker.sock",
                "the rootless socket, as there is no /var/run/docker.sock",
            ),
            (
                vec![home],
                contexts.to_vec(),
                "unix:///one.sock",
                "by the context one, the current one in /h/.docker/config.json",
            ),
            (
                vec![home, ("DOCKER_CONTEXT", "two")],
                contexts.to_vec(),
                "tcp://10.0.0.1:2375",
                "by the context two, by DOCKER_CONTEXT",
            ),
            (
                vec![home, ("DOCKER_CONTEXT", "default")],
                [contexts.as_slice(), &[default]].concat(),
                "unix:///var/run/docker.sock",
                "the default socket",
            ),
            (
                vec![home, ("DOCKER_CONTEXT", "two"), ("DOCKER_HOST", "unix:///host.sock")],
                contexts.to_vec(),
                "unix:///host.sock",
                "by DOCKER_HOST",
            ),
            (
                vec![("DOCKER_HOST", ""), ("DOCKER_CONTEXT", "")],
                vec![],
                "unix:///var/run/docker.sock",
                "the default socket",
            ),
            (
                vec![home, ("DOCKER_CONFIG", "/c")],
                [contexts.as_slice(), &[("/c/config.json", "{}")]].concat(),
                "unix:///var/run/docker.sock",
                "the default socket",
            ),
            // A socket needs no TLS, whatever is asked for.
            (
                vec![("DOCKER_HOST", "unix:///s"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs")],
                vec![],
                "unix:///s",
                "by DOCKER_HOST",
            ),
        ] {
            let endpoint = found(&variables, &files).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(endpoint, Endpoint { url: url.into(), why: why.into() }, "{variables:?}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_told() {
        let two = meta("two");
        let (tls, ssh) = (host("tcp://10.0.0.1:2376"), host("ssh://me@there"));
        let tls_file = two.replace("meta", "tls").replace("tls.json", "docker/ca.pem");
        let home = ("HOME", "/h");
        let context = ("DOCKER_CONTEXT", "two");
        for (variables, files, expected) in [
            (vec![("DOCKER_HOST", "ssh://me@there")], vec![], "speaks no ssh"),
            (vec![("DOCKER_HOST", "tcp://x:2376"), ("DOCKER_TLS_VERIFY", "1")], vec![], "speaks no TLS"),
            (vec![("DOCKER_HOST", "https://x:2376")], vec![], "speaks no TLS"),
            (vec![("DOCKER_HOST", "tcp://")], vec![], "names no host"),
            (vec![("DOCKER_HOST", "/var/run/docker.sock")], vec![], "wants a scheme"),
            (vec![("DOCKER_HOST", "unix://docker.sock")], vec![], "wants an absolute path"),
            (vec![("DOCKER_HOST", "npipe:////./pipe/docker")], vec![], "only unix:// and tcp://"),
            (vec![home, context], vec![], "it is not known here"),
            (vec![context], vec![], "neither HOME nor DOCKER_CONFIG"),
            (vec![home, context], vec![(two.as_str(), r#"{"Endpoints":{}}"#)], "has no endpoint for Docker"),
            (vec![home, context], vec![(two.as_str(), "{")], "cannot read /h/.docker/contexts/meta/"),
            (vec![home, context], vec![(two.as_str(), ssh.as_str())], "speaks no ssh"),
            (vec![home, context], vec![(two.as_str(), tls.as_str()), (tls_file.as_str(), "")], "speaks no TLS"),
            (vec![home], vec![("/h/.docker/config.json", "nonsense")], "cannot read /h/.docker/config.json"),
        ] {
            let error = found(&variables, &files).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint().is_some(), "{error}");
        }
    }
}
