//! What serde cannot see: names that refer to nothing, edges in a circle, ports given twice.

use std::collections::{BTreeMap, BTreeSet};

use super::{Condition, Kind, Manifest, Only, Probe, Reference, Resource, Template, edge};

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// From the TOML reader, with line and excerpt.
    #[error("{0}")]
    Syntax(String),
    #[error("version {0} of the manifest is not known to this shopctl (it knows 1)")]
    Version(u32),
    #[error("line {line}: resource {resource}: {problem}")]
    Resource { line: usize, resource: String, problem: String },
    #[error("address {address}: {problem}")]
    Address { address: String, problem: String },
    #[error("environment variable {variable}: {problem}")]
    Environment { variable: String, problem: String },
    #[error("edge {edge}: {problem}")]
    Edge { edge: String, problem: String },
    #[error("topic {topic}: {problem}")]
    Topic { topic: String, problem: String },
    #[error("line {line}: these need each other in a circle: {}", .circle.join(" -> "))]
    Circle { line: usize, circle: Vec<String> },
}

pub(super) fn check(manifest: &Manifest, text: &str) -> Result<(), Error> {
    for (address, template) in &manifest.addresses {
        template_problem(manifest, template, Scope::Address)
            .map_or(Ok(()), |problem| Err(Error::Address { address: address.clone(), problem }))?;
    }
    for (variable, template) in &manifest.environment {
        template_problem(manifest, template, Scope::Resource)
            .map_or(Ok(()), |problem| Err(Error::Environment { variable: variable.clone(), problem }))?;
    }
    let mut owners = BTreeMap::new();
    for (name, resource) in &manifest.resources {
        let problem = resource_problem(manifest, name, resource).or_else(|| port_problem(&mut owners, name, resource));
        if let Some(problem) = problem {
            return Err(Error::Resource { line: line_of(text, name), resource: name.clone(), problem });
        }
    }
    edge::check(manifest)?;
    match circle(manifest) {
        Some(circle) => Err(Error::Circle { line: line_of(text, &circle[0]), circle }),
        None => Ok(()),
    }
}

fn resource_problem(manifest: &Manifest, name: &str, resource: &Resource) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Some("a name is made of a-z, 0-9, - and _ (it names files too)".to_owned());
    }
    if resource.command.is_empty() {
        return Some("its command is empty".to_owned());
    }
    if resource.stop.signals.is_empty() {
        return Some("stop.signals is empty".to_owned());
    }
    if resource.dir.is_absolute() {
        return Some("dir is relative to the workspace".to_owned());
    }
    match resource.kind {
        Kind::Task if resource.probe.is_some() || resource.liveness.is_some() => {
            return Some("a task has no probe: it is done when it ends".to_owned());
        }
        Kind::Service | Kind::Embedded | Kind::Container if resource.build || resource.untimed => {
            return Some("only a task is part of the build, or untimed".to_owned());
        }
        Kind::Task | Kind::Service | Kind::Embedded | Kind::Container => {}
    }
    if let Some(port) =
        probes(resource).filter_map(|probe| probe.check.port()).find(|&port| !resource.ports.contains_key(port))
    {
        return Some(format!("its probe asks port {port}, which it does not have"));
    }
    if resource.liveness.as_ref().is_some_and(|probe| !probe.check.repeats()) {
        return Some("liveness cannot be read off a log line: it stays written".to_owned());
    }
    if resource.watch.iter().any(|path| path.is_absolute()) {
        return Some("watch is relative to the workspace".to_owned());
    }
    if let Some(other) = &resource.env_from {
        match manifest.resources.get(other) {
            None => return Some(format!("env_from names {other}, which is no resource")),
            Some(other) if other.env_from.is_some() => return Some("env_from goes one step only".to_owned()),
            Some(_) => {}
        }
    }
    let needs = |&(need, condition): &(&String, &Condition)| need_problem(manifest, resource, need, *condition);
    resource.needs.iter().find_map(|need| needs(&need)).or_else(|| {
        let probed = probes(resource).flat_map(|probe| probe.check.templates());
        let templates = resource.command.iter().chain(resource.env.values()).chain(probed);
        templates.into_iter().find_map(|template| template_problem(manifest, template, Scope::Resource))
    })
}

fn probes(resource: &Resource) -> impl Iterator<Item = &Probe> {
    resource.probe.iter().chain(&resource.liveness)
}

fn need_problem(manifest: &Manifest, resource: &Resource, need: &str, condition: Condition) -> Option<String> {
    let Some(needed) = manifest.resources.get(need) else {
        return Some(format!("it needs {need}, which is no resource"));
    };
    if needed.only != resource.only && needed.only != Only::Always {
        return Some(format!("it needs {need}, which is not part of every `up`"));
    }
    match (needed.kind, condition) {
        (Kind::Task, Condition::Ready) => Some(format!("it needs {need} ready, but a task is completed, never ready")),
        (Kind::Service | Kind::Embedded | Kind::Container, Condition::Completed) => {
            Some(format!("it needs {need} completed, but only a task completes"))
        }
        (Kind::Task, Condition::Started | Condition::Completed)
        | (Kind::Service | Kind::Embedded | Kind::Container, Condition::Started | Condition::Ready) => None,
    }
}

fn port_problem<'a>(owners: &mut BTreeMap<u16, &'a str>, name: &'a str, resource: &Resource) -> Option<String> {
    resource.ports.iter().find_map(|(port, &number)| match owners.insert(number, name) {
        _ if number == 0 => Some(format!("port {port} is 0, which is no port to be found at")),
        Some(other) => Some(format!("port {number} ({port}) is {other}'s already")),
        None => None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Addresses are made of everything but addresses.
    Address,
    Resource,
}

fn template_problem(manifest: &Manifest, template: &Template, scope: Scope) -> Option<String> {
    template.references().find_map(|reference| {
        let known = match reference {
            Reference::Port { resource, name } => {
                manifest.resources.get(resource).is_some_and(|resource| resource.ports.contains_key(name))
            }
            Reference::Secret(name) => manifest.secrets.contains_key(name),
            Reference::Key(owner) => manifest.keys.contains(owner),
            Reference::Address(name) => scope == Scope::Resource && manifest.addresses.contains_key(name),
            Reference::Jwks | Reference::Dir(_) | Reference::Instance | Reference::Profile => true,
        };
        (!known).then(|| format!("it refers to {reference}, which the manifest does not have"))
    })
}

/// The line of a resource's table; 1 where it is written in a form that this simple search does not see.
fn line_of(text: &str, name: &str) -> usize {
    let headers = [format!("resource.{name}]"), format!("resource.\"{name}\"]")];
    let is_header = |line: &str| {
        let line = line.trim_start();
        let header = ["[docker.", "[telemetry.", "["].iter().find_map(|prefix| line.strip_prefix(prefix));
        header.is_some_and(|line| headers.iter().any(|header| line.starts_with(header)))
    };
    text.lines().position(is_header).map_or(1, |index| index + 1)
}

/// A circle of needs, its first name repeated at its end.
fn circle(manifest: &Manifest) -> Option<Vec<String>> {
    fn visit<'a>(
        manifest: &'a Manifest,
        name: &'a str,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|&on_path| on_path == name) {
            return Some(path[start..].iter().chain([&name]).map(|&name| name.to_owned()).collect());
        }
        if done.contains(name) {
            return None;
        }
        path.push(name);
        let needs = manifest.resources.get(name).map(|resource| &resource.needs);
        let found = needs.into_iter().flat_map(|needs| needs.keys()).find_map(|need| visit(manifest, need, path, done));
        path.pop();
        done.insert(name);
        found
    }
    let mut done = BTreeSet::new();
    manifest.resources.keys().find_map(|name| visit(manifest, name, &mut Vec::new(), &mut done))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::{super::Infra, *};

    fn problem(text: &str) -> String {
        Manifest::parse(&format!("version = 1\n{text}"), Infra::Embedded)
            .map(|_| ())
            .expect_err("the manifest is wrong")
            .to_string()
    }

    #[test]
    fn a_wrong_manifest_is_refused_by_name_and_line() {
        let service = "kind = \"service\"\ncommand = [\"x\"]\n";
        for (text, wanted) in [
            (format!("[resource.a]\n{service}nedes = {{}}"), vec!["line 5", "nedes"]),
            (
                format!("[resource.a]\n{service}needs = {{ b = \"ready\" }}"),
                vec!["line 2", "a", "needs b", "no resource"],
            ),
            (
                format!("[resource.a]\n{service}needs = {{ b = \"completed\" }}\n[resource.b]\n{service}"),
                vec!["only a task"],
            ),
            (
                format!("[resource.a]\n{service}ports = {{ x = 80 }}\n[resource.b]\n{service}ports = {{ y = 80 }}"),
                vec!["line 6", "port 80 (y) is a's"],
            ),
            (format!("[resource.a]\n{service}probe = {{ kind = \"tcp\", port = \"x\" }}"), vec!["port x"]),
            (format!("[resource.a]\n{service}env = {{ A = \"${{port.b.x}}\" }}"), vec!["port x of b"]),
            (format!("[resource.a]\n{service}stop = {{ grace = \"5\" }}"), vec!["line 5", "no duration"]),
            (format!("[resource.a]\n{service}stop = {{ signals = [] }}"), vec!["stop.signals"]),
            (format!("[resource.A]\n{service}"), vec!["a-z"]),
            ("[resource.a]\nkind = \"service\"\ncommand = []".to_owned(), vec!["command is empty"]),
            ("[addresses]\na = \"${address.a}\"".to_owned(), vec!["address a"]),
            (
                format!("edges = [{{ from = \"a\", to = \"b\", port = \"x\" }}]\n[resource.a]\n{service}"),
                vec!["edge a/b", "no resource b"],
            ),
            (
                format!("edges = [{{ from = \"a\", to = \"a\", port = \"x\" }}]\n[resource.a]\n{service}"),
                vec!["port x of a"],
            ),
            (
                format!("topics = {{ t = {{ from = [\"a\"], to = [\"b\"] }} }}\n[resource.a]\n{service}"),
                vec!["topic t", "no resource b"],
            ),
            ("[resource.a\n".to_owned(), vec!["line 2"]),
        ] {
            let problem = problem(&text);
            for part in wanted {
                assert!(problem.contains(part), "{part:?} in {problem}");
            }
        }
    }

    #[test]
    fn a_circle_is_shown_whole() {
        let node = |name: &str, need: &str| {
            format!("[resource.{name}]\nkind = \"service\"\ncommand = [\"x\"]\nneeds = {{ {need} = \"ready\" }}\n")
        };
        let text = [node("z", "a"), node("a", "b"), node("b", "c"), node("c", "a")].concat();
        assert!(problem(&text).contains("a -> b -> c -> a"), "{}", problem(&text));
    }

    #[test]
    fn another_version_is_refused() {
        assert_eq!(Manifest::parse("version = 2", Infra::Embedded).map(|_| ()), Err(Error::Version(2)));
    }

    /// Whoever gets a manifest may ask for all of it.
    fn look_around(text: &str) {
        for manifest in Infra::ALL.into_iter().filter_map(|infra| Manifest::parse(text, infra).ok()) {
            for name in manifest.resources.keys() {
                let _ = manifest.environment_of(name);
            }
            let _ = manifest.binaries();
            let _ = manifest.ports();
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_manifest_that_breaks_what_reads_it(
            text: String,
            at in any::<Index>(), length in 0..80_usize, patch in "[a-z0-9_.=\\[\\]{}\"$@, \n-]{0,20}",
            from in "gateway|order|payment|order_db|a", to in "gateway|order|payment|order_db|a",
        ) {
            let real = include_str!("../../../../compose/services.toml");
            let at = real.floor_char_boundary(at.index(real.len()));
            let end = real.ceil_char_boundary((at + length).min(real.len()));
            look_around(&text);
            look_around(&format!("{}{patch}{}", &real[..at], &real[end..]));
            look_around(&real.replace(&format!("{from}\""), &format!("{to}\"")));
        }
    }
}
