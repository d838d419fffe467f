//! Files that come in: bit by bit, over broken connections and restarts, until their sum is right. What has
//! not come whole is known to nobody but who sends it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use repo::{Facts, Format, Sha256};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter};
use uuid::Uuid;

use crate::Settings;
use crate::blobs::{Blob, Blobs};
use crate::error::{Refusal, StartError};
use crate::store::{make, rename, run};

/// Without a byte for so long, a body is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// What is written at a time.
const WRITE: usize = 1 << 20;
/// Between two looks at what space is left.
const LOOK_BYTES: u64 = 32 << 20;
/// Files whose facts are read at a time: it takes memory.
const READERS: usize = 2;

/// What a client says of a file before it comes; it must prove right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Claim {
    pub name: Option<String>,
    pub version: Option<String>,
    pub architecture: Option<String>,
    pub format: Option<Format>,
    pub size: Option<u64>,
    pub sha256: Option<Sha256>,
}

/// An upload as it is kept beside its bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    claim: Claim,
    /// Set before the file is moved to its place: finishing again answers the same.
    done: Option<Sha256>,
}

struct Upload {
    kept: Kept,
    /// The sum of the first so many bytes.
    sum: Context,
    summed: u64,
}

/// An upload, and who writes to it.
struct Slot {
    /// It takes no space any more.
    done: AtomicBool,
    upload: tokio::sync::Mutex<Upload>,
}

type Shared = Arc<Slot>;

fn slot(kept: Kept) -> Shared {
    let done = AtomicBool::new(kept.done.is_some());
    Arc::new(Slot {
        done,
        upload: tokio::sync::Mutex::new(Upload { kept, sum: Context::new(&SHA256), summed: 0 }),
    })
}

pub struct Uploads {
    folder: PathBuf,
    max_bytes: u64,
    max_number: usize,
    min_free: u64,
    idle: Duration,
    all: Mutex<BTreeMap<Uuid, Shared>>,
    readers: tokio::sync::Semaphore,
}

impl Uploads {
    /// Knows again what was under way before a restart.
    pub async fn open(settings: &Settings) -> Result<Uploads, StartError> {
        let folder = settings.folder.join("uploads");
        let wrong = |source| StartError::Folder { path: folder.clone(), source };
        make(&folder).map_err(wrong)?;
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(id) = name.strip_suffix(".json").and_then(|id| id.parse::<Uuid>().ok()) else {
                continue;
            };
            let text = fs::read(&path).map_err(wrong)?;
            if let Ok(kept) = serde_json::from_slice(&text) {
                all.insert(id, slot(kept));
            }
        }
        Ok(Uploads {
            folder,
            max_bytes: settings.max_file_bytes,
            max_number: settings.max_uploads,
            min_free: settings.min_free_bytes,
            idle: Duration::from_secs(settings.upload_idle_s),
            all: Mutex::new(all),
            readers: tokio::sync::Semaphore::new(READERS),
        })
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Uuid, Shared>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn count(&self) -> usize {
        self.all().len()
    }

    fn find(&self, id: Uuid) -> Result<Shared, Refusal> {
        self.all().get(&id).cloned().ok_or(Refusal::NotFound)
    }

    fn bytes(&self, id: Uuid) -> PathBuf {
        self.folder.join(format!("{id}.part"))
    }

    /// Begins an upload.
    pub async fn begin(&self, claim: Claim) -> Result<Uuid, Refusal> {
        if claim.size.is_some_and(|size| size > self.max_bytes) {
            return Err(Refusal::TooLarge(self.max_bytes));
        }
        self.has_space(claim.size.unwrap_or_default())?;
        let id = Uuid::new_v4();
        let kept = Kept { claim, done: None };
        let slot = slot(kept.clone());
        // Until its files are there, it is at work: the sweep leaves it alone.
        let _at_work = slot.upload.try_lock().expect("nobody else knows it");
        {
            let mut all = self.all();
            if all.values().filter(|slot| !slot.done.load(Ordering::Relaxed)).count() >= self.max_number {
                return Err(Refusal::TooManyUploads(self.max_number));
            }
            all.insert(id, slot.clone());
        }
        let made = async {
            File::create_new(self.bytes(id)).await?;
            self.keep(id, &kept).await
        };
        if let Err(error) = made.await {
            self.forget(id).await;
            return Err(error.into());
        }
        Ok(id)
    }

    async fn keep(&self, id: Uuid, kept: &Kept) -> std::io::Result<()> {
        let (path, text) = (self.folder.join(format!("{id}.json")), serde_json::to_vec(kept)?);
        run(move || {
            let temporary = path.with_extension("new");
            fs::write(&temporary, text)?;
            fs::File::open(&temporary)?.sync_all()?;
            rename(&temporary, &path)
        })
        .await
    }

    /// The sum of one that was finished; not while somebody is at it.
    pub fn finished_as(&self, id: Uuid) -> Result<Option<Sha256>, Refusal> {
        let slot = self.find(id)?;
        Ok(slot.upload.try_lock().ok().and_then(|upload| upload.kept.done))
    }

    /// How many bytes are here.
    pub async fn offset(&self, id: Uuid) -> Result<u64, Refusal> {
        let slot = self.find(id)?;
        match tokio::fs::metadata(self.bytes(id)).await {
            Ok(found) => Ok(found.len()),
            // It was finished: it came whole.
            Err(_) => Ok(slot.upload.lock().await.kept.claim.size.unwrap_or_default()),
        }
    }

    /// Adds bytes at an offset, which must be where the file ends.
    pub async fn append(&self, id: Uuid, offset: u64, body: &mut Incoming) -> Result<u64, Refusal> {
        let slot = self.find(id)?;
        let mut upload = slot.upload.try_lock().map_err(|_| Refusal::Busy)?;
        let mut options = tokio::fs::OpenOptions::new();
        let mut file = options.write(true).open(self.bytes(id)).await.map_err(gone)?;
        let mut at = file.seek(std::io::SeekFrom::End(0)).await?;
        if at != offset {
            return Err(Refusal::Offset(at));
        }
        let most = upload.kept.claim.size.unwrap_or(u64::MAX).min(self.max_bytes);
        let mut file = BufWriter::with_capacity(WRITE, file);
        // Kept again when all is on disk: who breaks off meanwhile leaves no sum of bytes that are not there.
        let mut sum = std::mem::replace(&mut upload.sum, Context::new(&SHA256));
        let mut summed = std::mem::take(&mut upload.summed);
        let outcome = loop {
            match tokio::time::timeout(SILENCE, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    let after = at + bytes.len() as u64;
                    if after > most {
                        break Err(Refusal::TooLarge(most));
                    }
                    if (at / LOOK_BYTES != after / LOOK_BYTES || at == offset)
                        && let Err(full) = self.has_space(0)
                    {
                        break Err(full);
                    }
                    if summed == at {
                        sum.update(&bytes);
                        summed = after;
                    }
                    if let Err(error) = file.write_all(&bytes).await {
                        break Err(error.into());
                    }
                    at = after;
                }
                Ok(None) => break Ok(()),
                _ => break Err(Refusal::BodyBroken),
            }
        };
        // What came counts, also where no more came: it need not come again.
        let flushed = async {
            file.flush().await?;
            file.get_ref().sync_data().await
        };
        let flushed = flushed.await;
        // The sum must be that of what is on disk, whatever became of the last bytes.
        flushed?;
        if !matches!(outcome, Err(Refusal::Full | Refusal::Spool(_))) {
            (upload.sum, upload.summed) = (sum, summed);
        }
        outcome.map(|()| at)
    }

    /// The file is whole: it is checked, read and moved to its place.
    pub async fn finish(&self, id: Uuid, blobs: &Blobs) -> Result<(Sha256, Blob), Refusal> {
        let slot = self.find(id)?;
        let mut upload = slot.upload.try_lock().map_err(|_| Refusal::Busy)?;
        let path = self.bytes(id);
        if let Some(done) = upload.kept.done
            && !path.exists()
        {
            return Ok((done, blobs.again(&done).await?.ok_or(Refusal::NotFound)?));
        }
        let size = tokio::fs::metadata(&path).await.map_err(gone)?.len();
        let claim = upload.kept.claim.clone();
        if let Some(wanted) = claim.size.filter(|wanted| *wanted != size) {
            return Err(Refusal::Incomplete(size, wanted));
        }
        let sum = self.sum(&mut upload, &path, size).await?;
        if claim.sha256.is_some_and(|wanted| wanted != sum) {
            return Err(Refusal::Sum(sum));
        }
        let facts = self.read(&path, size).await?;
        compare(&claim, &facts)?;
        upload.kept.done = Some(sum);
        upload.kept.claim.size = Some(size);
        self.keep(id, &upload.kept).await?;
        slot.done.store(true, Ordering::Relaxed);
        Ok((sum, blobs.put(&sum, size, facts, &path).await?))
    }

    /// The sum of what came; of what came before a restart by reading it again.
    async fn sum(&self, upload: &mut Upload, path: &Path, size: u64) -> Result<Sha256, Refusal> {
        if upload.summed != size {
            let mut file = File::open(path).await?;
            let (mut sum, mut part) = (Context::new(&SHA256), vec![0; 256 << 10]);
            loop {
                let read = file.read(&mut part).await?;
                if read == 0 {
                    break;
                }
                sum.update(&part[..read]);
            }
            (upload.sum, upload.summed) = (sum, size);
        }
        let mut sum = [0; 32];
        sum.copy_from_slice(upload.sum.clone().finish().as_ref());
        Ok(Sha256(sum))
    }

    async fn read(&self, path: &Path, size: u64) -> Result<Facts, Refusal> {
        let _turn = self.readers.acquire().await.expect("never closed");
        let file = std::fs::File::open(path)?;
        let read = run(move || Ok(repo::read(std::io::BufReader::new(file), size))).await?;
        Ok(read?)
    }

    /// Forgets an upload and its bytes.
    pub async fn delete(&self, id: Uuid) -> Result<(), Refusal> {
        let slot = self.find(id)?;
        let _alone = slot.upload.try_lock().map_err(|_| Refusal::Busy)?;
        self.forget(id).await;
        Ok(())
    }

    async fn forget(&self, id: Uuid) {
        let _ = tokio::fs::remove_file(self.bytes(id)).await;
        let _ = tokio::fs::remove_file(self.folder.join(format!("{id}.json"))).await;
        self.all().remove(&id);
    }

    /// Forgets what nobody goes on with.
    pub async fn sweep(&self) {
        let ids: Vec<Uuid> = self.all().keys().copied().collect();
        for id in ids {
            let files = [self.bytes(id), self.folder.join(format!("{id}.json"))];
            let touched =
                files.iter().filter_map(|file| fs::metadata(file).and_then(|found| found.modified()).ok());
            let age = touched.max().map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
            if age.is_none_or(|age| age > self.idle) && self.delete(id).await.is_ok() {
                tracing::info!(upload.id = %id, "an upload that nobody went on with is forgotten");
            }
        }
    }

    fn has_space(&self, wanted: u64) -> Result<(), Refusal> {
        let found = nix::sys::statvfs::statvfs(&self.folder).map_err(std::io::Error::from)?;
        let free = found.blocks_available() as u64 * found.fragment_size() as u64;
        if free < self.min_free.saturating_add(wanted) { Err(Refusal::Full) } else { Ok(()) }
    }
}

/// A file that is not there was finished, or deleted meanwhile.
fn gone(error: std::io::Error) -> Refusal {
    if error.kind() == std::io::ErrorKind::NotFound { Refusal::NotFound } else { error.into() }
}

/// What was said of a file must be so. An archive says nothing that could differ.
fn compare(claim: &Claim, facts: &Facts) -> Result<(), Refusal> {
    if let Some(wanted) = claim.format.filter(|wanted| *wanted != facts.format) {
        let text = |format: Format| format!("{format:?}").to_lowercase();
        return Err(Refusal::Differs { what: "format", says: text(facts.format), wanted: text(wanted) });
    }
    if facts.format == Format::Archive {
        return Ok(());
    }
    for (what, wanted, says) in [
        ("name", &claim.name, &facts.name),
        ("version", &claim.version, &facts.version),
        ("architecture", &claim.architecture, &facts.architecture),
    ] {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != says) {
            return Err(Refusal::Differs { what, says: says.clone(), wanted: wanted.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
