//! What a host should be: parts that changed since it last asked, or all of them, page by page.
//!
//! Keys first, and then the rows of one page of them: a page costs what is on it, however much the
//! host has. A page may be of a later time than the one before; what changed in between is newer
//! than the first page's revision, from which the host asks next.

use std::collections::BTreeMap;
use std::io;

use cloud::view;
use cloud::view::group::GroupRows;
use db::{Tx, ViewRows};
use model::desired::{Key, Kind, Part, Revision};
use model::sync::{Change, SyncAnswer, SyncAsk, words};

use crate::app::App;
use crate::error::Fault;

/// Parts in one answer at most, and bytes: well below what NATS carries.
const PAGE: usize = 500;
const PAGE_BYTES: usize = 512 << 10;
/// As how many parts of others a security group or an address group counts on a page: with its rules or
/// addresses it is larger, and what does not fit was read for nothing.
const LARGE: usize = 10;
/// Bytes of an answer besides its parts.
const ENVELOPE: usize = 1 << 10;
/// Bytes of a key that stands for a part, at most.
const KEY_BYTES: usize = 100;

pub async fn answer(app: App, ask: SyncAsk) -> Result<SyncAnswer, Fault> {
    let mut tx = app.db().read().await?;
    let revision = tx.revision().await?;
    let epoch = tx.epoch().await?;
    let since = since(&mut tx, &ask, revision).await?;
    let keys = match since {
        None => tx.view_keys(&ask.host, &ask.understood(), ask.after, PAGE + 1).await?,
        Some(since) => changed(&mut tx, &ask, since).await?,
    };
    let taken = taken(&keys);
    let rows = tx.view_rows(&ask.host, &keys[..taken]).await?;
    drop(tx);
    let bytes = PAGE_BYTES.min(app.bus().max_payload().saturating_sub(ENVELOPE));
    let page = Page::of(&keys, taken, parts(&ask.host, rows), since.is_none(), bytes);
    for key in &page.untold {
        tracing::error!(host.name = ask.host, part.key = %key, bytes, "the bus carries no part so large");
    }
    let Page { parts, untold, next } = page;
    let (full, kinds) = (since.is_none(), words());
    Ok(SyncAnswer { revision, epoch, full, parts, untold, next, kinds, skipped: vec![] })
}

/// From when on the host must be told what changed; `None`: it must be told everything.
async fn since(tx: &mut Tx<'_>, ask: &SyncAsk, revision: Revision) -> Result<Option<Revision>, Fault> {
    let Some(since) = ask.since else { return Ok(None) };
    // Agents that say no epoch know of none.
    let end = if ask.epoch.is_empty() { Some(revision) } else { tx.epoch_end(&ask.epoch).await? };
    let known = end.is_some_and(|end| since <= end.min(revision));
    // Too old to be told what went, or told by a database that has gone back since.
    Ok((known && since >= tx.pruned().await?).then_some(since))
}

async fn changed(tx: &mut Tx<'_>, ask: &SyncAsk, since: Revision) -> Result<Vec<Key>, Fault> {
    let understood = ask.understood();
    let mut keys = tx.changed_since(&ask.host, since).await?;
    keys.retain(|key| ask.after.is_none_or(|after| *key > after) && understood.contains(&key.kind));
    keys.truncate(PAGE + 1);
    Ok(keys)
}

/// How many of some keys, in order, are looked at for one answer.
fn taken(keys: &[Key]) -> usize {
    let mut weight = 0;
    let fits = |key: &&Key| {
        let large = matches!(key.kind, Kind::Group | Kind::Addresses);
        let before = weight;
        weight += if large { LARGE } else { 1 };
        before < PAGE
    };
    keys.iter().take_while(fits).count()
}

fn parts(host: &str, rows: ViewRows) -> BTreeMap<Key, Part> {
    let groups: Vec<GroupRows> =
        rows.groups.into_iter().map(|(group, rules)| GroupRows { group, rules }).collect();
    let facts = view::Facts {
        host,
        ports: &rows.ports,
        networks: &rows.networks,
        remotes: &rows.remotes,
        dhcp: &rows.dhcp,
        leases: &rows.leases,
        policies: &rows.policies,
        network_rows: &rows.network_rows,
        subnet_rows: &rows.subnet_rows,
        hosts: &rows.hosts,
        roaming: &rows.roaming,
        routed: &rows.routed,
        configurations: &rows.configurations,
        routers: &rows.routers,
        ways: &rows.ways,
        groups: &groups,
        members: &rows.members,
        addresses: &rows.addresses,
        trunked: &rows.trunked,
        stood_for: &rows.stood_for,
        logged: &rows.logged,
        orders: &rows.orders,
    };
    facts.parts()
}

/// What fits into one answer.
#[derive(Debug, Default, PartialEq)]
struct Page {
    parts: Vec<Change>,
    untold: Vec<Key>,
    next: Option<Key>,
}

impl Page {
    /// `keys` in order, of which more than `taken` mean that there are more; `parts` of the first
    /// `taken`. A full answer says nothing of keys without a part.
    fn of(keys: &[Key], taken: usize, mut parts: BTreeMap<Key, Part>, full: bool, bytes: usize) -> Page {
        let mut page = Page::default();
        let (mut used, mut last) = (0, None);
        for key in keys.iter().take(taken) {
            let change = Change { key: *key, part: parts.remove(key) };
            if full && change.part.is_none() {
                last = Some(*key);
                continue;
            }
            let size = size(&change);
            let alone = size > bytes;
            used += if alone { KEY_BYTES } else { size };
            if used > bytes && last.is_some() {
                page.next = last;
                return page;
            }
            if alone {
                page.untold.push(*key)
            } else {
                page.parts.push(change)
            }
            last = Some(*key);
        }
        page.next = last.filter(|_| keys.len() > taken);
        page
    }
}

/// Bytes of a part in an answer, with the comma after it.
fn size(change: &Change) -> usize {
    let mut count = Count(1);
    // Counting does not fail, and parts are of what JSON has.
    let _ = serde_json::to_writer(&mut count, change);
    count.0
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
