//! A shelf's indexes. Each is a chain of gzip members: a beginning, pages, an end. A page holds the texts of
//! the packages whose names hash alike, and is kept by the sum of what is on it: a change makes one page.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use repo::Sha256;
use repo::index::{Place, Sum, deb};
use ring::digest::{Context, SHA256};

use super::shelf::{IndexFile, Kind, Members, rpm_index};
use super::state::Entry;
use crate::blobs::{Blob, Blobs};
use crate::store::{Store, StoreError};

/// Packages on a page, about; and pages of a shelf at most.
const PAGE: usize = 128;
const MAX_PAGES: usize = 1024;
/// Files of the store read at a time.
const READS: usize = 16;
/// Part of each page's name: another text is another page.
const EDITION: &[u8] = b"1";
const LEVEL: Compression = Compression::new(6);

pub struct Builder {
    store: Arc<Store>,
    blobs: Blobs,
    /// Pages that are known to be there.
    known: Mutex<BTreeSet<String>>,
}

/// The sum of what is on a shelf, or a page.
pub fn digest<'a>(members: impl Iterator<Item = &'a Entry>) -> Sha256 {
    let mut sum = Context::new(&SHA256);
    sum.update(EDITION);
    for entry in members {
        sum.update(&entry.version.sha256.0);
        sum.update(&entry.card.as_ref().map_or(0, |card| card.since).to_be_bytes());
    }
    finished(sum)
}

fn finished(sum: Context) -> Sha256 {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(sum.finish().as_ref());
    Sha256(bytes)
}

/// An index as it grows.
struct Chain {
    packed: Vec<u8>,
    plain: Context,
    size: u64,
}

impl Chain {
    fn add(&mut self, packed: &[u8], plain: &[u8]) {
        self.packed.extend(packed);
        self.plain.update(plain);
        self.size += plain.len() as u64;
    }
}

impl Builder {
    pub fn new(store: Arc<Store>, blobs: Blobs) -> Builder {
        Builder { store, blobs, known: Mutex::new(BTreeSet::new()) }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets which pages are there, before some are swept.
    pub fn forget(&self) {
        self.known().clear();
    }

    /// Makes all indexes of a shelf, and keeps them.
    pub async fn build(&self, kind: &Kind, members: &Members<'_>) -> Result<Vec<IndexFile>, StoreError> {
        let pages = pages(members);
        let mut sums = Vec::new();
        for page in &pages {
            let sum = digest(page.iter().copied());
            self.page(kind, &sum, page).await?;
            sums.push(sum);
        }
        let mut files = Vec::new();
        for (place, index) in kind.indexes().iter().enumerate() {
            let mut chain = Chain { packed: Vec::new(), plain: Context::new(&SHA256), size: 0 };
            let (begin, end) = match kind {
                Kind::Deb(_) => (String::new(), ""),
                Kind::Rpm => (rpm_index(place).begin(members.len()), rpm_index(place).end()),
            };
            chain.add(&pack(begin.as_bytes()), begin.as_bytes());
            let reads: Vec<_> =
                sums.iter().map(|sum| read_page(self.store.clone(), page_name(sum, index)).boxed()).collect();
            let mut reads = stream::iter(reads).buffered(READS);
            while let Some((packed, plain)) = reads.try_next().await? {
                chain.add(&packed, &plain);
            }
            chain.add(&pack(end.as_bytes()), end.as_bytes());
            let packed = Sum { sha256: Sha256::of(&chain.packed), size: chain.packed.len() as u64 };
            let plain = Sum { sha256: finished(chain.plain), size: chain.size };
            self.store.put(&name(&packed.sha256), chain.packed).await?;
            files.push(IndexFile { plain, packed });
        }
        Ok(files)
    }

    /// Makes a page, if it is not there.
    async fn page(&self, kind: &Kind, sum: &Sha256, members: &[&Entry]) -> Result<(), StoreError> {
        let names: Vec<String> = kind.indexes().iter().map(|index| page_name(sum, index)).collect();
        let mut there = true;
        for name in &names {
            there = there && (self.known().contains(name) || self.store.look(name).await?.is_some());
        }
        if !there {
            let read = |entry: &&Entry| {
                let (blobs, sum) = (self.blobs.clone(), entry.version.sha256);
                async move { blobs.facts(&sum).await }.boxed()
            };
            let reads: Vec<_> = members.iter().map(read).collect();
            let blobs: Vec<Option<Blob>> = stream::iter(reads).buffered(READS).try_collect().await?;
            let mut texts = vec![String::new(); names.len()];
            for (entry, blob) in members.iter().zip(&blobs) {
                let (Some(card), Some(blob)) = (&entry.card, blob) else { continue };
                let sum = Sum { sha256: entry.version.sha256, size: blob.size };
                let place = Place { path: &card.path(&sum.sha256), sum, since: card.since };
                for (at, text) in texts.iter_mut().enumerate() {
                    text.push_str(&match kind {
                        Kind::Deb(_) => deb::paragraph(&blob.facts, &place),
                        Kind::Rpm => rpm_index(at).package(&blob.facts, &place),
                    });
                }
            }
            for (name, text) in names.iter().zip(texts) {
                self.store.put(name, pack(text.as_bytes())).await?;
            }
        }
        self.known().extend(names);
        Ok(())
    }

    /// Names of the pages of a shelf, for the sweep.
    pub fn names(kind: &Kind, members: &Members<'_>) -> Vec<String> {
        let pages = pages(members);
        let sums = pages.iter().map(|page| digest(page.iter().copied()));
        sums.flat_map(|sum| kind.indexes().iter().map(move |index| page_name(&sum, index))).collect()
    }
}

async fn read_page(store: Arc<Store>, name: String) -> Result<(Bytes, Vec<u8>), StoreError> {
    let broken = |source| StoreError::Folder { act: "unpack", name: name.clone(), source };
    let (packed, _) = store.get(&name).await?.ok_or_else(|| broken(std::io::ErrorKind::NotFound.into()))?;
    let mut plain = Vec::new();
    MultiGzDecoder::new(&packed[..]).read_to_end(&mut plain).map_err(broken)?;
    Ok((packed, plain))
}

/// Where an index is kept.
pub fn name(packed: &Sha256) -> String {
    format!("index/{packed}")
}

fn page_name(sum: &Sha256, index: &str) -> String {
    format!("pages/{sum}-{index}")
}

/// Divides by the hash of the name, so that what is added or goes leaves other pages as they are.
fn pages<'a>(members: &Members<'a>) -> Vec<Vec<&'a Entry>> {
    let number = (members.len() / PAGE).next_power_of_two().min(MAX_PAGES);
    let mut pages: BTreeMap<usize, Vec<&'a Entry>> = BTreeMap::new();
    for ((name, _), entry) in members {
        let sum = Sha256::of(name.as_bytes()).0;
        pages.entry((usize::from(sum[0]) << 8 | usize::from(sum[1])) % number).or_default().push(entry);
    }
    pages.into_values().collect()
}

/// The same bytes each time: no time and no name in it.
fn pack(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), LEVEL);
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("memory takes it")
}
