//! Keys that sign: a file each, readable to this program only. All of them sign, so that a key is rotated by
//! adding one, waiting until everybody has it, and dropping the other.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use repo::sign::Key;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;

use crate::error::StartError;
use crate::store::make;

/// Whose key it is, as clients are told.
const OWNER: &str = "neutrino software repository";
/// A file: this word, the time, the seed in hexadecimal.
const KIND: &str = "neutrino-ed25519";

/// The keys in a folder.
pub struct Keys {
    folder: PathBuf,
    all: RwLock<Arc<Vec<Key>>>,
}

/// A key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyShown {
    pub fingerprint: String,
    pub created_at: u32,
}

impl std::fmt::Display for KeyShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}  made {}", self.fingerprint, repo::index::date(self.created_at.into(), "UTC"))
    }
}

impl Keys {
    /// Reads the keys; makes the first one.
    pub fn open(folder: &Path) -> Result<Keys, StartError> {
        let mut all = read(folder)?;
        if all.is_empty() {
            add(folder)?;
            all = read(folder)?;
        }
        Ok(Keys { folder: folder.to_owned(), all: RwLock::new(Arc::new(all)) })
    }

    /// All keys, the oldest first.
    pub fn all(&self) -> Arc<Vec<Key>> {
        self.all.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Takes over what an operator added or dropped.
    pub(crate) fn look(&self) {
        let known = || self.all().iter().map(|key| key.public.id).collect::<Vec<_>>();
        match read(&self.folder) {
            Ok(all) if all.is_empty() => {}
            Ok(all) if all.iter().map(|key| key.public.id).eq(known()) => {}
            Ok(all) => {
                tracing::info!(keys = all.len(), "the keys that sign are others");
                *self.all.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(all);
            }
            Err(error) => tracing::warn!(%error, "keys stay as they were"),
        }
    }

    pub fn shown(&self) -> Vec<KeyShown> {
        self.all().iter().map(shown).collect()
    }

    /// Those in a folder, the oldest first; none is made, and no folder.
    pub fn kept(folder: &Path) -> Result<Vec<KeyShown>, StartError> {
        if !folder.exists() {
            return Ok(Vec::new());
        }
        Ok(read(folder)?.iter().map(shown).collect())
    }

    /// Adds a key to those in a folder.
    pub fn rotate(folder: &Path) -> Result<KeyShown, StartError> {
        Keys::open(folder)?;
        add(folder)
    }

    /// Drops a key, but never the last. `None`: there is no such key, or no other.
    pub fn retire(folder: &Path, fingerprint: &str) -> Result<Option<KeyShown>, StartError> {
        let all = read(folder)?;
        let found = all.iter().find(|key| key.public.id.to_string().eq_ignore_ascii_case(fingerprint));
        let Some(key) = found.filter(|_| all.len() > 1) else { return Ok(None) };
        let path = folder.join(file_name(&shown(key)));
        fs::remove_file(&path).map_err(|source| StartError::Folder { path, source })?;
        Ok(Some(shown(key)))
    }
}

fn shown(key: &Key) -> KeyShown {
    KeyShown { fingerprint: key.public.id.to_string(), created_at: key.created_at() }
}

fn file_name(key: &KeyShown) -> String {
    format!("{}.key", key.fingerprint)
}

fn add(folder: &Path) -> Result<KeyShown, StartError> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| StartError::Chance)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let created_at = u32::try_from(now).unwrap_or(u32::MAX);
    let key = shown(&Key::new(&seed, created_at, OWNER));
    let path = folder.join(file_name(&key));
    let seed: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{KIND} {created_at} {seed}\n");
    let temporary = folder.join(".new");
    let write = || {
        make(folder)?;
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        crate::store::rename(&temporary, &path)
    };
    write().map_err(|source| StartError::Folder { path: path.clone(), source })?;
    Ok(key)
}

fn read(folder: &Path) -> Result<Vec<Key>, StartError> {
    let wrong = |source| StartError::Folder { path: folder.to_owned(), source };
    make(folder).map_err(wrong)?;
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|ending| ending == "key") {
            let text = fs::read_to_string(&path)
                .map_err(|source| StartError::Folder { path: path.clone(), source })?;
            all.push(parse(&text).ok_or(StartError::Key { path })?);
        }
    }
    all.sort_by_key(|key| (key.created_at(), key.public.id));
    Ok(all)
}

fn parse(text: &str) -> Option<Key> {
    let mut words = text.split_whitespace();
    let (kind, created_at, seed) = (words.next()?, words.next()?, words.next()?);
    // A seed is written as a sum is: 32 bytes in hexadecimal.
    let seed: repo::Sha256 = seed.parse().ok()?;
    (kind == KIND).then_some(Key::new(&seed.0, created_at.parse().ok()?, OWNER))
}
