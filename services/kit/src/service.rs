//! What a service tells about itself.

use std::future::Future;

use crate::config::{self, Lookup, Variable};
use crate::shutdown::Shutdown;

/// A service that [`crate::main`] can configure, migrate and serve, and that a test can build and run in process.
pub trait Service: Sized + Send + 'static {
    /// The name in logs, in tokens and on the command line.
    const NAME: &'static str;
    /// One sentence for `--help`.
    const ABOUT: &'static str;

    type Config: Send + 'static;

    /// The variables of [`Service::config`], for `--help`. The common ones of [`config::COMMON`] are added to them.
    fn variables() -> &'static [Variable];

    /// Reads the whole configuration; errors name the variable.
    fn config(lookup: &Lookup) -> Result<Self::Config, config::Error>;

    /// Brings the service's database to the newest schema. A service without one leaves this as it is.
    fn migrate(config: Self::Config) -> impl Future<Output = anyhow::Result<()>> + Send {
        async move {
            drop(config);
            tracing::info!("{} owns no database: nothing to migrate", Self::NAME);
            Ok(())
        }
    }

    /// Loads keys and binds listeners. A database or a broker that is away is no error: readiness tells about it.
    fn build(config: Self::Config) -> impl Future<Output = anyhow::Result<Self>> + Send;

    /// Serves until `shutdown` begins, and returns when all that was under way is done or given up.
    fn run(self, shutdown: Shutdown) -> impl Future<Output = anyhow::Result<()>> + Send;
}
