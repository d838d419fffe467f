//! Files that came in whole, by their sum; beside each, what it says of itself.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use repo::{Facts, Sha256};
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

use crate::error::Refusal;
use crate::store::{Kept, Parts, Store, StoreError};

/// A file's facts as they are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Blob {
    pub size: u64,
    /// When it came first, in seconds since 1970.
    pub since: u64,
    pub facts: Facts,
}

#[derive(Clone)]
pub struct Blobs {
    store: Arc<Store>,
    /// Shared by files that come, held alone by one that goes: of the same file, one is first.
    coming: Arc<RwLock<()>>,
}

fn place(folder: &str, sum: &Sha256) -> String {
    let sum = sum.to_string();
    format!("{folder}/{}/{sum}", &sum[..2])
}

impl Blobs {
    pub fn new(store: Arc<Store>) -> Blobs {
        Blobs { store, coming: Arc::default() }
    }

    /// What is known of a file that is here.
    pub async fn get(&self, sum: &Sha256) -> Result<Option<Blob>, StoreError> {
        if self.look(sum).await?.is_none() {
            return Ok(None);
        }
        self.facts(sum).await
    }

    /// The same of one that is known to be here.
    pub async fn facts(&self, sum: &Sha256) -> Result<Option<Blob>, StoreError> {
        let found = self.store.get(&place("facts", sum)).await?;
        Ok(found.and_then(|(bytes, _)| match serde_json::from_slice(&bytes) {
            Ok(blob) => Some(blob),
            Err(error) => {
                tracing::error!(%error, blob.sha256 = %sum, "facts cannot be read; upload the file again");
                None
            }
        }))
    }

    /// Moves a file to its place. Its facts come first: a file that is there has some.
    pub async fn put(&self, sum: &Sha256, size: u64, facts: Facts, file: &Path) -> Result<Blob, StoreError> {
        let _coming = self.coming.read().await;
        let known = self.get(sum).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let blob = Blob { size, since: known.map_or(now, |known| known.since), facts };
        // Written again even if known: what a later release reads of a file may be more.
        let text = serde_json::to_vec(&blob).expect("facts are JSON");
        self.store.put(&place("facts", sum), text).await?;
        self.store.put_file(&place("blobs", sum), file).await?;
        Ok(blob)
    }

    /// Somebody brings a file again that is here: it counts as used from this moment on.
    pub async fn again(&self, sum: &Sha256) -> Result<Option<Blob>, StoreError> {
        let _coming = self.coming.read().await;
        let found = self.get(sum).await?;
        if let Some(blob) = &found {
            let text = serde_json::to_vec(blob).expect("facts are JSON");
            self.store.put(&place("facts", sum), text).await?;
        }
        Ok(found)
    }

    pub async fn look(&self, sum: &Sha256) -> Result<Option<Kept>, StoreError> {
        self.store.look(&place("blobs", sum)).await
    }

    pub async fn stream(&self, sum: &Sha256, from: u64, to: u64) -> Result<Parts, StoreError> {
        self.store.stream(&place("blobs", sum), from, to).await
    }

    /// The file first, so that no file is without facts. Not one that was brought in the last seconds: whoever
    /// brought it may be about to say so.
    pub async fn delete(&self, sum: &Sha256, unused_s: u64) -> Result<(), Refusal> {
        let _alone = self.coming.try_write().map_err(|_| Refusal::Busy)?;
        if unused_s > 0
            && let Some(facts) = self.store.look(&place("facts", sum)).await?
        {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            if facts.since.saturating_add(unused_s) > now {
                return Err(Refusal::Busy);
            }
        }
        self.store.delete(&place("blobs", sum)).await?;
        Ok(self.store.delete(&place("facts", sum)).await?)
    }
}
