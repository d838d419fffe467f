//! Where bytes are kept, by name: a folder, or an object store. Whatever is written is there whole or not at
//! all, also after a crash.

mod connect;
mod folder;
mod objects;

use std::io;
use std::path::Path;

use axum::body::Bytes;
use futures_util::stream::BoxStream;

use crate::Settings;
use crate::error::StartError;
use folder::Folder;
use objects::Objects;

pub use folder::{make, rename, run};

/// A part of a file as it is sent.
pub type Parts = BoxStream<'static, Result<Bytes, StoreError>>;

/// What could not be done with which name.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot {act} {name}")]
    Folder { act: &'static str, name: String, source: io::Error },
    #[error("cannot {act} {name}")]
    Objects { act: &'static str, name: String, source: Box<object_store::Error> },
    #[error("another process published meanwhile")]
    Lost,
}

impl StoreError {
    pub fn is_full(&self) -> bool {
        matches!(self, StoreError::Folder { source, .. } if is_full(source))
    }
}

pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What is known of bytes without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub size: u64,
    /// Seconds since 1970.
    pub since: u64,
}

/// Which writing of a name was read. Empty: nothing was there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tag(Option<String>);

pub enum Store {
    Folder(Folder),
    Objects(Objects),
}

impl Store {
    pub async fn open(settings: &Settings) -> Result<Store, StartError> {
        match &settings.s3 {
            None => Ok(Store::Folder(Folder::open(&settings.folder)?)),
            Some(s3) => Ok(Store::Objects(Objects::open(s3)?)),
        }
    }

    /// Whether others may write to the same names.
    pub fn is_shared(&self) -> bool {
        matches!(self, Store::Objects(_))
    }

    /// Keeps bytes whose name depends on them, so that it does not matter who was first.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        match self {
            Store::Folder(folder) => folder.put(name, bytes).await,
            Store::Objects(objects) => objects.put(name, bytes).await,
        }
    }

    /// Keeps a file, which is gone afterwards.
    pub async fn put_file(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        match self {
            Store::Folder(folder) => folder.put_file(name, file).await,
            Store::Objects(objects) => objects.put_file(name, file).await,
        }
    }

    /// The bytes and their tag, if they are there; for what fits into memory.
    pub async fn get(&self, name: &str) -> Result<Option<(Bytes, Tag)>, StoreError> {
        match self {
            Store::Folder(folder) => Ok(folder.get(name).await?.map(|bytes| (bytes, Tag(None)))),
            Store::Objects(objects) => objects.get(name).await,
        }
    }

    /// Writes a name that others may write too: only if it still is what was read.
    pub async fn replace(&self, name: &str, bytes: Vec<u8>, read: &Tag) -> Result<Tag, StoreError> {
        match self {
            // Nobody else has the folder's lock.
            Store::Folder(folder) => folder.put(name, bytes).await.map(|()| Tag(None)),
            Store::Objects(objects) => objects.replace(name, bytes, read).await,
        }
    }

    /// A stretch of a file, in parts. It is known to be there.
    pub async fn stream(&self, name: &str, from: u64, to: u64) -> Result<Parts, StoreError> {
        match self {
            Store::Folder(folder) => folder.stream(name, from, to).await,
            Store::Objects(objects) => objects.stream(name, from, to).await,
        }
    }

    pub async fn look(&self, name: &str) -> Result<Option<Kept>, StoreError> {
        match self {
            Store::Folder(folder) => folder.look(name).await,
            Store::Objects(objects) => objects.look(name).await,
        }
    }

    /// Also fine if it is not there.
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self {
            Store::Folder(folder) => folder.delete(name).await,
            Store::Objects(objects) => objects.delete(name).await,
        }
    }

    /// Names that begin with `FOLDER/`, and since when they are there.
    pub async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, StoreError> {
        match self {
            Store::Folder(kept) => kept.list(folder).await,
            Store::Objects(objects) => objects.list(folder).await,
        }
    }
}
