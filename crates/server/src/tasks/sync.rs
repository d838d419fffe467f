//! What a host should be: parts that changed since it last asked, or all of them.

use std::collections::BTreeMap;

use cloud::view;
use db::{Tx, ViewRows};
use model::desired::{Key, Part};
use model::sync::{Change, SyncAnswer, SyncAsk};

use crate::app::App;
use crate::error::Fault;

/// Parts in one answer at most; a message must fit any bus.
const PAGE: usize = 500;

pub async fn answer(app: App, ask: SyncAsk) -> Result<SyncAnswer, Fault> {
    let mut tx = app.db().read().await?;
    let revision = tx.revision().await?;
    let since = match ask.since {
        // Too old to be told what went, or from another database.
        Some(since) if since < tx.pruned().await? || since > revision => None,
        since => since,
    };
    match since {
        None => full(&mut tx, &ask, revision).await,
        Some(since) => delta(&mut tx, &ask, since, revision).await,
    }
}

async fn full(tx: &mut Tx<'_>, ask: &SyncAsk, revision: i64) -> Result<SyncAnswer, Fault> {
    let rows = tx.view_rows(&ask.host, None).await?;
    let parts = parts(&ask.host, &rows);
    let changes = parts.into_iter().map(|(key, part)| Change { key, part: Some(part) });
    Ok(page(changes, ask, revision, true))
}

async fn delta(tx: &mut Tx<'_>, ask: &SyncAsk, since: i64, revision: i64) -> Result<SyncAnswer, Fault> {
    let keys = tx.changed_since(&ask.host, since).await?;
    let keys: Vec<Key> = keys.into_iter().filter(|key| ask.after.is_none_or(|after| *key > after)).collect();
    let shown = &keys[..keys.len().min(PAGE + 1)];
    let rows = tx.view_rows(&ask.host, Some(shown)).await?;
    let mut parts = parts(&ask.host, &rows);
    let changes = shown.iter().map(|key| Change { key: *key, part: parts.remove(key) });
    Ok(page(changes, ask, revision, false))
}

fn parts(host: &str, rows: &ViewRows) -> BTreeMap<Key, Part> {
    let facts = view::Facts {
        host,
        ports: &rows.ports,
        networks: &rows.networks,
        remotes: &rows.remotes,
        dhcp: &rows.dhcp,
        leases: &rows.leases,
        network_rows: &rows.network_rows,
        subnet_rows: &rows.subnet_rows,
        hosts: &rows.hosts,
        roaming: &rows.roaming,
        configurations: &rows.configurations,
    };
    facts.parts()
}

fn page(changes: impl Iterator<Item = Change>, ask: &SyncAsk, revision: i64, full: bool) -> SyncAnswer {
    let mut parts: Vec<Change> =
        changes.filter(|change| ask.after.is_none_or(|after| change.key > after)).take(PAGE + 1).collect();
    let more = parts.len() > PAGE;
    parts.truncate(PAGE);
    let next = parts.last().filter(|_| more).map(|change| change.key);
    SyncAnswer { revision, full, parts, next }
}
