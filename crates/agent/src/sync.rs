//! Asking the server for parts, and keeping the newest of each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bus::{Bus, BusError};
use host::{Settings, Wanted};
use model::Skipped;
use model::desired::{Key, Part, Revision};
use model::subject::Word;
use model::sync::{Change, SyncAnswer, SyncAsk};

use crate::backoff::Backoff;

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// From where a host asks what changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Since {
    pub revision: Revision,
    pub epoch: String,
}

/// A whole answer, all its pages.
#[derive(Debug)]
pub struct Fetched {
    pub revision: Revision,
    pub epoch: String,
    pub full: bool,
    pub changes: Vec<Change>,
    /// Parts that the host should have and was not told in a way that it understands.
    pub untold: Vec<Key>,
    pub skipped: Vec<Skipped>,
    /// The server knows every kind of part that this agent does: absence means something.
    pub covers_all: bool,
}

/// Asks until there is an answer; `None` when the bus is gone, as its return is soon enough to ask.
pub(crate) async fn fetch(bus: Bus, host: String, since: Option<Since>) -> Option<Fetched> {
    let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    loop {
        match fetch_pages(&bus, &host, since.as_ref()).await {
            Ok(Some(fetched)) => return Some(fetched),
            // The answer changed between two pages: ask anew.
            Ok(None) => tracing::debug!(host.name = host, "sync answer changed while read"),
            Err(BusError::Disconnected) => return None,
            Err(error) if backoff.is_fresh() => {
                tracing::warn!(%error, host.name = host, "server not reached; asking until it is");
            }
            Err(error) => tracing::debug!(%error, host.name = host, "server not reached"),
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

async fn fetch_pages(bus: &Bus, host: &str, since: Option<&Since>) -> Result<Option<Fetched>, BusError> {
    let mut ask = SyncAsk {
        since: since.map(|since| since.revision),
        epoch: since.map(|since| since.epoch.clone()).unwrap_or_default(),
        ..SyncAsk::all(host)
    };
    let mut fetched: Option<Fetched> = None;
    loop {
        let page: SyncAnswer = bus.ask(Word::Sync, host, &ask).await?;
        let all = fetched.get_or_insert_with(|| Fetched {
            revision: page.revision,
            epoch: page.epoch.clone(),
            full: page.full,
            changes: Vec::new(),
            untold: Vec::new(),
            skipped: Vec::new(),
            covers_all: true,
        });
        all.covers_all &= page.covers_all();
        // What changed between two pages is newer than the first page's revision, which is what
        // the next question begins from; only an answer of another kind, or from a database of
        // another time, cannot be continued.
        if all.full != page.full || all.epoch != page.epoch || page.revision < all.revision {
            return Ok(None);
        }
        all.changes.extend(page.parts);
        all.untold.extend(page.untold);
        all.skipped.extend(page.skipped);
        match page.next {
            None => return Ok(fetched),
            next if next <= ask.after => return Ok(None),
            next => ask.after = next,
        }
    }
}

/// The parts of the host, each at the newest revision that arrived.
pub struct Store {
    pub wanted: Wanted,
    /// At which revision each part, or its absence, arrived.
    revisions: BTreeMap<Key, Revision>,
    since: Option<Since>,
    /// No full answer has arrived: absence means nothing.
    partial: bool,
}

/// What an answer changed: the parts' keys, and what they were before.
#[derive(Debug, Default, PartialEq)]
pub struct Taken {
    pub keys: BTreeSet<Key>,
    pub old: Vec<Part>,
}

impl Store {
    pub fn new(settings: Settings) -> Store {
        let wanted = Wanted::new(settings);
        Store { wanted, revisions: BTreeMap::new(), since: None, partial: true }
    }

    /// What to ask for next: changes since then, or everything.
    pub fn since(&self) -> Option<&Since> {
        self.since.as_ref()
    }

    /// True once absence of a part means that the host must not have it.
    pub fn is_whole(&self) -> bool {
        !self.partial
    }

    pub fn revision(&self, key: Key) -> Revision {
        self.revisions.get(&key).copied().unwrap_or(0)
    }

    /// Takes in an answer; parts older than those here are refused.
    pub fn take(&mut self, fetched: Fetched) -> Taken {
        let Fetched { revision, epoch, full, changes, untold, covers_all, .. } = fetched;
        let mut taken = Taken::default();
        if !full && self.since.as_ref().is_some_and(|since| revision < since.revision) {
            // Revisions begin anew where a database was restored: only all of it makes sense.
            self.since = None;
            return taken;
        }
        if full && covers_all {
            // One question is on its way at a time: what answers it whole is the newest.
            self.revisions.clear();
            let listed: BTreeSet<Key> = changes.iter().map(|change| change.key).chain(untold).collect();
            let gone: Vec<Key> = self.wanted.keys().filter(|key| !listed.contains(key)).collect();
            for key in gone {
                self.put(Change { key, part: None }, revision, &mut taken);
            }
            self.revisions.retain(|key, _| listed.contains(key));
            self.partial = false;
        }
        for change in changes {
            self.put(change, revision, &mut taken);
        }
        // A server of an earlier release leaves out what it does not know: another will be asked for it.
        if covers_all && !self.partial {
            self.since = Some(Since { revision, epoch });
        }
        taken
    }

    fn put(&mut self, change: Change, revision: Revision, taken: &mut Taken) {
        let Change { key, part } = change;
        if self.revisions.get(&key).is_some_and(|known| *known > revision) {
            return;
        }
        if part.as_ref().is_some_and(|part| part.key() != key) {
            tracing::error!(part.key = %key, "part under a key that is not its own");
            return;
        }
        self.revisions.insert(key, revision);
        taken.keys.insert(key);
        taken.old.extend(match part {
            Some(part) => self.wanted.put(part),
            None => self.wanted.remove(key),
        });
    }
}

#[cfg(test)]
mod tests;
