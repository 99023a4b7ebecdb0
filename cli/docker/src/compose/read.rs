//! From the tree to services.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Error, File, Healthcheck, Service, Source, Test, Ulimit,
    document::{Key, Kind, Node},
    scope::Scope,
    short,
};

const TOP: [&str; 4] = ["name", "networks", "services", "volumes"];
const SERVICE: [&str; 15] = [
    "command",
    "entrypoint",
    "environment",
    "healthcheck",
    "hostname",
    "image",
    "mem_limit",
    "ports",
    "shm_size",
    "stop_grace_period",
    "stop_signal",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
];
const HEALTHCHECK: [&str; 7] = ["disable", "interval", "retries", "start_interval", "start_period", "test", "timeout"];

pub(super) fn file(scope: &Scope<'_>, root: &Node) -> Result<File, Error> {
    let mut services = None;
    let mut volumes = BTreeSet::new();
    let mut name = None;
    for (key, node) in scope.map("the file", root)? {
        match key.name.as_str() {
            "services" => services = Some(node),
            "volumes" => volumes = declared(scope, "volume", node, |_| true)?,
            // The one of each instance is made anyway.
            "networks" => drop(declared(scope, "network", node, |network| network == "default")?),
            "name" => name = Some(scope.text("name", node)?),
            // Compose's own place for anchors.
            extension if extension.starts_with("x-") => {}
            _ => return Err(scope.unknown(key, &TOP)),
        }
    }
    let services = services.ok_or_else(|| scope.error(root.line, "\"services\" is missing"))?;
    let services = scope.map("services", services)?.iter().map(|(key, node)| {
        let scope = scope.at(format!("service {}: ", key.name));
        if !plain_name(&key.name) {
            return Err(scope.error(key.line, "its name may have letters, digits, \"_\", \"-\" and \".\" only"));
        }
        Ok((key.name.clone(), service(&scope, key, node, &volumes)?))
    });
    Ok(File { name, services: services.collect::<Result<_, _>>()?, volumes })
}

/// Names of volumes or networks, which say nothing more: no drivers, nothing external.
fn declared(scope: &Scope<'_>, kind: &str, node: &Node, known: fn(&str) -> bool) -> Result<BTreeSet<String>, Error> {
    if node.is_null() {
        return Ok(BTreeSet::new());
    }
    let pairs = scope.map(&format!("{kind}s"), node)?.iter().map(|(key, node)| {
        let scope = scope.at(format!("{kind} {}: ", key.name));
        if !plain_name(&key.name) || !known(&key.name) {
            return Err(scope.error(key.line, format!("this {kind} is not supported here")));
        }
        match &node.kind {
            Kind::Map(pairs) => match pairs.first() {
                Some((key, _)) => Err(scope.error(key.line, format!("{:?} is not supported here", key.name))),
                None => Ok(key.name.clone()),
            },
            _ if node.is_null() => Ok(key.name.clone()),
            Kind::Scalar { .. } | Kind::List(_) => Err(scope.error(node.line, "it must be a map or nothing")),
        }
    });
    pairs.collect()
}

/// As Docker wants the names of containers and volumes.
fn plain_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn service(scope: &Scope<'_>, name: &Key, node: &Node, volumes: &BTreeSet<String>) -> Result<Service, Error> {
    let mut image = None;
    let mut service = Service::of_image(String::new());
    for (key, node) in scope.map(&name.name, node)? {
        let field = key.name.as_str();
        match field {
            "image" => image = Some(scope.text(field, node)?).filter(|image| !image.is_empty()),
            "command" => service.command = some(node, || scope.words(field, node))?,
            "entrypoint" => service.entrypoint = some(node, || scope.words(field, node))?,
            "environment" => service.environment = environment(scope, node)?,
            "ports" => service.ports = list(scope, field, node, short::port)?,
            "volumes" => service.mounts = list(scope, field, node, |scope, node| mount(scope, node, volumes))?,
            "healthcheck" => service.healthcheck = Some(healthcheck(scope, node)?),
            "tmpfs" => {
                let folders = scope.texts(field, node)?.into_iter().map(|text| short::tmpfs(scope, node.line, &text));
                service.tmpfs = folders.collect::<Result<_, _>>()?;
            }
            "ulimits" => service.ulimits = ulimits(scope, node)?,
            "shm_size" => service.shm_size = Some(scope.bytes(field, node)?),
            "mem_limit" => service.mem_limit = Some(scope.bytes(field, node)?),
            "user" => service.user = Some(scope.text(field, node)?),
            "hostname" => service.hostname = Some(scope.text(field, node)?),
            "stop_signal" => service.stop_signal = Some(scope.text(field, node)?),
            "stop_grace_period" => service.stop_grace_period = Some(scope.duration(field, node)?),
            _ => return Err(unsupported(scope, key)),
        }
    }
    service.image = image.ok_or_else(|| scope.error(name.line, "\"image\" is missing"))?;
    Ok(service)
}

/// What Compose has and shopctl does in its own way is told apart from a slip of the pen.
fn unsupported(scope: &Scope<'_>, key: &Key) -> Error {
    let reason = match key.name.as_str() {
        "restart" => "shopctl starts what has ended again, as services.toml says",
        "container_name" => "every instance has containers of its own, named by it",
        "depends_on" => "services.toml says what waits for what",
        "networks" | "network_mode" => "all containers of an instance are in its one network",
        "build" => "shopctl runs images, it builds none",
        "labels" | "logging" => "shopctl sets its own",
        _ => return scope.unknown(key, &SERVICE),
    };
    Error { hint: Some(reason.into()), ..scope.error(key.line, format!("{:?} is not supported here", key.name)) }
}

/// Null keeps what the image says.
fn some<T>(node: &Node, read: impl FnOnce() -> Result<T, Error>) -> Result<Option<T>, Error> {
    if node.is_null() { Ok(None) } else { read().map(Some) }
}

fn list<T>(
    scope: &Scope<'_>,
    key: &str,
    node: &Node,
    item: impl Fn(&Scope<'_>, &Node) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    match &node.kind {
        Kind::List(items) => items.iter().map(|node| item(scope, node)).collect(),
        Kind::Scalar { .. } | Kind::Map(_) => Err(scope.error(node.line, format!("{key:?} must be a list"))),
    }
}

fn environment(scope: &Scope<'_>, node: &Node) -> Result<BTreeMap<String, String>, Error> {
    let mut environment = BTreeMap::new();
    let mut set = |line: usize, name: &str, value: Option<String>| {
        if name.is_empty() {
            return Err(scope.error(line, "\"environment\" has a variable without a name"));
        }
        // Without a value it is handed down, if it is there.
        environment.extend(value.or_else(|| (scope.lookup)(name)).map(|value| (name.to_owned(), value)));
        Ok(())
    };
    match &node.kind {
        Kind::Map(pairs) => {
            for (key, value) in pairs {
                if let Kind::Scalar { text, plain: true } = &value.kind
                    && boolean(text)
                {
                    let problem = format!("{}: {text} wants quotes: docker compose takes it for no text", key.name);
                    return Err(scope.error(value.line, problem));
                }
                let value = some(value, || scope.text(&key.name, value))?;
                set(key.line, &key.name, value)?;
            }
        }
        Kind::List(items) => {
            for item in items {
                let text = scope.text("environment", item)?;
                let (name, value) =
                    text.split_once('=').map_or((text.as_str(), None), |(name, value)| (name, Some(value)));
                set(item.line, name, value.map(str::to_owned))?;
            }
        }
        Kind::Scalar { .. } if node.is_null() => {}
        Kind::Scalar { .. } => return Err(scope.error(node.line, "\"environment\" must be a map or a list")),
    }
    Ok(environment)
}

/// What YAML 1.1 takes for a boolean, and YAML 1.2 partly.
fn boolean(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off")
}

fn mount(scope: &Scope<'_>, node: &Node, volumes: &BTreeSet<String>) -> Result<super::Mount, Error> {
    let mount = short::mount(scope, node)?;
    match &mount.source {
        Source::Volume(name) if !volumes.contains(name) => {
            Err(scope.error(node.line, format!("volume {name:?} is not among the file's \"volumes\"")))
        }
        Source::Volume(_) | Source::Bind(_) => Ok(mount),
    }
}

fn healthcheck(scope: &Scope<'_>, node: &Node) -> Result<Healthcheck, Error> {
    let mut check = Healthcheck::of(Test::Image);
    for (key, node) in scope.map("healthcheck", node)? {
        let field = key.name.as_str();
        match field {
            "test" => check.test = test(scope, node)?,
            "interval" => check.interval = Some(scope.duration(field, node)?),
            "timeout" => check.timeout = Some(scope.duration(field, node)?),
            "start_period" => check.start_period = Some(scope.duration(field, node)?),
            "start_interval" => check.start_interval = Some(scope.duration(field, node)?),
            "retries" => check.retries = Some(scope.parsed(field, node, "a number", |text| text.parse().ok())?),
            "disable" if scope.flag(field, node)? => return Ok(Healthcheck::of(Test::None)),
            "disable" => {}
            _ => return Err(scope.at(format!("{}healthcheck: ", scope.place)).unknown(key, &HEALTHCHECK)),
        }
    }
    Ok(check)
}

fn test(scope: &Scope<'_>, node: &Node) -> Result<Test, Error> {
    let Kind::List(_) = node.kind else { return Ok(Test::Shell(scope.text("test", node)?)) };
    let words = scope.texts("test", node)?;
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["NONE"] => Ok(Test::None),
        ["CMD-SHELL", line] => Ok(Test::Shell((*line).to_owned())),
        ["CMD", _, ..] => Ok(Test::Command(words[1..].to_vec())),
        _ => Err(scope.error(node.line, "\"test\" must begin with CMD, CMD-SHELL or NONE, as Compose has it")),
    }
}

fn ulimits(scope: &Scope<'_>, node: &Node) -> Result<BTreeMap<String, Ulimit>, Error> {
    let limit = |field: &str, node: &Node| {
        scope.parsed(field, node, "a number, or -1 for no limit", |text| text.parse().ok().filter(|n: &i64| *n >= -1))
    };
    let limits = scope.map("ulimits", node)?.iter().map(|(key, node)| {
        let Kind::Map(pairs) = &node.kind else {
            let both = limit(&key.name, node)?;
            return Ok((key.name.clone(), Ulimit { soft: both, hard: both }));
        };
        let (mut soft, mut hard) = (None, None);
        for (side, node) in pairs {
            match side.name.as_str() {
                "soft" => soft = Some(limit("soft", node)?),
                "hard" => hard = Some(limit("hard", node)?),
                _ => return Err(scope.unknown(side, &["soft", "hard"])),
            }
        }
        match (soft, hard) {
            (Some(soft), Some(hard)) => Ok((key.name.clone(), Ulimit { soft, hard })),
            (None, _) | (_, None) => {
                Err(scope.error(key.line, format!("ulimit {} wants both \"soft\" and \"hard\"", key.name)))
            }
        }
    });
    limits.collect()
}
