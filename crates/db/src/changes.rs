//! The change log: which part of which host changed, and at which revision.
//!
//! One row per part holds the newest revision, so the log is as large as what it describes.
//! What a transaction marks is gathered and written as its last act: the revision's row is raised,
//! and locked by that until the commit, so revisions become visible in order and no reader skips
//! one. What stands for many parts is looked up behind that lock, too: it finds all that an earlier
//! revision made, and a later one finds what this made.

use std::collections::BTreeSet;

use model::Touch;
use model::desired::{Key, Kind, Revision};
use serde_json::json;
use uuid::Uuid;

mod groups;

pub use groups::statements as group_statements;

use crate::dialect;
use crate::engine::{DbError, Tx};
use crate::log::heard_by;

/// Parts written by one statement at most.
const CHUNK: usize = 1000;

const NEXT: &str = "UPDATE counters SET value = value + 1 WHERE name = 'revision'";
const REVISION: &str = "SELECT value FROM counters WHERE name = 'revision'";
const INTO: &str = "INSERT INTO changes (host, kind, id, revision)";
const NEWEST: &str = "ON CONFLICT (host, kind, id) DO UPDATE SET revision = excluded.revision";

/// What a transaction has marked so far.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    parts: BTreeSet<(String, Key)>,
    /// Members, memberships and services: of the last two their networks' parts are among `parts`, the
    /// ports' are looked up. And all about security groups.
    wide: BTreeSet<Touch>,
    /// Hosts whose networks' hosts all look at their ports again.
    hosts: BTreeSet<String>,
}

impl Marks {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.wide.is_empty() && self.hosts.is_empty()
    }
}

/// Changed parts of one host, and the newest revision among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    pub host: String,
    pub keys: Vec<Key>,
    pub revision: Revision,
}

impl Tx<'_> {
    /// True when this transaction has noted changes.
    pub fn has_marked(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Notes that parts changed, all at one revision for the whole transaction.
    pub fn mark(&mut self, touches: &[Touch]) {
        for touch in touches {
            let (host, key) = match touch {
                Touch::Members { .. }
                | Touch::Group { .. }
                | Touch::Holders { .. }
                | Touch::Namers { .. }
                | Touch::Logged { .. }
                | Touch::Remotes { .. } => {
                    self.marks.wide.insert(touch.clone());
                    continue;
                }
                Touch::Part { host, key } => (host, *key),
                Touch::Membership { host, network } => (host, Key::new(Kind::Network, network.0)),
                Touch::Service { host, network } => (host, Key::new(Kind::Dhcp, network.0)),
            };
            self.marks.parts.insert((host.clone(), key));
            if !matches!(touch, Touch::Part { .. }) {
                self.marks.wide.insert(touch.clone());
            }
        }
    }

    /// Notes that a host came, went, or can do other things than before: a membership of each host of
    /// each of its networks.
    pub fn mark_host(&mut self, host: &str) {
        self.marks.hosts.insert(host.to_owned());
    }

    /// Writes what was marked, and ends the transaction; the revision, if there was a change.
    pub async fn commit(mut self) -> Result<Option<Revision>, DbError> {
        self.write_dues().await?;
        self.write_software().await?;
        if self.marks.is_empty() {
            return self.finish(None).await.map(|_| None);
        }
        self.later(NEXT, vec![]).await?;
        self.tell_leavers();
        self.write_parts().await?;
        self.write_wide().await?;
        self.finish(Some(REVISION)).await.map(Some)
    }

    /// A host that left a network in this transaction is no member at its end, and is told all the same
    /// what becomes of the network's ports in it.
    fn tell_leavers(&mut self) {
        let Marks { parts, wide, .. } = &mut self.marks;
        for touch in wide.iter() {
            let Touch::Members { network, key } = touch else { continue };
            let moved = wide.iter().filter_map(|touch| match touch {
                Touch::Membership { host, network: of } if of == network => Some(host),
                _ => None,
            });
            parts.extend(moved.map(|host| (host.clone(), *key)));
        }
    }

    async fn write_parts(&mut self) -> Result<(), DbError> {
        let items = dialect::json_items(self.engine(), "$1");
        let sql = format!(
            "{INTO} SELECT item.value ->> 0, item.value ->> 1, item.value ->> 2, ({REVISION}) \
             FROM {items} AS item WHERE 1 = 1 {NEWEST}"
        );
        let parts: Vec<_> = std::mem::take(&mut self.marks.parts).into_iter().collect();
        for chunk in parts.chunks(CHUNK) {
            let list: Vec<_> =
                chunk.iter().map(|(host, key)| json!([host, key.kind.as_str(), key.id])).collect();
            self.later(&sql, vec![json!(list).to_string().into()]).await?;
        }
        Ok(())
    }

    async fn write_wide(&mut self) -> Result<(), DbError> {
        let remotes = format!(
            "{INTO} SELECT $1, 'remote', id, ({REVISION}) FROM ports \
             WHERE network_id = $2 AND host NOT IN ('', $1) {NEWEST}"
        );
        let leases =
            format!("{INTO} SELECT $1, 'lease', id, ({REVISION}) FROM ports WHERE network_id = $2 {NEWEST}");
        let members =
            format!("{INTO} SELECT host, $2, $3, ({REVISION}) FROM members WHERE network_id = $1 {NEWEST}");
        let wide = std::mem::take(&mut self.marks.wide);
        self.write_remotes(&wide).await?;
        for touch in wide {
            let (sql, host, network) = match touch {
                Touch::Members { network, key } => {
                    let (kind, id) = (key.kind.as_str(), key.id.to_string());
                    let params = vec![network.to_string().into(), kind.into(), id.into()];
                    self.later(&members, params).await?;
                    continue;
                }
                Touch::Membership { host, network } => (&remotes, host, network),
                Touch::Service { host, network } => (&leases, host, network),
                Touch::Group { .. } | Touch::Holders { .. } | Touch::Namers { .. } => {
                    self.write_groups(touch).await?;
                    continue;
                }
                Touch::Logged { .. } => {
                    if let Some((condition, bound)) = heard_by(&touch) {
                        let sql = format!(
                            "{INTO} SELECT host, 'port', id, ({REVISION}) FROM ports \
                             WHERE host <> '' AND {condition} {NEWEST}"
                        );
                        self.later(&sql, vec![bound.into()]).await?;
                    }
                    continue;
                }
                Touch::Part { .. } | Touch::Remotes { .. } => continue,
            };
            self.later(sql, vec![host.into(), network.to_string().into()]).await?;
        }
        let of_host = "FROM members mine JOIN members o ON o.network_id = mine.network_id";
        let networks = format!(
            "{INTO} SELECT o.host, 'network', o.network_id, ({REVISION}) {of_host} \
             WHERE mine.host = $1 {NEWEST}"
        );
        let remotes = format!(
            "{INTO} SELECT o.host, 'remote', p.id, ({REVISION}) {of_host} \
             JOIN ports p ON p.network_id = o.network_id \
             WHERE mine.host = $1 AND p.host NOT IN ('', o.host) {NEWEST}"
        );
        for host in std::mem::take(&mut self.marks.hosts) {
            self.later(&networks, vec![host.as_str().into()]).await?;
            self.later(&remotes, vec![host.into()]).await?;
        }
        Ok(())
    }

    /// The newest revision.
    pub async fn revision(&mut self) -> Result<Revision, DbError> {
        self.number(REVISION, &[]).await
    }

    /// Revisions up to this one may have lost rows: who last asked before it gets the full list.
    pub async fn pruned(&mut self) -> Result<Revision, DbError> {
        self.number("SELECT value FROM counters WHERE name = 'pruned'", &[]).await
    }

    /// The newest revision at which a host's part changed; 0 of a part that is gone for long.
    pub async fn changed_at(&mut self, host: &str, key: Key) -> Result<Revision, DbError> {
        let sql = "SELECT revision FROM changes WHERE host = $1 AND kind = $2 AND id = $3";
        self.number(sql, &[host.into(), key.kind.as_str().into(), key.id.to_string().into()]).await
    }

    /// What changed for a host after a revision, in the order of parts.
    pub async fn changed_since(&mut self, host: &str, since: Revision) -> Result<Vec<Key>, DbError> {
        let sql = "SELECT kind, id FROM changes WHERE host = $1 AND revision > $2";
        let mut out = Vec::new();
        self.each(sql, &[host.into(), since.into()], |row| out.extend(key(row.text(0), row.text(1)))).await?;
        out.sort_unstable();
        Ok(out)
    }

    /// What changed for every host at the revisions after one that are `wanted`: whom the relay wakes.
    pub async fn marked_since(
        &mut self,
        since: Revision,
        wanted: impl Fn(Revision) -> bool + Send + Sync,
    ) -> Result<Vec<Marked>, DbError> {
        let sql = "SELECT host, kind, id, revision FROM changes WHERE revision > $1 ORDER BY host, revision";
        let mut out: Vec<Marked> = Vec::new();
        self.each(sql, &[since.into()], |row| {
            let Some(key) = key(row.text(1), row.text(2)) else { return };
            let (host, revision) = (row.text(0), row.int(3));
            if !wanted(revision) {
                return;
            }
            match out.last_mut().filter(|marked| marked.host == host) {
                Some(marked) => {
                    marked.keys.push(key);
                    marked.revision = revision;
                }
                None => out.push(Marked { host: host.to_owned(), keys: vec![key], revision }),
            }
        })
        .await?;
        Ok(out)
    }

    /// Changes up to this revision were relayed by some server.
    pub async fn relayed(&mut self) -> Result<Revision, DbError> {
        self.number("SELECT value FROM counters WHERE name = 'relayed'", &[]).await
    }

    /// The same, for one server at a time: `None` while another one relays.
    pub async fn relayed_alone(&mut self) -> Result<Option<Revision>, DbError> {
        Ok(if self.try_lock_counter("relayed").await? { Some(self.relayed().await?) } else { None })
    }

    pub async fn set_relayed(&mut self, upto: Revision) -> Result<(), DbError> {
        let sql = "UPDATE counters SET value = $1 WHERE name = 'relayed' AND value < $1";
        self.later(sql, vec![upto.into()]).await
    }

    /// Forgets rows of parts that no longer exist and changed at or before a revision; leaves it to
    /// another server that is at it.
    pub async fn prune(&mut self, upto: Revision) -> Result<usize, DbError> {
        if !self.try_lock_counter("pruned").await? {
            return Ok(0);
        }
        // Whoever writes to the log has this row locked: neither waits for the other's rows.
        self.lock_revision().await?;
        let gone = "DELETE FROM changes WHERE revision <= $1 AND (\
            kind IN ('port', 'remote', 'lease', 'member') AND \
            NOT EXISTS (SELECT 1 FROM ports p WHERE p.id = changes.id) OR \
            kind IN ('network', 'dhcp', 'fip') AND \
            NOT EXISTS (SELECT 1 FROM networks n WHERE n.id = changes.id) OR \
            kind = 'group' AND NOT EXISTS (SELECT 1 FROM security_groups g WHERE g.id = changes.id) OR \
            kind = 'addresses' AND NOT EXISTS (SELECT 1 FROM address_groups a WHERE a.id = changes.id) OR \
            kind = 'router' AND NOT EXISTS (SELECT 1 FROM routers r WHERE r.id = changes.id))";
        let dropped = self.execute(gone, &[upto.into()]).await?;
        if dropped > 0 {
            let sql = "UPDATE counters SET value = $1 WHERE name = 'pruned' AND value < $1";
            self.execute(sql, &[upto.into()]).await?;
        }
        Ok(dropped)
    }
}

fn key(kind: &str, id: &str) -> Option<Key> {
    Some(Key::new(Kind::parse(kind)?, Uuid::parse_str(id).ok()?))
}
