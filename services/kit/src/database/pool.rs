//! The pool: sqlx's own, and in front of it the connections on which nothing is under way.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_stream::try_stream;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Connection as _, Either, Error, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// A connection that was used so recently is taken to be good: to try it would be a round trip before every statement. No
/// server stops and starts again within this time.
pub(super) const FRESH: Duration = Duration::from_millis(100);

/// Connections to one database.
///
/// sqlx asks the server about each connection that comes back to its pool, since whoever had it may have gone in the middle
/// of something. That is as many round trips as there are statements, for nothing when the statement has ended. So here a
/// connection rests until somebody needs it, if its last user says that all is done ([`Connection::done`]; a statement
/// that is run by the pool does); if not, sqlx looks after it as ever, and opens another when it is broken.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    /// As many as there are connections, so that who waits does so here, in turn, and never for one that rests.
    seats: Arc<Semaphore>,
    /// How long one may wait for a connection.
    patience: Duration,
    /// The one that was used last comes first: it is the freshest.
    resting: Mutex<Vec<(PoolConnection<Postgres>, Instant)>>,
}

/// A connection of the pool's for a while. When it is dropped the pool has it again, after a look at it, unless it is
/// [done](Connection::done).
#[derive(Debug)]
pub struct Connection {
    /// Gone only when it is dropped.
    inner: Option<PoolConnection<Postgres>>,
    pool: Arc<Inner>,
    _seat: OwnedSemaphorePermit,
}

impl Pool {
    /// Waits at most `patience` for one of the connections that `pool` may have.
    pub(super) fn new(pool: PgPool, patience: Duration) -> Self {
        let seats = Semaphore::new(pool.options().get_max_connections().try_into().unwrap_or(usize::MAX));
        Self(Arc::new(Inner { pool, seats: Arc::new(seats), patience, resting: Mutex::default() }))
    }

    /// A connection for more than one statement.
    ///
    /// # Errors
    /// As sqlx's: the server can't be reached, nobody gave a connection back in time, the pool is closed.
    pub async fn acquire(&self) -> Result<Connection, Error> {
        timeout(self.0.patience, self.take()).await.unwrap_or(Err(Error::PoolTimedOut))
    }

    async fn take(&self) -> Result<Connection, Error> {
        let seat = self.0.seats.clone().acquire_owned().await.map_err(|_| Error::PoolClosed)?;
        let inner = loop {
            match self.0.rested() {
                Some((connection, since)) if since.elapsed() <= FRESH => break connection,
                Some((mut connection, _)) => {
                    // One that is broken goes back to sqlx, which replaces it.
                    if connection.ping().await.is_ok() {
                        break connection;
                    }
                }
                None => break self.0.pool.acquire().await?,
            }
        };
        Ok(Connection { inner: Some(inner), pool: self.0.clone(), _seat: seat })
    }

    /// How a connection of its own would be made.
    pub fn connect_options(&self) -> Arc<PgConnectOptions> {
        self.0.pool.connect_options()
    }

    /// Gives out no more connections, and waits until all are back and closed.
    pub async fn close(&self) {
        self.0.seats.close();
        let closed = self.0.pool.close();
        while self.0.rested().is_some() {}
        closed.await;
    }
}

impl Inner {
    fn rested(&self) -> Option<(PoolConnection<Postgres>, Instant)> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

impl Connection {
    /// It may be used by the next at once: no statement is under way on it, and no transaction is open.
    pub fn done(mut self) {
        let mut resting = self.pool.resting.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock: none is put to rest behind the back of whoever closes the pool.
        if !self.pool.pool.is_closed()
            && let Some(connection) = self.inner.take()
        {
            resting.push((connection, Instant::now()));
        }
    }
}

impl Deref for Connection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.inner.as_ref().expect("it goes only with the value")
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.inner.as_mut().expect("it goes only with the value")
    }
}

/// One statement, on whichever connection is free.
impl<'p> Executor<'p> for &'_ Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        Box::pin(try_stream! {
            let mut connection = pool.acquire().await?;
            {
                let mut found = connection.fetch_many(query);
                while let Some(next) = found.try_next().await? {
                    yield next;
                }
            }
            connection.done();
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        Box::pin(async move {
            let mut connection = pool.acquire().await?;
            let row = connection.fetch_optional(query).await?;
            connection.done();
            Ok(row)
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        Box::pin(async move { pool.acquire().await?.prepare_with(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<sqlx::Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        Box::pin(async move { pool.acquire().await?.describe(sql).await })
    }
}
