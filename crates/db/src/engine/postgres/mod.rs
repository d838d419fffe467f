//! PostgreSQL: a bounded pool of connections. One that broke is replaced by the next who needs one.
//!
//! ```text
//! connect  options -> a connection: TLS, password, time limits
//! work     one transaction: statements, sent ahead where nobody waits for them
//! ```

mod connect;
mod work;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, Statement};

use super::error::DbError;
use crate::migrate;
use connect::Target;

pub use connect::PostgresOptions;
pub use work::Work;

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

/// Connections to one database.
pub struct Pool {
    target: Target,
    size: usize,
    wait: Duration,
    /// After which a server that should have given up a statement itself counts as gone.
    patience: Duration,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
    /// Of these, those that may write: whoever waits for a lock leaves connections for readers.
    writers: Semaphore,
    trips: AtomicU64,
}

impl Pool {
    /// Connects, to see that it can be done, and migrates the database.
    pub async fn open(options: PostgresOptions) -> Result<Pool, DbError> {
        Pool::connect(options, true).await
    }

    /// Connects to a database that a server has made, and changes nothing of it.
    pub async fn open_existing(options: PostgresOptions) -> Result<Pool, DbError> {
        Pool::connect(options, false).await
    }

    async fn connect(options: PostgresOptions, migrates: bool) -> Result<Pool, DbError> {
        let size = options.connections.max(1);
        let wait = options.wait;
        let patience = options.statement_timeout * 2;
        let target = Target::new(options)?;
        let (mut client, carrier) = target.connect().await?;
        if migrates {
            migrate::postgres(&mut client).await?;
        } else {
            migrate::check_postgres(&client).await?;
        }
        Ok(Pool {
            target,
            size,
            wait,
            patience,
            idle: Mutex::new(vec![Connection::new(client, carrier)]),
            permits: Semaphore::new(size),
            writers: Semaphore::new(size - size / 4),
            trips: AtomicU64::new(0),
        })
    }

    /// A transaction on a connection of its own; nothing is sent before its first statement.
    pub async fn start(&self, writes: bool) -> Result<Work<'_>, DbError> {
        let permits = match timeout(self.wait, self.permits(writes)).await {
            Ok(Some(permits)) => permits,
            _ => return Err(DbError::Exhausted(self.size)),
        };
        let connection = match self.idle() {
            Some(connection) => connection,
            None => {
                let (client, carrier) = self.target.connect().await?;
                Connection::new(client, carrier)
            }
        };
        Ok(Work::new(self, connection, permits, writes))
    }

    async fn permits(&self, writes: bool) -> Option<Permits<'_>> {
        let writer = if writes { Some(self.writers.acquire().await.ok()?) } else { None };
        Some(Permits { _writer: writer, _any: self.permits.acquire().await.ok()? })
    }

    /// Ends what a connection is doing, and the connection.
    fn cancel(&self, connection: Connection) {
        let (token, tls) = (connection.client.cancel_token(), self.target.tls());
        connection.carrier.abort();
        // Outside a runtime the process ends, and its connections with it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            // One that cannot be told ends by its own time limits.
            let _ = match tls {
                Some(tls) => token.cancel_query(tls).await,
                None => token.cancel_query(NoTls).await,
            };
        });
    }

    /// The connection that was used last, so that those which are not needed rest.
    fn idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|connection| !connection.client.is_closed())
    }

    fn give_back(&self, connection: Connection) {
        if !connection.client.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }

    fn count_trip(&self) {
        self.trips.fetch_add(1, Ordering::Relaxed);
    }

    pub fn round_trips(&self) -> u64 {
        self.trips.load(Ordering::Relaxed)
    }
}

/// Leave to use a connection, and to write.
pub struct Permits<'db> {
    _writer: Option<SemaphorePermit<'db>>,
    _any: SemaphorePermit<'db>,
}

/// A connection and what it has prepared.
struct Connection {
    client: Client,
    /// Carries its messages.
    carrier: AbortHandle,
    statements: HashMap<String, (Statement, u64)>,
    uses: u64,
}

impl Connection {
    fn new(client: Client, carrier: AbortHandle) -> Connection {
        Connection { client, carrier, statements: HashMap::new(), uses: 0 }
    }

    /// A prepared statement that is there already.
    fn known(&mut self, sql: &str) -> Option<Statement> {
        self.uses += 1;
        let (statement, used) = self.statements.get_mut(sql)?;
        *used = self.uses;
        Some(statement.clone())
    }

    /// Prepares a statement; the one that was not used for longest makes room.
    async fn prepare(&mut self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        let statement = self.client.prepare(sql).await?;
        if self.statements.len() >= STATEMENTS
            && let Some(oldest) =
                self.statements.iter().min_by_key(|(_, (_, used))| *used).map(|(sql, _)| sql.clone())
        {
            self.statements.remove(&oldest);
        }
        self.statements.insert(sql.to_owned(), (statement.clone(), self.uses));
        Ok(statement)
    }
}
