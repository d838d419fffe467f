//! What went wrong in the database, told apart by what a caller can do about it.

use std::fmt;
use std::path::PathBuf;

use tokio_postgres::error::SqlState;

/// The engine's own error. Says no values of rows: those may be a user's.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("{}", Told(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error("cannot read {}: {}", .0.display(), .1)]
    File(PathBuf, std::io::Error),
    #[error("{0}")]
    Said(String),
}

impl EngineError {
    /// Whether this is for an operator to mend: who may log in, to which database, by which certificates.
    fn is_of_settings(&self) -> bool {
        match self {
            EngineError::Postgres(error) => match error.code() {
                Some(state) => SETTINGS.contains(state),
                None => ["TLS", "authentication"].iter().any(|word| error.to_string().contains(word)),
            },
            EngineError::Sqlite(_) | EngineError::Tls(_) | EngineError::File(..) => true,
            EngineError::Said(_) => false,
        }
    }
}

/// An error of PostgreSQL without its details, which quote rows.
struct Told<'a>(&'a tokio_postgres::Error);

impl fmt::Display for Told<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.0.as_db_error() {
            return write!(out, "{} ({})", error.message(), error.code().code());
        }
        write!(out, "{}", self.0)?;
        match std::error::Error::source(self.0) {
            Some(source) => write!(out, ": {source}"),
            None => Ok(()),
        }
    }
}

/// What went wrong in the database; but for [`DbError::Uncertain`], the request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Another holds the row, key or lock: the whole transaction may be tried again.
    #[error("{what}: lost a race: {source}")]
    Conflict { what: String, source: EngineError },
    /// Another holds the database or a lock for too long; try again later.
    #[error("{what}: the database is locked: {source}")]
    Locked { what: String, source: EngineError },
    #[error("{what}: no space left for the database: {source}")]
    Full { what: String, source: EngineError },
    /// The disk does not do what it is asked.
    #[error("{what}: the database cannot be read or written: {source}")]
    Disk { what: String, source: EngineError },
    /// The file is not there, or not the one that was opened.
    #[error("the database file {0} is gone; bring it back or restart the server to make a new one")]
    Gone(PathBuf),
    #[error("there is no database file {0}: no server has used it")]
    Missing(PathBuf),
    /// The database server went away while it was asked to commit: nobody knows whether it did.
    #[error("{what}: the database server went away during a commit: {source}")]
    Uncertain { what: String, source: EngineError },
    /// The database server cannot be reached, or went away before the commit.
    #[error("{what}: the database server is not there: {source}")]
    Unavailable { what: String, source: EngineError },
    /// Every connection was in use for as long as a request may wait for one.
    #[error("all {0} connections to the database are in use")]
    Exhausted(usize),
    #[error("{what}: {source}")]
    Engine { what: String, source: EngineError },
    /// Not every engine stores U+0000, so none is asked to.
    #[error("text holds the character U+0000, which cannot be stored")]
    Nul,
    /// A statement of the transaction failed before: there is nothing to commit.
    #[error("the transaction failed before it was committed")]
    Failed,
    /// A row does not fit its type: the database was written by something else.
    #[error("row of {table} cannot be read: {source}")]
    Unreadable { table: &'static str, source: serde_json::Error },
    #[error("{0}")]
    Migration(String),
    #[error("{0}")]
    Options(String),
}

fn shortened(what: &str) -> String {
    what.chars().take(200).collect()
}

impl DbError {
    pub(crate) fn from_sqlite(what: &str, source: rusqlite::Error) -> DbError {
        use rusqlite::ErrorCode as Code;
        let what = shortened(what);
        let code = source.sqlite_error_code();
        let race = is_race(&source);
        let source = EngineError::Sqlite(source);
        match code {
            Some(Code::ConstraintViolation) if race => DbError::Conflict { what, source },
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => DbError::Locked { what, source },
            Some(Code::SystemIoFailure | Code::ReadOnly | Code::CannotOpen) => DbError::Disk { what, source },
            Some(Code::DiskFull) => DbError::Full { what, source },
            _ => DbError::Engine { what, source },
        }
    }

    pub(crate) fn from_postgres(what: &str, source: tokio_postgres::Error) -> DbError {
        let what = shortened(what);
        let kind = match source.code() {
            Some(state) => kind(state),
            // What the server did not say itself happened on the way to it, but for our own mistakes.
            None if source.is_closed() || is_broken(&source) => Kind::Unavailable,
            None => Kind::Engine,
        };
        let source = EngineError::Postgres(source);
        match kind {
            Kind::Conflict => DbError::Conflict { what, source },
            Kind::Locked => DbError::Locked { what, source },
            Kind::Full => DbError::Full { what, source },
            Kind::Disk => DbError::Disk { what, source },
            Kind::Unavailable => DbError::Unavailable { what, source },
            Kind::Nul => DbError::Nul,
            Kind::Engine => DbError::Engine { what, source },
        }
    }

    /// True when the whole transaction may be tried again at once.
    pub fn is_conflict(&self) -> bool {
        matches!(self, DbError::Conflict { .. })
    }

    /// True when it may well be over without anybody's doing: the database's server is not there yet, or
    /// was asked for too much.
    pub fn may_pass(&self) -> bool {
        match self {
            DbError::Unavailable { source, .. } => !source.is_of_settings(),
            DbError::Conflict { .. } | DbError::Locked { .. } => true,
            DbError::Uncertain { .. } | DbError::Exhausted(_) => true,
            _ => false,
        }
    }
}

/// Somebody else has the key; other constraints are broken by mistakes of our own.
fn is_race(source: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    let code = source.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE))
}

#[derive(Clone, Copy)]
enum Kind {
    Conflict,
    Locked,
    Full,
    Disk,
    Unavailable,
    Nul,
    Engine,
}

/// The states of PostgreSQL (its manual, appendix A) that mean something to a caller.
const STATES: &[(SqlState, Kind)] = &[
    (SqlState::T_R_SERIALIZATION_FAILURE, Kind::Conflict),
    (SqlState::T_R_DEADLOCK_DETECTED, Kind::Conflict),
    (SqlState::UNIQUE_VIOLATION, Kind::Conflict),
    (SqlState::FOREIGN_KEY_VIOLATION, Kind::Conflict),
    (SqlState::LOCK_NOT_AVAILABLE, Kind::Locked),
    (SqlState::QUERY_CANCELED, Kind::Locked),
    (SqlState::OUT_OF_MEMORY, Kind::Locked),
    (SqlState::DISK_FULL, Kind::Full),
    (SqlState::IO_ERROR, Kind::Disk),
    (SqlState::TOO_MANY_CONNECTIONS, Kind::Unavailable),
    (SqlState::ADMIN_SHUTDOWN, Kind::Unavailable),
    (SqlState::CRASH_SHUTDOWN, Kind::Unavailable),
    (SqlState::CANNOT_CONNECT_NOW, Kind::Unavailable),
    (SqlState::READ_ONLY_SQL_TRANSACTION, Kind::Unavailable),
    (SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT, Kind::Unavailable),
    (SqlState::INVALID_PASSWORD, Kind::Unavailable),
    (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, Kind::Unavailable),
    (SqlState::UNDEFINED_DATABASE, Kind::Unavailable),
    (SqlState::CHARACTER_NOT_IN_REPERTOIRE, Kind::Nul),
    (SqlState::UNTRANSLATABLE_CHARACTER, Kind::Nul),
];

/// Of these, what is as it is until somebody changes it.
const SETTINGS: &[SqlState] = &[
    SqlState::INVALID_PASSWORD,
    SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    SqlState::UNDEFINED_DATABASE,
];

fn kind(state: &SqlState) -> Kind {
    if state.code().starts_with("08") {
        return Kind::Unavailable;
    }
    STATES.iter().find(|(known, _)| known == state).map_or(Kind::Engine, |(_, kind)| *kind)
}

/// The connection, its TLS or its log-in failed, rather than a value that did not fit.
fn is_broken(source: &tokio_postgres::Error) -> bool {
    let text = source.to_string();
    ["communicating", "connecting", "TLS", "authentication", "timeout", "unexpected message"]
        .iter()
        .any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_told_apart() {
        for (state, conflict, unavailable) in [
            ("40001", true, false),
            ("40P01", true, false),
            ("23505", true, false),
            ("08006", false, true),
            ("57P01", false, true),
            ("42601", false, false),
        ] {
            let kind = kind(&SqlState::from_code(state));
            assert_eq!(matches!(kind, Kind::Conflict), conflict, "{state}");
            assert_eq!(matches!(kind, Kind::Unavailable), unavailable, "{state}");
        }
    }
}
