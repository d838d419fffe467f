//! Connections and transactions.
//!
//! SQLite: one file in WAL mode, one writer at a time, readers beside it. Calls are `async`
//! because other engines wait on a socket; SQLite answers within the call.

use std::borrow::Cow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};
use tokio::time::{Instant, sleep};

use crate::migrate;

/// Connections that read at the same time.
const READERS: usize = 4;
/// Pages in the log at which a commit itself moves them into the file. [`Db::checkpoint`] does so
/// earlier, off the writers' way.
const LATEST_CHECKPOINT: u32 = 20_000;
/// Between two looks whether another process has let go of the database.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// Bytes in the log that are worth moving.
const LOG_BYTES: u64 = 1 << 20;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

/// What went wrong in the database; the request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Another holds the row, key or lock: the whole transaction may be tried again.
    #[error("{what}: lost a race: {source}")]
    Conflict { what: String, source: rusqlite::Error },
    /// Another process holds the database; try again later.
    #[error("{what}: the database is locked: {source}")]
    Locked { what: String, source: rusqlite::Error },
    #[error("{what}: no space left for the database: {source}")]
    Full { what: String, source: rusqlite::Error },
    /// The disk does not do what it is asked.
    #[error("{what}: the database cannot be read or written: {source}")]
    Disk { what: String, source: rusqlite::Error },
    /// The file is not there, or not the one that was opened.
    #[error("the database file {0} is gone; bring it back or restart the server to make a new one")]
    Gone(PathBuf),
    #[error("{what}: {source}")]
    Engine { what: String, source: rusqlite::Error },
    /// A row does not fit its type: the database was written by something else.
    #[error("row of {table} cannot be read: {source}")]
    Unreadable { table: &'static str, source: serde_json::Error },
    #[error("{0}")]
    Migration(String),
}

impl DbError {
    pub(crate) fn from_sqlite(what: &str, source: rusqlite::Error) -> DbError {
        use rusqlite::ErrorCode as Code;
        let what = what.chars().take(200).collect();
        match source.sqlite_error_code() {
            Some(Code::ConstraintViolation) if is_race(&source) => DbError::Conflict { what, source },
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => DbError::Locked { what, source },
            Some(Code::SystemIoFailure | Code::ReadOnly | Code::CannotOpen) => DbError::Disk { what, source },
            Some(Code::DiskFull) => DbError::Full { what, source },
            _ => DbError::Engine { what, source },
        }
    }
}

/// Somebody else has the key; other constraints are broken by mistakes of our own.
fn is_race(source: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    let code = source.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE))
}

/// A value bound to a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Param<'a> {
    Null,
    Int(i64),
    Bool(bool),
    Text(Cow<'a, str>),
}

impl<'a> Param<'a> {
    pub fn text(text: impl Into<Cow<'a, str>>) -> Param<'a> {
        Param::Text(text.into())
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Param<'a> {
        Param::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Param<'_> {
    fn from(text: String) -> Self {
        Param::Text(Cow::Owned(text))
    }
}

impl From<i64> for Param<'_> {
    fn from(n: i64) -> Self {
        Param::Int(n)
    }
}

impl From<bool> for Param<'_> {
    fn from(b: bool) -> Self {
        Param::Bool(b)
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Param::Null => ValueRef::Null,
            Param::Int(n) => ValueRef::Integer(*n),
            Param::Bool(b) => ValueRef::Integer(i64::from(*b)),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

/// A cell of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    Text(&'a str),
}

/// One row of a result, valid until the next.
pub struct Row<'a>(&'a rusqlite::Row<'a>);

impl<'a> Row<'a> {
    pub fn cell(&self, at: usize) -> Cell<'a> {
        match self.0.get_ref(at) {
            Ok(ValueRef::Integer(n)) => Cell::Int(n),
            Ok(ValueRef::Text(text)) => std::str::from_utf8(text).map_or(Cell::Null, Cell::Text),
            _ => Cell::Null,
        }
    }

    /// Text of a column that is never null.
    pub fn text(&self, at: usize) -> &'a str {
        match self.cell(at) {
            Cell::Text(text) => text,
            _ => "",
        }
    }

    pub fn int(&self, at: usize) -> i64 {
        match self.cell(at) {
            Cell::Int(n) => n,
            _ => 0,
        }
    }
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub path: PathBuf,
    /// Flush at every commit: what was acknowledged survives a power cut, not only a crash.
    pub sync_every_commit: bool,
    /// How long to wait for another process's lock.
    pub busy_timeout: Duration,
}

impl Options {
    pub fn new(path: impl Into<PathBuf>) -> Options {
        Options { path: path.into(), sync_every_commit: false, busy_timeout: Duration::from_secs(5) }
    }
}

/// A shared handle on a database.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    options: Options,
    writer: Arc<AsyncMutex<Option<Opened>>>,
    readers: Mutex<Vec<Opened>>,
    permits: Semaphore,
}

/// A connection and the file it was opened on.
struct Opened {
    connection: Connection,
    file: (u64, u64),
}

impl Db {
    /// Opens the database, makes it if it is not there, and migrates it.
    pub async fn open(options: Options) -> Result<Db, DbError> {
        let mut writer = open(&options, true)?;
        migrate::run(&mut writer.connection)?;
        Ok(Db(Arc::new(Inner {
            options,
            writer: Arc::new(AsyncMutex::new(Some(writer))),
            readers: Mutex::new(Vec::new()),
            permits: Semaphore::new(READERS),
        })))
    }

    /// Starts a transaction that may write.
    pub async fn begin(&self) -> Result<Tx<'_>, DbError> {
        let deadline = Instant::now() + self.0.options.busy_timeout;
        let mut guard = Arc::clone(&self.0.writer).lock_owned().await;
        let fresh = match guard.take() {
            Some(opened) if identity(&self.0.options.path) == Some(opened.file) => opened,
            _ => reopen(&self.0.options)?,
        };
        let writer = guard.insert(fresh);
        // Another process may hold the lock: wait for it without holding up this thread.
        loop {
            match run(&writer.connection, "BEGIN IMMEDIATE") {
                Err(DbError::Locked { .. }) if Instant::now() < deadline => sleep(BETWEEN_TRIES).await,
                begun => break begun?,
            }
        }
        Ok(Tx { held: Held::Writer(guard), open: true, marked: 0 })
    }

    /// Starts a transaction that only reads, from one point in time.
    pub async fn read(&self) -> Result<Tx<'_>, DbError> {
        let permit = self.0.permits.acquire().await.ok();
        let idle = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let opened = match idle {
            Some(opened) if identity(&self.0.options.path) == Some(opened.file) => opened,
            Some(_) => reopen(&self.0.options)?,
            None => open(&self.0.options, false)?,
        };
        run(&opened.connection, "BEGIN")?;
        let held = Held::Reader { opened: Some(opened), home: &self.0, _permit: permit };
        Ok(Tx { held, open: true, marked: 0 })
    }

    /// Moves what is in the log into the file, beside readers and writers, once it is worth it.
    pub async fn checkpoint(&self) -> Result<(), DbError> {
        let options = self.0.options.clone();
        let mut log = options.path.clone().into_os_string();
        log.push("-wal");
        if std::fs::metadata(log).map_or(0, |meta| meta.len()) < LOG_BYTES {
            return Ok(());
        }
        let work = move || {
            let sql = "PRAGMA wal_checkpoint(PASSIVE)";
            let opened = open(&options, false)?;
            let sqlite = |source| DbError::from_sqlite(sql, source);
            opened.connection.query_row(sql, [], |_| Ok(())).map_err(sqlite)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Ok(()))
    }

    pub fn path(&self) -> &Path {
        &self.0.options.path
    }
}

fn open(options: &Options, create: bool) -> Result<Opened, DbError> {
    let what = format!("open {}", options.path.display());
    let sqlite = |source| DbError::from_sqlite(&what, source);
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    let connection = Connection::open_with_flags(&options.path, flags).map_err(sqlite)?;
    // SQLite's own waiting would hold up the thread; `begin` waits instead.
    connection.busy_timeout(Duration::ZERO).map_err(sqlite)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let synchronous = if options.sync_every_commit { "FULL" } else { "NORMAL" };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; \
             PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
             PRAGMA wal_autocheckpoint = {LATEST_CHECKPOINT}; PRAGMA journal_size_limit = 16777216;"
        ))
        .map_err(sqlite)?;
    let file = identity(&options.path).ok_or_else(|| DbError::Gone(options.path.clone()))?;
    Ok(Opened { connection, file })
}

/// Opens a file that came back; never makes an empty one where a full one was.
fn reopen(options: &Options) -> Result<Opened, DbError> {
    if identity(&options.path).is_none() {
        return Err(DbError::Gone(options.path.clone()));
    }
    let mut opened = open(options, false)?;
    migrate::run(&mut opened.connection)?;
    Ok(opened)
}

/// Device and inode, which tell whether the path still names the file that was opened.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

fn run(connection: &Connection, sql: &str) -> Result<(), DbError> {
    let sqlite = |source| DbError::from_sqlite(sql, source);
    connection.prepare_cached(sql).map_err(sqlite)?.execute([]).map(drop).map_err(sqlite)
}

/// Parameters are written `$1` everywhere; SQLite numbers them by `?1` (its `$1` is only a name).
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

enum Held<'db> {
    Writer(OwnedMutexGuard<Option<Opened>>),
    Reader { opened: Option<Opened>, home: &'db Inner, _permit: Option<tokio::sync::SemaphorePermit<'db>> },
}

/// A transaction. Dropped without [`Tx::commit`] it leaves nothing behind.
pub struct Tx<'db> {
    held: Held<'db>,
    open: bool,
    /// The revision at which this transaction marked changes; 0 while it has not.
    pub(crate) marked: i64,
}

impl Tx<'_> {
    fn connection(&self) -> Result<&Connection, DbError> {
        let opened = match &self.held {
            Held::Writer(guard) => guard.as_ref(),
            Held::Reader { opened, .. } => opened.as_ref(),
        };
        opened.map(|opened| &opened.connection).ok_or_else(|| DbError::Gone(PathBuf::new()))
    }

    /// Runs a statement; returns how many rows it touched.
    pub async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<usize, DbError> {
        let sqlite = |source| DbError::from_sqlite(sql, source);
        let mut statement = self.connection()?.prepare_cached(&numbered(sql)).map_err(sqlite)?;
        statement.execute(rusqlite::params_from_iter(params)).map_err(sqlite)
    }

    /// Runs a query and hands over its rows one by one.
    pub async fn each(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        mut take: impl FnMut(&Row<'_>) + Send,
    ) -> Result<(), DbError> {
        let sqlite = |source| DbError::from_sqlite(sql, source);
        let mut statement = self.connection()?.prepare_cached(&numbered(sql)).map_err(sqlite)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params)).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            take(&Row(row));
        }
        Ok(())
    }

    /// The first column of all rows, as text.
    pub async fn texts(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<String>, DbError> {
        let mut out = Vec::new();
        self.each(sql, params, |row| out.push(row.text(0).to_owned())).await?;
        Ok(out)
    }

    /// The first column of the first row, as a number; 0 without rows.
    pub async fn number(&mut self, sql: &str, params: &[Param<'_>]) -> Result<i64, DbError> {
        let mut out = 0;
        self.each(sql, params, |row| out = row.int(0)).await?;
        Ok(out)
    }

    pub async fn commit(mut self) -> Result<(), DbError> {
        run(self.connection()?, "COMMIT")?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.open
            && let Ok(connection) = self.connection()
        {
            // Fails only when the engine has rolled back by itself.
            let _ = connection.execute_batch("ROLLBACK");
        }
        if let Held::Reader { opened, home, .. } = &mut self.held
            && let Some(opened) = opened.take()
        {
            home.readers.lock().unwrap_or_else(PoisonError::into_inner).push(opened);
        }
    }
}
