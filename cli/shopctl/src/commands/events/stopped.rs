//! The events of an instance that does not run.

use shopctl_core::manifest::Infra;
use shopctl_kafka::Stored;
use shopctl_runtime::Instance;

use super::unread;
use crate::exit::{Exit, Failure};

/// What its embedded broker has left; `None` if there is nothing.
///
/// # Errors
/// When it cannot be read, or is where only Docker gets at it.
pub(crate) fn open(instance: &Instance) -> Result<Option<Stored>, Failure> {
    match instance.record() {
        Ok(Some(record)) if record.infra == Infra::Docker => {
            let told = "instance {name} does not run, and its events are in a volume of Docker's";
            let failure = Failure::new(Exit::NotRunning, told.replace("{name}", &instance.name));
            Err(failure.hint("`shopctl up kafka --detach` boots its broker alone; `shopctl down` stops it again"))
        }
        Ok(Some(_)) => Stored::open(&instance.data_dir().join("kafka")).map_err(|error| unread(&error)),
        Ok(None) => Ok(None),
        Err(error) => Err(Failure::new(Exit::Failure, error.to_string())),
    }
}
