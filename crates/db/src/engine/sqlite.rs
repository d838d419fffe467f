//! SQLite: one file in WAL mode, one writer at a time, readers beside it. Answers within the call.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};
use tokio::time::{Instant, sleep};

use super::error::DbError;
use super::value::{Param, Row, Source};
use crate::migrate;

/// Connections that read at the same time.
const READERS: usize = 4;
/// Pages in the log at which a commit itself moves them into the file. [`File::checkpoint`] does so
/// earlier, off the writers' way.
const LATEST_CHECKPOINT: u32 = 20_000;
/// Between two looks whether another process has let go of the database.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// Bytes in the log that are worth moving.
const LOG_BYTES: u64 = 1 << 20;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

/// How a file is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub path: PathBuf,
    /// Flush at every commit: what was acknowledged survives a power cut, not only a crash.
    pub sync_every_commit: bool,
    /// How long to wait for another process's lock.
    pub busy_timeout: Duration,
}

impl SqliteOptions {
    pub fn new(path: impl Into<PathBuf>) -> SqliteOptions {
        SqliteOptions { path: path.into(), sync_every_commit: false, busy_timeout: Duration::from_secs(5) }
    }
}

/// A database in a file.
pub struct File {
    options: SqliteOptions,
    writer: Arc<AsyncMutex<Option<Opened>>>,
    readers: Mutex<Vec<Opened>>,
    permits: Semaphore,
}

/// A connection and the file it was opened on.
struct Opened {
    connection: Connection,
    file: (u64, u64),
}

impl File {
    /// Opens the file, makes it if it is not there, and migrates it; waits for another process that writes.
    pub async fn open(options: SqliteOptions) -> Result<File, DbError> {
        let deadline = Instant::now() + options.busy_timeout;
        loop {
            let opened = open(&options, true).and_then(|mut writer| {
                migrate::sqlite(&mut writer.connection)?;
                Ok(writer)
            });
            match opened {
                Err(DbError::Locked { .. }) if Instant::now() < deadline => sleep(BETWEEN_TRIES).await,
                opened => break Ok(File::of(options, Some(opened?))),
            }
        }
    }

    /// Opens a file that a server has made, and changes nothing of it.
    pub fn open_existing(options: SqliteOptions) -> Result<File, DbError> {
        if identity(&options.path).is_none() {
            return Err(DbError::Missing(options.path));
        }
        let sqlite = |source| DbError::from_sqlite("open", source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&options.path, flags).map_err(sqlite)?;
        connection.busy_timeout(options.busy_timeout).map_err(sqlite)?;
        migrate::check_sqlite(&connection)?;
        Ok(File::of(options, None))
    }

    fn of(options: SqliteOptions, writer: Option<Opened>) -> File {
        File {
            options,
            writer: Arc::new(AsyncMutex::new(writer)),
            readers: Mutex::new(Vec::new()),
            permits: Semaphore::new(READERS),
        }
    }

    /// Starts a transaction that may write.
    pub async fn begin(&self) -> Result<Work<'_>, DbError> {
        let deadline = Instant::now() + self.options.busy_timeout;
        let mut guard = Arc::clone(&self.writer).lock_owned().await;
        let fresh = match guard.take() {
            Some(opened) if identity(&self.options.path) == Some(opened.file) => opened,
            _ => reopen(&self.options)?,
        };
        let writer = guard.insert(fresh);
        // Another process may hold the lock: wait for it without holding up this thread.
        loop {
            match run(&writer.connection, "BEGIN IMMEDIATE") {
                Err(DbError::Locked { .. }) if Instant::now() < deadline => sleep(BETWEEN_TRIES).await,
                begun => break begun?,
            }
        }
        Ok(Work { held: Held::Writer(guard), open: true })
    }

    /// Starts a transaction that only reads, from one point in time.
    pub async fn read(&self) -> Result<Work<'_>, DbError> {
        let permit = self.permits.acquire().await.ok();
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let opened = match idle {
            Some(opened) if identity(&self.options.path) == Some(opened.file) => opened,
            Some(_) => reopen(&self.options)?,
            None => open(&self.options, false)?,
        };
        run(&opened.connection, "BEGIN")?;
        let held = Held::Reader { opened: Some(opened), home: self, _permit: permit };
        Ok(Work { held, open: true })
    }

    /// Moves what is in the log into the file, beside readers and writers, once it is worth it.
    pub async fn checkpoint(&self) -> Result<(), DbError> {
        let options = self.options.clone();
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
}

fn open(options: &SqliteOptions, create: bool) -> Result<Opened, DbError> {
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
             PRAGMA foreign_keys = ON; PRAGMA case_sensitive_like = ON; PRAGMA temp_store = MEMORY; \
             PRAGMA wal_autocheckpoint = {LATEST_CHECKPOINT}; PRAGMA journal_size_limit = 16777216;"
        ))
        .map_err(sqlite)?;
    let file = identity(&options.path).ok_or_else(|| DbError::Gone(options.path.clone()))?;
    Ok(Opened { connection, file })
}

/// Opens a file that came back; never makes an empty one where a full one was.
fn reopen(options: &SqliteOptions) -> Result<Opened, DbError> {
    if identity(&options.path).is_none() {
        return Err(DbError::Gone(options.path.clone()));
    }
    let mut opened = open(options, false)?;
    migrate::sqlite(&mut opened.connection)?;
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
    Reader { opened: Option<Opened>, home: &'db File, _permit: Option<tokio::sync::SemaphorePermit<'db>> },
}

/// A transaction at work. Dropped without [`Work::commit`] it leaves nothing behind.
pub struct Work<'db> {
    held: Held<'db>,
    open: bool,
}

impl Work<'_> {
    fn connection(&self) -> Result<&Connection, DbError> {
        let opened = match &self.held {
            Held::Writer(guard) => guard.as_ref(),
            Held::Reader { opened, .. } => opened.as_ref(),
        };
        opened.map(|opened| &opened.connection).ok_or_else(|| DbError::Gone(PathBuf::new()))
    }

    pub fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<usize, DbError> {
        let sqlite = |source| DbError::from_sqlite(sql, source);
        let mut statement = self.connection()?.prepare_cached(&numbered(sql)).map_err(sqlite)?;
        statement.execute(rusqlite::params_from_iter(params)).map_err(sqlite)
    }

    pub fn each(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        mut take: impl FnMut(&Row<'_>),
    ) -> Result<(), DbError> {
        let sqlite = |source| DbError::from_sqlite(sql, source);
        let mut statement = self.connection()?.prepare_cached(&numbered(sql)).map_err(sqlite)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params)).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            take(&Row(Source::Sqlite(row)));
        }
        Ok(())
    }

    pub fn commit(mut self, last: Option<&'static str>) -> Result<i64, DbError> {
        let mut number = 0;
        if let Some(last) = last {
            self.each(last, &[], |row| number = row.int(0))?;
        }
        run(self.connection()?, "COMMIT")?;
        self.open = false;
        Ok(number)
    }
}

impl Drop for Work<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: &tempfile::TempDir, busy_timeout: Duration) -> SqliteOptions {
        SqliteOptions { busy_timeout, ..SqliteOptions::new(folder.path().join("db")) }
    }

    #[tokio::test]
    async fn one_that_opens_waits_for_another_that_writes() {
        let folder = tempfile::tempdir().expect("folder");
        let first = File::open(options(&folder, Duration::from_secs(60))).await.expect("opens");
        let writes = first.begin().await.expect("begins");
        let at_once = File::open(options(&folder, Duration::ZERO)).await;
        assert!(matches!(at_once, Err(DbError::Locked { .. })), "the other still writes");
        let second = tokio::spawn(File::open(options(&folder, Duration::from_secs(60))));
        sleep(BETWEEN_TRIES * 3).await;
        assert!(!second.is_finished(), "it waits");
        writes.commit(None).expect("commits");
        second.await.expect("no panic").expect("opens").begin().await.expect("begins");
    }
}
