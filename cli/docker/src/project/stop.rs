use std::time::Duration;

use super::Project;
use crate::Error;

impl Project {
    /// Stops a resource's container by its own signal, and by SIGKILL after `grace` (if none is given, its
    /// `stop_grace_period`, else 10 s). One that does not run, or is not there, is fine.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub async fn stop(&self, resource: &str, grace: Option<Duration>) -> Result<(), Error> {
        let _ = (resource, grace);
        todo!()
    }

    /// Stops all containers of the instance at once, each by its own signal, and by SIGKILL after `grace`. Answers with the
    /// names of those that ran.
    ///
    /// # Errors
    /// When the daemon refuses; it has tried all of them.
    pub async fn stop_all(&self, grace: Duration) -> Result<Vec<String>, Error> {
        let _ = grace;
        todo!()
    }
}
