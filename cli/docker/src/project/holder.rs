//! Why a container does not start, above all: who has its port.

use bollard::query_parameters::ListContainersOptionsBuilder;

use super::Project;
use crate::{Daemon, Error, compose::Service, daemon};

/// The words of Docker, with its proxy and without, and of the kernel.
const TAKEN: [&str; 3] = ["port is already allocated", "address already in use", "ports are not available"];

impl Project {
    pub(super) async fn not_started(&self, resource: &str, service: &Service, error: &bollard::errors::Error) -> Error {
        let name = self.name(resource);
        if daemon::status(error).is_none() {
            return self.daemon.refused("start", &format!("container {name}"), error);
        }
        let detail = daemon::message(error);
        if !TAKEN.iter().any(|words| detail.contains(words)) {
            return Error::Start { name, detail };
        }
        // `Bind for 127.0.0.1:5432 failed`, `listen tcp4 127.0.0.1:5432: bind: …`
        let named = service.ports.iter().find(|port| has_port(&detail, port.host)).or(service.ports.first());
        let Some(port) = named.map(|port| port.host) else { return Error::Start { name, detail } };
        Error::PortTaken { resource: resource.to_owned(), port, container: publisher(&self.daemon, port).await }
    }
}

/// The name of the container that publishes a port of the host, if one does and the daemon says so.
pub async fn publisher(daemon: &Daemon, port: u16) -> Option<String> {
    let options = ListContainersOptionsBuilder::default().build();
    let running = daemon.answer(daemon.docker.list_containers(Some(options))).await.ok()?;
    let publishes = |container: &bollard::models::ContainerSummary| {
        container.ports.iter().flatten().any(|published| published.public_port == Some(port))
    };
    let names = running.into_iter().find(publishes)?.names?;
    names.into_iter().next().map(|name| name.trim_start_matches('/').to_owned())
}

/// Whether `:PORT` stands there, and no longer number.
fn has_port(text: &str, port: u16) -> bool {
    let wanted = format!(":{port}");
    text.match_indices(&wanted).any(|(at, _)| !text[at + wanted.len()..].starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_found_in_the_daemons_words() {
        let words = "driver failed: Bind for 127.0.0.1:54321 failed: port is already allocated";
        assert!(has_port(words, 54321));
        assert!(!has_port(words, 5432));
    }
}
