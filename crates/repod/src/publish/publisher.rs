//! One change at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use repo::Sha256;
use serde::Serialize;
use tokio::sync::{Mutex, MutexGuard};

use super::build::{self, Builder};
use super::shelf::{KEPT, Kind, Members, Scope, Shelf, sort};
use super::state::{ALL, Card, Entry, Published};
use super::wanted::{Change, Version, Wanted, check};
use crate::blobs::Blobs;
use crate::error::{Refusal, StartError};
use crate::settings::Settings;
use crate::store::{Store, StoreError, Tag};

const DOCUMENT: &str = "publication.json";
/// Indexes and pages that nobody names are kept so long: a publication may be about to.
const LEFTOVER_S: u64 = 3600;
const READS: usize = 16;
/// Ids told of in one answer.
const MAX_TOLD: usize = 1000;

/// What became of what was wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub revision: u64,
    pub versions: usize,
    /// Those whose file is here.
    pub listed: usize,
    /// Ids of those whose file is not, the first thousand.
    pub missing: Vec<String>,
    /// Shelves that were made again.
    pub rebuilt: usize,
}

pub struct Publisher {
    store: Arc<Store>,
    blobs: Blobs,
    builder: Builder,
    architectures: Vec<String>,
    /// What is shared is on shelves.
    shared: bool,
    /// Held while something is published or deleted.
    turn: Mutex<Tag>,
    published: RwLock<Arc<Published>>,
}

impl Publisher {
    pub async fn open(store: Arc<Store>, blobs: Blobs, settings: &Settings) -> Result<Publisher, StartError> {
        let (published, tag) = match store.get(DOCUMENT).await? {
            Some((text, tag)) => (Published::read(&text).map_err(StartError::Published)?, tag),
            None => (Published::default(), Tag::default()),
        };
        let publisher = Publisher {
            builder: Builder::new(store.clone(), blobs.clone()),
            store,
            blobs,
            architectures: settings.architectures.clone(),
            shared: settings.shared_on_shelves,
            turn: Mutex::new(tag),
            published: RwLock::new(Arc::new(published)),
        };
        // The shelves that everybody has, also before anything is published.
        let mut turn = publisher.turn.lock().await;
        let published = publisher.published();
        match publisher.replace(&mut turn, published.revision, published.entries.clone()).await {
            Ok(_) | Err(Refusal::Store(StoreError::Lost)) => {}
            Err(Refusal::Store(error)) => return Err(error.into()),
            Err(error) => tracing::error!(%error, "what is published stays as it was"),
        }
        drop(turn);
        Ok(publisher)
    }

    /// What is published, as of now.
    pub fn published(&self) -> Arc<Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where indexes are.
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn show(&self, published: Published) {
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(published);
    }

    /// Publishes the whole of what is wanted.
    pub async fn put(&self, wanted: Wanted) -> Result<Outcome, Refusal> {
        check(&wanted.versions)?;
        let mut turn = self.turn.lock().await;
        self.catch_up(&mut turn).await?;
        let before = self.published();
        if wanted.revision < before.revision {
            return Err(Refusal::Stale(before.revision));
        }
        let entries = wanted.versions.into_iter().map(|version| entry(version, &before)).collect();
        self.replace(&mut turn, wanted.revision, entries).await
    }

    /// Publishes a change of what was published.
    pub async fn patch(&self, change: Change) -> Result<Outcome, Refusal> {
        check(&change.put)?;
        let mut turn = self.turn.lock().await;
        self.catch_up(&mut turn).await?;
        let before = self.published();
        if change.after != before.revision || change.revision <= change.after {
            return Err(Refusal::Stale(before.revision));
        }
        let mut entries = before.entries.clone();
        entries.retain(|id, _| !change.drop.contains(id));
        entries.extend(change.put.into_iter().map(|version| entry(version, &before)));
        self.replace(&mut turn, change.revision, entries).await
    }

    /// A file came: is it one that was missed?
    pub async fn came(&self, sum: &Sha256) -> Result<(), Refusal> {
        if self.published().of_sum(sum).all(|entry| entry.card.is_some()) {
            return Ok(());
        }
        let mut turn = self.turn.lock().await;
        let before = self.published();
        self.replace(&mut turn, before.revision, before.entries.clone()).await.map(drop)
    }

    /// Deletes a file that nobody is told of; or, by force, one that somebody is. Not one that came in the last
    /// `unused_s` seconds.
    pub async fn delete(&self, sum: &Sha256, force: bool, unused_s: u64) -> Result<(), Refusal> {
        let mut turn = self.turn.lock().await;
        self.catch_up(&mut turn).await?;
        let before = self.published();
        if let Some(entry) = before.of_sum(sum).find(|entry| entry.card.is_some()) {
            if !force {
                return Err(Refusal::Published(entry.version.id.clone()));
            }
            let mut entries = before.entries.clone();
            for entry in entries.values_mut().filter(|entry| entry.version.sha256 == *sum) {
                entry.card = None;
            }
            self.publish(&mut turn, before.revision, entries).await?;
        } else if self.blobs.look(sum).await?.is_none() {
            return Err(Refusal::NotFound);
        }
        self.blobs.delete(sum, unused_s).await
    }

    /// Looks for files that are missed, then publishes.
    async fn replace(
        &self,
        turn: &mut MutexGuard<'_, Tag>,
        revision: u64,
        mut entries: BTreeMap<String, Entry>,
    ) -> Result<Outcome, Refusal> {
        let look = |version: &Version| {
            let (blobs, version) = (self.blobs.clone(), version.clone());
            let look = async move {
                let blob = blobs.get(&version.sha256).await?;
                let card = blob.and_then(|blob| Card::of(&version, &blob));
                Ok::<_, StoreError>((version.id, card))
            };
            look.boxed()
        };
        let missed = entries.values().filter(|entry| entry.card.is_none());
        let looks: Vec<_> = missed.map(|entry| look(&entry.version)).collect();
        let found: Vec<_> = stream::iter(looks).buffer_unordered(READS).try_collect().await?;
        for (id, card) in found {
            if let Some(entry) = entries.get_mut(&id) {
                entry.card = card;
            }
        }
        self.publish(turn, revision, entries).await
    }

    async fn publish(
        &self,
        turn: &mut MutexGuard<'_, Tag>,
        revision: u64,
        entries: BTreeMap<String, Entry>,
    ) -> Result<Outcome, Refusal> {
        let before = self.published();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let at = now.max(before.at); // clients refuse what is older than what they have
        let (shelves, rebuilt) = self.shelves(&before, &entries, revision, at).await?;
        let missing: Vec<&Entry> = entries.values().filter(|entry| entry.card.is_none()).collect();
        let outcome = Outcome {
            revision,
            versions: entries.len(),
            listed: entries.len() - missing.len(),
            missing: missing.iter().take(MAX_TOLD).map(|entry| entry.version.id.clone()).collect(),
            rebuilt,
        };
        if revision == before.revision && entries == before.entries && rebuilt == 0 {
            return Ok(outcome);
        }
        let published = Published::new(revision, at, entries, shelves);
        **turn = self.store.replace(DOCUMENT, published.write(), turn).await?;
        self.show(published);
        tracing::info!(revision, versions = outcome.versions, listed = outcome.listed, rebuilt, "published");
        Ok(outcome)
    }

    /// The shelves as they are to be; those that did not change are kept as they are.
    async fn shelves(
        &self,
        before: &Published,
        entries: &BTreeMap<String, Entry>,
        revision: u64,
        at: u64,
    ) -> Result<(BTreeMap<(Scope, Kind), Shelf>, usize), Refusal> {
        let mut wanted = sort(entries, self.shared);
        // A shelf that was emptied stays: who saw what was on it has to be told.
        let all = || [Kind::Deb(ALL.to_owned()), Kind::Rpm];
        let usual = self.architectures.iter().map(|name| Kind::Deb(name.clone())).chain(all());
        let usual = usual.map(|kind| (Scope::Main, kind)).chain(all().map(|kind| (Scope::nobody(), kind)));
        for key in before.shelves.keys().cloned().chain(usual) {
            wanted.entry(key).or_default();
        }
        let (mut shelves, mut rebuilt) = (BTreeMap::new(), 0);
        for (key, members) in wanted {
            let digest = build::digest(members.values().copied());
            let old = before.shelves.get(&key);
            let shelf = match old.filter(|old| old.digest == digest) {
                Some(old) => old.clone(),
                None => {
                    rebuilt += 1;
                    let files = self.builder.build(&key.1, &members).await?;
                    let generations = old.into_iter().flat_map(Shelf::generations);
                    let before = generations.filter(|one| **one != files).take(KEPT).cloned().collect();
                    Shelf { digest, packages: members.len(), since: at, revision, files, before }
                }
            };
            shelves.insert(key, shelf);
        }
        Ok((shelves, rebuilt))
    }

    /// Takes over what another process published.
    async fn catch_up(&self, turn: &mut MutexGuard<'_, Tag>) -> Result<(), Refusal> {
        if !self.store.is_shared() {
            return Ok(());
        }
        let Some((text, tag)) = self.store.get(DOCUMENT).await? else { return Ok(()) };
        if tag != **turn {
            match Published::read(&text) {
                Ok(published) => {
                    self.show(published);
                    **turn = tag;
                }
                Err(error) => tracing::error!(%error, "what another process published cannot be read"),
            }
        }
        Ok(())
    }

    pub async fn look(&self) {
        if self.store.is_shared() {
            let mut turn = self.turn.lock().await;
            if let Err(error) = self.catch_up(&mut turn).await {
                tracing::warn!(%error, "what others published is not known");
            }
        }
    }

    /// Deletes indexes and pages that nobody is told of.
    pub async fn sweep(&self) {
        let _turn = self.turn.lock().await;
        let published = self.published();
        let mut named: BTreeSet<String> = BTreeSet::new();
        for shelf in published.shelves.values() {
            let files = shelf.generations().flatten();
            named.extend(files.map(|file| build::name(&file.packed.sha256)));
        }
        let members: BTreeMap<(Scope, Kind), Members<'_>> = sort(&published.entries, self.shared);
        named.extend(members.iter().flat_map(|((_, kind), members)| Builder::names(kind, members)));
        self.builder.forget();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        for folder in ["index", "pages"] {
            let outcome = async {
                for (name, since) in self.store.list(folder).await? {
                    if !named.contains(&name) && since.saturating_add(LEFTOVER_S) < now {
                        self.store.delete(&name).await?;
                    }
                }
                Ok::<(), StoreError>(())
            };
            if let Err(error) = outcome.await {
                tracing::warn!(%error, "leftovers stay");
            }
        }
    }
}

/// A version with what is known of its file: nothing is asked again that was known before.
fn entry(version: Version, before: &Published) -> (String, Entry) {
    let same = before.entries.get(&version.id).filter(|old| {
        let claims = |version: &Version| {
            let Version { name, version, architecture, file, .. } = version;
            (name.clone(), version.clone(), architecture.clone(), file.clone())
        };
        old.version.sha256 == version.sha256 && claims(&old.version) == claims(&version)
    });
    let card = same.and_then(|old| old.card.clone());
    (version.id.clone(), Entry { version, card })
}
