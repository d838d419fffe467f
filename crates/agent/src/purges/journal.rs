//! The agent's list of purges on disk: lines of what waits and of what is done, and written anew when
//! there are many.
//!
//! Nobody waits for the disk: a machine that loses what was not on it yet has lost its connections as
//! well, and what ends the agent alone leaves what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use model::PortId;
use model::desired::Key;
use model::purge::{Job, JobId};
use serde::{Deserialize, Serialize};

/// Shorter files are not written anew.
const ANEW_FROM: u64 = 1 << 20;

/// A job that waits.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub job: Job,
    /// Revoked until it is done.
    pub ports: BTreeSet<PortId>,
    /// Must be in place before the job makes sense.
    pub cause: Key,
    /// As the cause.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub causes: BTreeSet<Key>,
}

#[derive(Serialize, Deserialize)]
struct Done {
    done: JobId,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Read {
    Done(Done),
    Waits(Box<Entry>),
}

pub(super) struct Journal {
    path: PathBuf,
    /// `None` until all was written once by this agent, when nothing waits, and after a failure.
    file: Option<File>,
    bytes: u64,
    anew_at: u64,
}

impl Journal {
    /// What is there comes back; what cannot be read is said, and found again by what the kernel has.
    pub fn open(path: PathBuf) -> (Journal, BTreeMap<JobId, Entry>) {
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "purges that wait cannot be read");
                Vec::new()
            }
        };
        let mut all = BTreeMap::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Read::Waits(entry)) => drop(all.insert(entry.job.id, *entry)),
                Ok(Read::Done(Done { done })) => drop(all.remove(&done)),
                Err(error) => tracing::error!(%error, path = %path.display(), "a purge cannot be read"),
            }
        }
        (Journal { path, file: None, bytes: 0, anew_at: ANEW_FROM }, all)
    }

    /// Notes what came or changed, and what is done; `all` is what waits then. A disk that cannot be written
    /// is said; the purges are still handed over.
    pub fn note<'a>(
        &mut self,
        came: impl IntoIterator<Item = &'a Entry>,
        done: &[JobId],
        all: &BTreeMap<JobId, Entry>,
    ) {
        if let Err(error) = self.try_note(came, done, all) {
            tracing::error!(%error, path = %self.path.display(), "purges that wait are not on disk");
            self.file = None;
        }
    }

    /// As after many changes at once.
    pub fn note_all(&mut self, all: &BTreeMap<JobId, Entry>) {
        self.file = None;
        self.note([], &[], all);
    }

    fn try_note<'a>(
        &mut self,
        came: impl IntoIterator<Item = &'a Entry>,
        done: &[JobId],
        all: &BTreeMap<JobId, Entry>,
    ) -> io::Result<()> {
        if all.is_empty() {
            self.file = None;
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let Some(file) = self.file.as_mut().filter(|_| self.bytes <= self.anew_at) else {
            return self.write_anew(all);
        };
        let mut text = Vec::new();
        for entry in came {
            line(&mut text, entry)?;
        }
        for done in done {
            line(&mut text, &Done { done: *done })?;
        }
        self.bytes += text.len() as u64;
        // At once, so that a line is torn only by what kills the machine.
        file.write_all(&text)
    }

    fn write_anew(&mut self, all: &BTreeMap<JobId, Entry>) -> io::Result<()> {
        let mut text = Vec::new();
        for entry in all.values() {
            line(&mut text, entry)?;
        }
        fs::create_dir_all(self.path.parent().unwrap_or(&self.path))?;
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, &text)?;
        fs::rename(&fresh, &self.path)?;
        self.file = Some(OpenOptions::new().append(true).open(&self.path)?);
        self.bytes = text.len() as u64;
        self.anew_at = ANEW_FROM.max(self.bytes * 2);
        Ok(())
    }
}

fn line(text: &mut Vec<u8>, said: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *text, said)?;
    text.push(b'\n');
    Ok(())
}
