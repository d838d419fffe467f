//! Files that came in whole, by their sum; beside each, what it says of itself.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use repo::{Facts, Sha256};
use serde::{Deserialize, Serialize};

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
}

fn place(folder: &str, sum: &Sha256) -> String {
    let sum = sum.to_string();
    format!("{folder}/{}/{sum}", &sum[..2])
}

impl Blobs {
    pub fn new(store: Arc<Store>) -> Blobs {
        Blobs { store }
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
        let known = self.get(sum).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let blob = Blob { size, since: known.map_or(now, |known| known.since), facts };
        // Written again even if known: what a later release reads of a file may be more.
        let text = serde_json::to_vec(&blob).expect("facts are JSON");
        self.store.put(&place("facts", sum), text).await?;
        self.store.put_file(&place("blobs", sum), file).await?;
        Ok(blob)
    }

    pub async fn look(&self, sum: &Sha256) -> Result<Option<Kept>, StoreError> {
        self.store.look(&place("blobs", sum)).await
    }

    pub async fn stream(&self, sum: &Sha256, from: u64, to: u64) -> Result<Parts, StoreError> {
        self.store.stream(&place("blobs", sum), from, to).await
    }

    /// The file first, so that no file is without facts.
    pub async fn delete(&self, sum: &Sha256) -> Result<(), StoreError> {
        self.store.delete(&place("blobs", sum)).await?;
        self.store.delete(&place("facts", sum)).await
    }
}
