//! The change log: which part of which host changed, and at which revision.
//!
//! One row per part holds the newest revision, so the log is as large as what it describes.
//! A transaction that marks changes takes the next revision by updating one row; that row is
//! locked until the commit, so revisions become visible in order and no reader skips one.

use model::desired::{Key, Kind, Revision};
use model::{NetworkId, Touch};
use uuid::Uuid;

use crate::engine::{DbError, Tx};

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
        self.marked > 0
    }

    /// Notes that parts changed, all at one revision for the whole transaction.
    pub async fn mark(&mut self, touches: &[Touch]) -> Result<(), DbError> {
        if touches.is_empty() {
            return Ok(());
        }
        if self.marked == 0 {
            let sql = "UPDATE counters SET value = value + 1 WHERE name = 'revision' RETURNING value";
            self.marked = self.number(sql, &[]).await?;
        }
        let revision = self.marked;
        for touch in touches {
            match touch {
                Touch::Part { host, key } => self.mark_part(host, *key, revision).await?,
                Touch::Membership { host, network } => {
                    self.mark_part(host, Key::new(Kind::Network, network.0), revision).await?;
                    let sql = "INSERT INTO changes (host, kind, id, revision) \
                        SELECT $1, 'remote', id, $2 FROM ports WHERE network_id = $3 AND host <> '' \
                        AND host <> $4 ON CONFLICT (host, kind, id) DO UPDATE SET revision = excluded.revision";
                    self.mark_ports(sql, host, *network, revision).await?;
                }
                Touch::Service { host, network } => {
                    self.mark_part(host, Key::new(Kind::Dhcp, network.0), revision).await?;
                    let sql = "INSERT INTO changes (host, kind, id, revision) \
                        SELECT $1, 'lease', id, $2 FROM ports WHERE network_id = $3 AND id <> $4 \
                        ON CONFLICT (host, kind, id) DO UPDATE SET revision = excluded.revision";
                    self.mark_ports(sql, host, *network, revision).await?;
                }
            }
        }
        Ok(())
    }

    async fn mark_part(&mut self, host: &str, key: Key, revision: Revision) -> Result<(), DbError> {
        let sql = "INSERT INTO changes (host, kind, id, revision) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (host, kind, id) DO UPDATE SET revision = excluded.revision";
        let params = [host.into(), key.kind.as_str().into(), key.id.to_string().into(), revision.into()];
        self.execute(sql, &params).await.map(drop)
    }

    async fn mark_ports(
        &mut self,
        sql: &str,
        host: &str,
        network: NetworkId,
        revision: Revision,
    ) -> Result<(), DbError> {
        let params = [host.into(), revision.into(), network.to_string().into(), host.into()];
        self.execute(sql, &params).await.map(drop)
    }

    /// The newest revision.
    pub async fn revision(&mut self) -> Result<Revision, DbError> {
        self.number("SELECT value FROM counters WHERE name = 'revision'", &[]).await
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

    /// What changed for every host after a revision: whom the relay wakes.
    pub async fn marked_since(&mut self, since: Revision) -> Result<Vec<Marked>, DbError> {
        let sql = "SELECT host, kind, id, revision FROM changes WHERE revision > $1 ORDER BY host, revision";
        let mut out: Vec<Marked> = Vec::new();
        self.each(sql, &[since.into()], |row| {
            let Some(key) = key(row.text(1), row.text(2)) else { return };
            let (host, revision) = (row.text(0), row.int(3));
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

    /// Forgets rows of parts that no longer exist and changed at or before a revision.
    pub async fn prune(&mut self, upto: Revision) -> Result<usize, DbError> {
        let gone = "DELETE FROM changes WHERE revision <= $1 AND (\
            kind IN ('port', 'remote', 'lease') AND NOT EXISTS (SELECT 1 FROM ports p WHERE p.id = changes.id) OR \
            kind IN ('network', 'dhcp') AND NOT EXISTS (SELECT 1 FROM networks n WHERE n.id = changes.id))";
        let dropped = self.execute(gone, &[upto.into()]).await?;
        if dropped > 0 {
            let sql = "UPDATE counters SET value = $1 WHERE name = 'pruned' AND value < $2";
            self.execute(sql, &[upto.into(), upto.into()]).await?;
        }
        Ok(dropped)
    }
}

fn key(kind: &str, id: &str) -> Option<Key> {
    Some(Key::new(Kind::parse(kind)?, Uuid::parse_str(id).ok()?))
}
