//! The Docker daemon, as the docker command would find it.

use shopctl_docker::Daemon;

use super::Finding;

const CHECK: &str = "docker";

/// Which daemon answers, and what led to it. None is needed: embedded infrastructure does without.
pub(crate) async fn examine() -> Finding {
    match Daemon::from_environment().await {
        Ok(daemon) => {
            let endpoint = daemon.endpoint();
            Finding::good(CHECK, format!("{} at {} ({})", daemon.version(), endpoint.url, endpoint.why))
        }
        Err(error) => Finding::note(
            CHECK,
            format!("{error}: infrastructure is embedded"),
            error.hint().unwrap_or_else(|| "nothing to do, unless you want containers".to_owned()),
        ),
    }
}
