//! The agent's list of purges on disk: one file, written whole and put in place of the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use model::PortId;
use model::desired::Key;
use model::purge::{Job, JobId};
use serde::{Deserialize, Serialize};

/// A job that waits.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub job: Job,
    /// Revoked until it is done.
    pub ports: BTreeSet<PortId>,
    /// Must be in place before the job makes sense.
    pub cause: Key,
}

pub(super) struct Journal {
    path: PathBuf,
}

impl Journal {
    pub fn new(path: PathBuf) -> Journal {
        Journal { path }
    }

    /// What is there; what cannot be read is said, and found again by what the kernel still has.
    pub fn read(&self) -> BTreeMap<JobId, Entry> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
            Err(error) => {
                tracing::error!(%error, path = %self.path.display(), "purges that wait cannot be read");
                return BTreeMap::new();
            }
        };
        let mut all = BTreeMap::new();
        for line in text.lines() {
            match serde_json::from_str::<Entry>(line) {
                Ok(entry) => drop(all.insert(entry.job.id, entry)),
                Err(error) => tracing::error!(%error, path = %self.path.display(), "a purge cannot be read"),
            }
        }
        all
    }

    /// A disk that cannot be written is said; the purges are still handed over.
    pub fn write(&self, all: &BTreeMap<JobId, Entry>) {
        if let Err(error) = self.try_write(all) {
            tracing::error!(%error, path = %self.path.display(), "purges that wait are not on disk");
        }
    }

    fn try_write(&self, all: &BTreeMap<JobId, Entry>) -> io::Result<()> {
        if all.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let mut text = Vec::new();
        for entry in all.values() {
            serde_json::to_writer(&mut text, entry)?;
            text.push(b'\n');
        }
        let dir = self.path.parent().unwrap_or(&self.path);
        fs::create_dir_all(dir)?;
        let fresh = self.path.with_extension("new");
        let mut file = fs::File::create(&fresh)?;
        file.write_all(&text)?;
        file.sync_data()?;
        fs::rename(&fresh, &self.path)?;
        fs::File::open(dir)?.sync_all()
    }
}
