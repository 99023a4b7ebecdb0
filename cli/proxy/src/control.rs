//! Whoever tells what is broken: each connection brings orders, and each is answered once it is in force.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use shopctl_protocol::{Answer, Connection, Order};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::watch,
    time::{sleep, timeout},
};

use crate::{listener::Applied, rules::Rules};

/// For a port to be listened on again.
const PATIENCE: Duration = Duration::from_secs(2);
/// After accepting has failed.
const PAUSE: Duration = Duration::from_millis(50);

/// A socket that is there is that of a proxy that has ended.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// One connection after the other: the supervisor is the only one who comes.
pub(crate) async fn run(listener: UnixListener, rules: watch::Sender<Rules>, mut applied: Vec<Applied>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => converse(stream, &rules, &mut applied).await,
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn converse(stream: UnixStream, rules: &watch::Sender<Rules>, applied: &mut [Applied]) {
    let mut connection = Connection::new(stream);
    // An error is the end of this connection and of nothing else.
    while let Ok(Ok(Some(order))) = timeout(PATIENCE, connection.receive::<Order>()).await {
        let Order { revision, faults } = order;
        rules.send_if_modified(|known| match known.following(revision, faults) {
            Some(following) => {
                *known = following;
                true
            }
            None => false,
        });
        let problem = in_force(revision, applied).await.err();
        if connection.send(&Answer { problem }).await.is_err() {
            return;
        }
    }
}

/// Waits until every port has done what it is told.
async fn in_force(revision: u64, applied: &mut [Applied]) -> Result<(), String> {
    for one in applied {
        match timeout(PATIENCE, one.revision.wait_for(|done| *done >= revision)).await {
            Ok(_) => {}
            Err(_) => return Err(format!("the port of {} cannot be listened on again", one.edge)),
        }
    }
    Ok(())
}
