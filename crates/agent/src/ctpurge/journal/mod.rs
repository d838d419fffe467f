//! What is on disk: jobs before they are acknowledged, and which have ended.
//!
//! ```text
//! record   a line: checksum and JSON     a line that is torn or damaged counts as not there
//! ```
//! A file that only grows, and is written anew, without what is over, when it has grown long. One process
//! at a time has it.

mod record;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::CtpurgeError;
pub(super) use record::Record;

const HEADER: &str = "neutrino ctpurge journal 1\n";
/// The longest line that is read: the longest message, and what is around it.
const LINE_MAX: u64 = (model::purge::MAX_FRAME_BYTES + 4096) as u64;
/// Shorter files are not written anew.
const COMPACT_FROM: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    #[error("it has {0} bytes, as many as it may: wait until jobs have ended, or raise journal_max_bytes")]
    Full(u64),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("ctpurge is ending")]
    Closed,
}

#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
    /// Written anew when it is longer.
    compact_at: u64,
    /// What is on disk is not known: all is written anew before anything is added.
    broken: bool,
    /// Held as long as the journal is.
    _lock: File,
}

impl Journal {
    /// Opens the journal of a folder, and hands out what it holds, in order.
    pub fn open(dir: &Path, max_bytes: u64, mut take: impl FnMut(Record)) -> Result<Journal, CtpurgeError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(CtpurgeError::io("make the folder", dir))?;
        let lock = private().open(dir.join("lock")).map_err(CtpurgeError::io("open", dir.join("lock")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(CtpurgeError::Occupied(dir.to_owned())),
            Err(fs::TryLockError::Error(source)) => {
                return Err(CtpurgeError::io("lock", dir.join("lock"))(source));
            }
        }
        let path = dir.join("journal");
        let open = private().open(&path).map_err(CtpurgeError::io("open", &path))?;
        let whole = read(&open, &path, &mut take)?;
        // What is torn goes at once, and needs no space for that.
        open.set_len(whole).map_err(CtpurgeError::io("shorten", &path))?;
        let mut journal = Journal {
            dir: dir.to_owned(),
            file: open,
            bytes: whole,
            max_bytes,
            compact_at: COMPACT_FROM,
            broken: false,
            _lock: lock,
        };
        if whole == 0 {
            journal.write(HEADER.as_bytes()).map_err(CtpurgeError::io("write", &path))?;
            let synced = journal.file.sync_all().and_then(|()| File::open(dir)?.sync_all());
            synced.map_err(CtpurgeError::io("write", &path))?;
        }
        Ok(journal)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds records that are on disk when this returns, or are not there at all. `live` hands out all that
    /// still counts, for when the file is written anew.
    pub fn add(
        &mut self,
        records: &[Record],
        live: impl Fn(&mut dyn FnMut(&Record)),
    ) -> Result<(), JournalError> {
        let lines: Vec<u8> = records.iter().flat_map(Record::line).collect();
        if self.broken || self.bytes + lines.len() as u64 > self.max_bytes {
            self.write_anew(&live)?;
        }
        if self.bytes + lines.len() as u64 > self.max_bytes {
            return Err(JournalError::Full(self.bytes));
        }
        let before = self.bytes;
        let outcome = self.write(&lines).and_then(|()| self.file.sync_data());
        if outcome.is_err() {
            self.bytes = before;
            // After a failed sync nobody knows what of the file is on disk.
            self.broken = self.file.set_len(before).and_then(|()| self.file.sync_data()).is_err();
        }
        Ok(outcome?)
    }

    /// Adds that a job has ended. Lost with a crash, the job is done again, which harms nothing: so nobody waits.
    pub fn add_ended(
        &mut self,
        ended: &Record,
        live: impl Fn(&mut dyn FnMut(&Record)),
    ) -> Result<(), JournalError> {
        if self.broken || self.bytes > self.compact_at {
            self.write_anew(&live)?;
        }
        let before = self.bytes;
        if let Err(error) = self.write(&ended.line()) {
            self.bytes = before;
            self.broken |= self.file.set_len(before).is_err();
            return Err(error.into());
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn write_anew(&mut self, live: &impl Fn(&mut dyn FnMut(&Record))) -> io::Result<()> {
        let (path, beside) = (self.dir.join("journal"), self.dir.join("journal.new"));
        let _ = fs::remove_file(&beside);
        let outcome = (|| -> io::Result<()> {
            let mut out = BufWriter::new(private().open(&beside)?);
            let mut bytes = HEADER.len() as u64;
            let mut outcome = out.write_all(HEADER.as_bytes());
            live(&mut |record| {
                let line = record.line();
                bytes += line.len() as u64;
                if outcome.is_ok() {
                    outcome = out.write_all(&line);
                }
            });
            outcome?;
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            let dir = File::open(&self.dir)?;
            fs::rename(&beside, &path)?;
            // From here on the former file has no name: whatever fails, nothing is added to it.
            (self.file, self.bytes) = (file, bytes);
            self.compact_at = COMPACT_FROM.max(bytes * 2);
            let synced = dir.sync_all();
            self.broken = synced.is_err();
            synced
        })();
        if outcome.is_err() {
            let _ = fs::remove_file(&beside);
        }
        outcome
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options
}

/// Hands out the records; how many bytes are whole lines.
fn read(file: &File, path: &Path, take: &mut impl FnMut(Record)) -> Result<u64, CtpurgeError> {
    let broken = || CtpurgeError::io("read", path);
    let mut lines = BufReader::new(file);
    let (mut whole, mut damaged) = (0, 0u64);
    let mut line = Vec::new();
    loop {
        line.clear();
        let len = lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).map_err(broken())?;
        let ends = line.last() == Some(&b'\n');
        if len == 0 || !ends && (len as u64) < LINE_MAX {
            break;
        }
        if whole == 0 && line != HEADER.as_bytes() {
            return Err(CtpurgeError::OtherRelease(path.to_owned()));
        }
        if whole > 0 {
            match Record::parse(&line) {
                Some(record) => take(record),
                None => damaged += 1,
            }
        }
        whole += len as u64;
    }
    if damaged > 0 {
        tracing::error!(damaged, journal = %path.display(), "lines of the journal are damaged, their jobs are lost");
    }
    if whole == 0 && !line.is_empty() && !HEADER.as_bytes().starts_with(&line) {
        return Err(CtpurgeError::OtherRelease(path.to_owned()));
    }
    Ok(whole)
}

#[cfg(test)]
mod tests;
