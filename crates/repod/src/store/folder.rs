//! A folder. Bytes are written under a temporary name, flushed, and renamed; then the folder is flushed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use axum::body::Bytes;
use futures_util::{StreamExt, stream};
use nix::fcntl::{Flock, FlockArg};

use super::{Kept, Parts, StoreError};
use crate::error::StartError;

/// What is read at a time.
const PART: u64 = 256 << 10;
/// Where bytes are until they have their name.
const TEMPORARY: &str = "tmp";

pub struct Folder {
    at: Arc<PathBuf>,
    number: AtomicU64,
    /// Held as long as the folder is used.
    _lock: Flock<File>,
}

impl Folder {
    pub fn open(at: &Path) -> Result<Folder, StartError> {
        let wrong = |source| StartError::Folder { path: at.to_owned(), source };
        make(at).map_err(wrong)?;
        let lock = File::create(at.join("lock")).map_err(wrong)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|_| StartError::InUse { path: at.to_owned() })?;
        // What a crash left in the middle of being written.
        let temporary = at.join(TEMPORARY);
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(wrong)?;
        }
        make(&temporary).map_err(wrong)?;
        Ok(Folder { at: Arc::new(at.to_owned()), number: AtomicU64::new(0), _lock: lock })
    }

    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let temporary = self.at.join(TEMPORARY).join(number.to_string());
        self.act("write", name, move |path| {
            let written = File::create(&temporary).and_then(|mut file| {
                file.write_all(&bytes)?;
                file.sync_all()
            });
            let written = written.and_then(|()| rename(&temporary, &path));
            if written.is_err() {
                let _ = fs::remove_file(&temporary);
            }
            written
        })
        .await
    }

    /// The file is flushed and lies in the same file system.
    pub async fn put_file(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        let file = file.to_owned();
        self.act("move a file to", name, move |path| rename(&file, &path)).await
    }

    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.act("read", name, |path| present(fs::read(path)).map(|bytes| bytes.map(Bytes::from))).await
    }

    pub async fn look(&self, name: &str) -> Result<Option<Kept>, StoreError> {
        let look = |path: PathBuf| {
            let found = present(fs::metadata(path))?;
            found.map(|found| Ok(Kept { size: found.len(), since: since(&found)? })).transpose()
        };
        self.act("look at", name, look).await
    }

    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.act("delete", name, |path| present(fs::remove_file(path)).map(drop)).await
    }

    pub async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let within = folder.to_owned();
        let list = move |path: PathBuf| {
            let mut all = Vec::new();
            for entry in present(fs::read_dir(path))?.into_iter().flatten() {
                let entry = entry?;
                if let Some(found) = present(entry.metadata())?.filter(fs::Metadata::is_file) {
                    all.push((format!("{within}/{}", entry.file_name().to_string_lossy()), since(&found)?));
                }
            }
            Ok(all)
        };
        self.act("list", folder, list).await
    }

    pub async fn stream(&self, name: &str, from: u64, to: u64) -> Result<Parts, StoreError> {
        let open = move |path: PathBuf| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(from))?;
            Ok(file)
        };
        let file = self.act("open", name, open).await?;
        let name = name.to_owned();
        let parts = stream::try_unfold((file, to - from), move |(file, left)| {
            let name = name.clone();
            async move {
                if left == 0 {
                    return Ok(None);
                }
                let read = run(move || read_part(file, left.min(PART))).await;
                let (bytes, file) =
                    read.map_err(|source| StoreError::Folder { act: "read", name, source })?;
                let left = left - bytes.len() as u64;
                Ok(Some((bytes, (file, left))))
            }
        });
        Ok(parts.boxed())
    }

    async fn act<T: Send + 'static>(
        &self,
        act: &'static str,
        name: &str,
        work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let path = self.at.join(name);
        run(move || work(path)).await.map_err(|source| StoreError::Folder {
            act,
            name: name.to_owned(),
            source,
        })
    }
}

/// Disks may be slow: what waits for them waits elsewhere.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten()
}

fn read_part(mut file: File, len: u64) -> io::Result<(Bytes, File)> {
    let mut bytes = Vec::with_capacity(len as usize);
    if Read::by_ref(&mut file).take(len).read_to_end(&mut bytes)? as u64 != len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((Bytes::from(bytes), file))
}

fn since(found: &fs::Metadata) -> io::Result<u64> {
    Ok(found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// What is not there is no failure.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes the folders that a name needs, renames, and flushes what now leads to it.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        make(folder)?;
        if let Some(above) = folder.parent() {
            File::open(above)?.sync_all()?;
        }
    }
    fs::rename(from, to)?;
    File::open(folder)?.sync_all()
}
