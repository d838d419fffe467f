//! `[database]`: where it is, and how long to wait for it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use db::{PostgresOptions, SqliteOptions};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub kind: DatabaseKind,
    pub path: PathBuf,
    pub sync_every_commit: bool,
    pub url: DatabaseUrl,
    /// Empty: the URL says it all.
    pub password_file: PathBuf,
    /// Empty: the system's certificates.
    pub ca_file: PathBuf,
    pub connections: usize,
    pub wait_s: u64,
    pub lock_timeout_s: u64,
    pub statement_timeout_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    Sqlite,
    Postgresql,
}

/// May hold a password, which is shown nowhere.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(pub String);

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.to_lowercase().contains("password") {
            return out.write_str("(hidden)");
        }
        match self.0.split_once("://").zip(self.0.rsplit_once('@')) {
            Some(((scheme, _), (before, place))) => {
                let user = before.split("://").nth(1).and_then(|user| user.split(':').next());
                write!(out, "{scheme}://{}@{place}", user.unwrap_or_default())
            }
            None => out.write_str(&self.0),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl Database {
    pub fn options(&self) -> db::Options {
        let named = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
        match self.kind {
            DatabaseKind::Sqlite => {
                SqliteOptions { sync_every_commit: self.sync_every_commit, ..SqliteOptions::new(&self.path) }
                    .into()
            }
            DatabaseKind::Postgresql => PostgresOptions {
                password_file: named(&self.password_file),
                ca_file: named(&self.ca_file),
                connections: self.connections,
                wait: Duration::from_secs(self.wait_s),
                lock_timeout: Duration::from_secs(self.lock_timeout_s),
                statement_timeout: Duration::from_secs(self.statement_timeout_s),
                ..PostgresOptions::new(&self.url.0)
            }
            .into(),
        }
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.kind == DatabaseKind::Postgresql {
            if self.url.0.is_empty() {
                bail!(
                    "database.kind = \"postgresql\" needs database.url, such as postgresql://neutrino@db/neutrino"
                );
            }
            if [self.wait_s, self.lock_timeout_s, self.statement_timeout_s, self.connections as u64]
                .contains(&0)
            {
                bail!("database.connections and the times of [database] must be more than 0");
            }
        }
        Ok(())
    }
}
