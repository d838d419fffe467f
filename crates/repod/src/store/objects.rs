//! An S3-compatible object store.

use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Name;
use object_store::{
    ClientOptions, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    UpdateVersion,
};
use tokio::io::AsyncReadExt;

use super::connect::Connect;
use super::{Kept, Parts, StoreError, Tag};
use crate::S3;
use crate::error::StartError;
use crate::settings::read_secret;

/// A file that is larger is sent in parts of this size: 10,000 are taken, so 160 GB at most.
const PART: usize = 16 << 20;

pub struct Objects {
    store: Arc<AmazonS3>,
    prefix: String,
}

impl Objects {
    pub fn open(s3: &S3) -> Result<Objects, StartError> {
        let secret = read_secret(&s3.secret_access_key_file)?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&s3.bucket)
            .with_region(&s3.region)
            .with_access_key_id(&s3.access_key_id)
            .with_secret_access_key(secret)
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_http_connector(Connect::new(&s3.ca_file)?);
        if !s3.endpoint.is_empty() {
            builder = builder.with_endpoint(&s3.endpoint).with_allow_http(s3.endpoint.starts_with("http://"));
        }
        let store = builder.build().map_err(|source| StoreError::Objects {
            act: "use the bucket",
            name: s3.bucket.clone(),
            source: Box::new(source),
        })?;
        Ok(Objects { store: Arc::new(store), prefix: s3.prefix.trim_matches('/').to_owned() })
    }

    fn name(&self, name: &str) -> Name {
        Name::from(format!("{}/{name}", self.prefix))
    }

    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.store.put(&self.name(name), bytes.into()).await.map_err(told("write", name)).map(drop)
    }

    pub async fn put_file(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        let broken = |source| StoreError::Folder { act: "read", name: name.to_owned(), source };
        let mut reader = tokio::fs::File::open(file).await.map_err(broken)?;
        let mut part = read_part(&mut reader).await.map_err(broken)?;
        if part.len() < PART {
            self.put(name, part).await?;
        } else {
            let wrong = told("write", name);
            let mut upload = self.store.put_multipart(&self.name(name)).await.map_err(&wrong)?;
            while !part.is_empty() {
                if let Err(error) = upload.put_part(part.into()).await {
                    let _ = upload.abort().await;
                    return Err(wrong(error));
                }
                part = read_part(&mut reader).await.map_err(broken)?;
            }
            upload.complete().await.map_err(wrong)?;
        }
        tokio::fs::remove_file(file).await.map_err(broken)
    }

    pub async fn get(&self, name: &str) -> Result<Option<(Bytes, Tag)>, StoreError> {
        let Some(found) = present(self.store.get(&self.name(name)).await).map_err(told("read", name))? else {
            return Ok(None);
        };
        let tag = Tag(found.meta.e_tag.clone());
        Ok(Some((found.bytes().await.map_err(told("read", name))?, tag)))
    }

    pub async fn replace(&self, name: &str, bytes: Vec<u8>, read: &Tag) -> Result<Tag, StoreError> {
        let mode = match &read.0 {
            Some(tag) => PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None }),
            None => PutMode::Create,
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.put_opts(&self.name(name), bytes.into(), options).await {
            Ok(put) => Ok(Tag(put.e_tag)),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Err(StoreError::Lost),
            Err(error) => Err(told("replace", name)(error)),
        }
    }

    pub async fn stream(&self, name: &str, from: u64, to: u64) -> Result<Parts, StoreError> {
        let range = (from < to).then_some(GetRange::Bounded(from..to));
        let options = GetOptions { range, ..GetOptions::default() };
        let found = self.store.get_opts(&self.name(name), options).await.map_err(told("read", name))?;
        let name = name.to_owned();
        Ok(found.into_stream().map_err(move |error| told("read", &name)(error)).boxed())
    }

    pub async fn look(&self, name: &str) -> Result<Option<Kept>, StoreError> {
        let found = present(self.store.head(&self.name(name)).await).map_err(told("look at", name))?;
        Ok(found.map(|found| Kept { size: found.size, since: since(&found) }))
    }

    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        present(self.store.delete(&self.name(name)).await).map_err(told("delete", name)).map(drop)
    }

    pub async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let within = self.name(folder);
        let all = self.store.list(Some(&within)).map_ok(|found| {
            (format!("{folder}/{}", found.location.filename().unwrap_or_default()), since(&found))
        });
        all.try_collect().await.map_err(told("list", folder))
    }
}

fn since(found: &object_store::ObjectMeta) -> u64 {
    u64::try_from(found.last_modified.timestamp()).unwrap_or_default()
}

fn told(act: &'static str, name: &str) -> impl Fn(Error) -> StoreError {
    move |source| StoreError::Objects { act, name: name.to_owned(), source: Box::new(source) }
}

fn present<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn read_part(file: &mut tokio::fs::File) -> std::io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(PART as u64).read_to_end(&mut part).await?;
    Ok(part)
}
