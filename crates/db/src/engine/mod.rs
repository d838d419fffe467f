//! Connections and transactions, on either engine, behind the same few words.
//!
//! ```text
//! sqlite     one file: one writer at a time, readers beside it; answers within the call
//! postgres/  a pool of connections to a server that several of ours may share
//! value      what is bound to a statement, and the cells of a row
//! error      what went wrong, told apart by what a caller can do about it
//! ```

mod error;
mod postgres;
mod sqlite;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use model::{RouterId, SoftwareVersionId};

use crate::changes::Marks;
use crate::instance_event::Events;

pub use error::{DbError, EngineError};
pub use postgres::PostgresOptions;
pub use sqlite::SqliteOptions;
pub use value::{Cell, Param, Row};

/// Which engine a database lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        })
    }
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub enum Options {
    Sqlite(SqliteOptions),
    Postgres(PostgresOptions),
}

impl Options {
    /// A file, with the usual settings.
    pub fn new(path: impl Into<PathBuf>) -> Options {
        Options::Sqlite(SqliteOptions::new(path))
    }
}

impl From<SqliteOptions> for Options {
    fn from(options: SqliteOptions) -> Options {
        Options::Sqlite(options)
    }
}

impl From<PostgresOptions> for Options {
    fn from(options: PostgresOptions) -> Options {
        Options::Postgres(options)
    }
}

/// A shared handle on a database.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

enum Inner {
    Sqlite(sqlite::File),
    Postgres(Box<postgres::Pool>),
}

impl Db {
    /// Opens the database and migrates it; a file that is not there is made.
    pub async fn open(options: impl Into<Options>) -> Result<Db, DbError> {
        Ok(Db(Arc::new(match options.into() {
            Options::Sqlite(options) => Inner::Sqlite(sqlite::File::open(options).await?),
            Options::Postgres(options) => Inner::Postgres(Box::new(postgres::Pool::open(options).await?)),
        })))
    }

    /// Opens a database that a server has made, for whoever looks at it beside one: refuses one that is not
    /// there or that another version of the program made.
    pub async fn open_existing(options: impl Into<Options>) -> Result<Db, DbError> {
        Ok(Db(Arc::new(match options.into() {
            Options::Sqlite(options) => Inner::Sqlite(sqlite::File::open_existing(options)?),
            Options::Postgres(options) => {
                Inner::Postgres(Box::new(postgres::Pool::open_existing(options).await?))
            }
        })))
    }

    pub fn engine(&self) -> Engine {
        match &*self.0 {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    /// Starts a transaction that may write.
    pub async fn begin(&self) -> Result<Tx<'_>, DbError> {
        self.start(true).await
    }

    /// Starts a transaction that only reads, from one point in time.
    pub async fn read(&self) -> Result<Tx<'_>, DbError> {
        self.start(false).await
    }

    async fn start(&self, writes: bool) -> Result<Tx<'_>, DbError> {
        let work = match &*self.0 {
            Inner::Sqlite(file) if writes => Work::Sqlite(file.begin().await?),
            Inner::Sqlite(file) => Work::Sqlite(file.read().await?),
            Inner::Postgres(pool) => Work::Postgres(pool.start(writes).await?),
        };
        Ok(Tx {
            work,
            marks: Marks::default(),
            locked: BTreeSet::new(),
            dues: BTreeMap::new(),
            settled: None,
            software: BTreeSet::new(),
            events: Events::default(),
            trunks: false,
            noted: false,
        })
    }

    /// Moves what is in SQLite's log into the file, beside readers and writers, once it is worth it;
    /// PostgreSQL sees to its own.
    pub async fn checkpoint(&self) -> Result<(), DbError> {
        match &*self.0 {
            Inner::Sqlite(file) => file.checkpoint().await,
            Inner::Postgres(_) => Ok(()),
        }
    }

    /// How often the database server was asked and waited for; 0 where there is none.
    pub fn round_trips(&self) -> u64 {
        match &*self.0 {
            Inner::Sqlite(_) => 0,
            Inner::Postgres(pool) => pool.round_trips(),
        }
    }
}

/// A transaction; dropped without a commit it leaves nothing.
pub struct Tx<'db> {
    work: Work<'db>,
    pub(crate) marks: Marks,
    /// Networks that it has locked.
    pub(crate) locked: BTreeSet<String>,
    /// Routers that it asks to be looked at.
    pub(crate) dues: BTreeMap<RouterId, i64>,
    /// The router that it settled, and the note of it that it found.
    pub(crate) settled: Option<(RouterId, i64)>,
    /// Versions of software of which the repository has to hear.
    pub(crate) software: BTreeSet<SoftwareVersionId>,
    /// What Nova has to hear.
    pub(crate) events: Events,
    /// Ports of trunks may have to follow their parents.
    pub(crate) trunks: bool,
    /// Others have to be told of something.
    pub(crate) noted: bool,
}

enum Work<'db> {
    Sqlite(sqlite::Work<'db>),
    Postgres(postgres::Work<'db>),
}

impl Tx<'_> {
    pub fn engine(&self) -> Engine {
        match &self.work {
            Work::Sqlite(_) => Engine::Sqlite,
            Work::Postgres(_) => Engine::Postgres,
        }
    }

    /// Runs a statement; returns how many rows it touched.
    pub async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<usize, DbError> {
        check(params)?;
        match &mut self.work {
            Work::Sqlite(work) => work.execute(sql, params),
            Work::Postgres(work) => work.rows(sql, params, &mut |_| {}).await,
        }
    }

    /// Runs a statement whose count nobody needs, at the latest with the next one: a database
    /// server is not waited for in between. What goes wrong with it is told by then.
    pub async fn later(&mut self, sql: &str, params: Vec<Param<'_>>) -> Result<(), DbError> {
        check(&params)?;
        match &mut self.work {
            Work::Sqlite(work) => work.execute(sql, &params).map(drop),
            Work::Postgres(work) => work.later(sql, params).await,
        }
    }

    /// Runs a query and hands over its rows one by one.
    pub async fn each(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        mut take: impl FnMut(&Row<'_>) + Send,
    ) -> Result<(), DbError> {
        check(params)?;
        match &mut self.work {
            Work::Sqlite(work) => work.each(sql, params, take),
            Work::Postgres(work) => work.rows(sql, params, &mut take).await.map(drop),
        }
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

    /// Ends the transaction; everything of it is there, or an error tells that nothing is. `last`
    /// is a query of one number to run at the very end.
    pub(crate) async fn finish(self, last: Option<&'static str>) -> Result<i64, DbError> {
        match self.work {
            Work::Sqlite(work) => work.commit(last),
            Work::Postgres(work) => work.commit(last).await,
        }
    }
}

fn check(params: &[Param<'_>]) -> Result<(), DbError> {
    if params.iter().any(Param::has_nul) { Err(DbError::Nul) } else { Ok(()) }
}
