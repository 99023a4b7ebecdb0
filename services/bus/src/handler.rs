use async_trait::async_trait;
use sqlx::PgConnection;

use crate::received::Received;

/// What a consumer does with an event.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Whether `event` changes anything here. One that does not is neither remembered nor given to [`Handler::handle`]:
    /// what has no effect cannot have it twice.
    ///
    /// # Errors
    /// The event is broken, though it would have no effect: somebody shall look at it.
    fn concerns(&self, event: &Received) -> Result<bool, HandleError> {
        let _ = event;
        Ok(true)
    }

    /// Applies `event` in the transaction that also remembers its id: both are kept or neither. It may be called again
    /// for the same event as long as that transaction was not committed. Kinds that mean nothing here are `Ok`.
    async fn handle(&self, transaction: &mut PgConnection, event: &Received) -> Result<(), HandleError>;
}

/// Why an event was not applied.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// It never will be: it goes to the dead letters, with this reason, and the rest goes on.
    #[error("refused: {0}")]
    Refused(String),
    /// Something is away that the event is not to blame for: its partition waits and tries again, without end.
    #[error("unavailable: {0:#}")]
    Unavailable(anyhow::Error),
}

/// Data that the database can't hold (SQLSTATE classes 22 and 23) are the event's fault. All else, an outage, a deadlock,
/// a schema that is not there yet, is not, and passes.
impl From<sqlx::Error> for HandleError {
    fn from(error: sqlx::Error) -> Self {
        let refused = match &error {
            sqlx::Error::Database(error) => {
                error.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
            }
            sqlx::Error::Encode(_) | sqlx::Error::RowNotFound => true,
            // sqlx's enum is open; what it adds is no event's fault until we know better.
            _ => false,
        };
        if refused { Self::Refused(error.to_string()) } else { Self::Unavailable(error.into()) }
    }
}
