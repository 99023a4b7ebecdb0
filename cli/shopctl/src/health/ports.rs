//! The ports of an instance, and who has them.

use shopctl_core::manifest::Infra;
use shopctl_runtime::{
    Instance, Workspace,
    ports::{self, Ports, Wish},
};

use super::Finding;

const CHECK: &str = "ports";

pub(super) fn examine(workspace: &Workspace, instance: &Instance) -> Vec<Finding> {
    if instance.is_locked() {
        return vec![Finding::good(CHECK, format!("instance {} runs and has them", instance.name))];
    }
    let ports = match numbers(workspace, instance) {
        Ok(ports) => ports,
        Err(error) => return vec![Finding::problem(CHECK, error.to_string(), "mend compose/services.toml")],
    };
    let taken: Vec<Finding> = ports.iter().filter_map(|(resource, port)| taken(resource, *port)).collect();
    if taken.is_empty() { vec![Finding::good(CHECK, format!("all {} are free", ports.len()))] } else { taken }
}

/// The instance's recorded ports, or those that its first `up` would take.
fn numbers(workspace: &Workspace, instance: &Instance) -> anyhow::Result<Vec<(String, u16)>> {
    let record = instance.record()?;
    let manifest = workspace.load(record.as_ref().map_or(Infra::Embedded, |record| record.infra))?;
    let ports = match record {
        Some(record) => record.ports.complete(&manifest)?,
        None => Ports::choose(&manifest, Wish::Offset(0), instance.state_dir())?,
    };
    let number = |(resource, name, _): (&str, &str, u16)| Some((resource.to_owned(), ports.get(resource, name)?));
    Ok(manifest.ports().into_iter().filter_map(number).collect())
}

fn taken(resource: &str, port: u16) -> Option<Finding> {
    let holder = ports::holder(port)?;
    let remedy = "stop it, or give a new instance other ports: `shopctl up --instance NAME --isolated`";
    Some(Finding::problem(CHECK, format!("{port} ({resource}) is taken by {holder}"), remedy))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn whoever_has_a_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let finding = taken("order", port).expect("it is taken");
        assert!(finding.found.contains(&std::process::id().to_string()), "{}", finding.found);
        assert!(finding.found.contains("order"), "{}", finding.found);
    }
}
