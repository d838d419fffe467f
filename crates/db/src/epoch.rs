//! Epochs: lives of the database. They tell it from another one, and from its own past.
//!
//! Revisions that were told to hosts may be counted again: a backup is restored, or the machine
//! stops before its last commits reached the disk. Each start of a server begins an epoch, and the
//! revision at which the one before ended is noted with it. A host says in which epoch it was told
//! what it knows; what it was told beyond that epoch's end was undone.

use model::desired::Revision;

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// The life of the database that is being counted in; empty before any server began one.
    pub async fn epoch(&mut self) -> Result<String, DbError> {
        let found = self.texts("SELECT value FROM meta WHERE name = 'epoch'", &[]).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Up to which revision an epoch's count is true of this database; `None` of an epoch that it has
    /// not seen. What was told beyond was undone: a backup was restored, or the machine lost its last
    /// commits.
    pub async fn epoch_end(&mut self, epoch: &str) -> Result<Option<Revision>, DbError> {
        if self.epoch().await? == epoch {
            return Ok(Some(Revision::MAX));
        }
        let ended = self.texts("SELECT value FROM meta WHERE name = $1", &[past(epoch).into()]).await?;
        Ok(ended.first().and_then(|revision| revision.parse().ok()))
    }

    /// Begins an epoch under a name that no other has. Each start of a server does: what is counted
    /// from here on may be counted again after the database went back to an earlier time, and the
    /// name tells the two apart.
    pub async fn begin_epoch(&mut self, name: &str) -> Result<(), DbError> {
        // Nothing is counted, and no other epoch begins, between what is read here and the commit.
        self.lock_revision().await?;
        let before = self.epoch().await?;
        let (revision, pruned) = (self.revision().await?, self.pruned().await?);
        // Who asks from such an epoch gets the full list anyway.
        let forget = "DELETE FROM meta WHERE name LIKE 'epoch %' AND CAST(value AS BIGINT) < $1";
        self.execute(forget, &[pruned.into()]).await?;
        let set = "INSERT INTO meta (name, value) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.execute(set, &[past(&before).into(), revision.to_string().into()]).await?;
        self.execute(set, &["epoch".into(), name.into()]).await.map(drop)
    }
}

/// Where the end of an epoch is noted.
fn past(epoch: &str) -> String {
    format!("epoch {epoch}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Db, Options};
    use model::Touch;
    use model::desired::{Key, Kind};

    async fn begin(db: &Db, name: &str) {
        let mut tx = db.begin().await.expect("begins");
        tx.begin_epoch(name).await.expect("begins an epoch");
        tx.commit().await.expect("commits");
    }

    async fn change(db: &Db, times: u128) {
        for n in 0..times {
            let key = Key::new(Kind::Port, uuid::Uuid::from_u128(n));
            let mut tx = db.begin().await.expect("begins");
            tx.mark(&[Touch::Part { host: "h".into(), key }]);
            tx.commit().await.expect("commits");
        }
    }

    async fn ends(db: &Db) -> [Option<Revision>; 4] {
        let mut tx = db.read().await.expect("begins");
        let mut out = [None; 4];
        for (at, name) in ["a", "b", "c", "of another"].into_iter().enumerate() {
            out[at] = tx.epoch_end(name).await.expect("reads");
        }
        out
    }

    #[tokio::test]
    async fn what_was_told_beyond_an_end_was_undone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("neutrino.db");
        let db = Db::open(Options::new(&file)).await.expect("opens");
        begin(&db, "a").await;
        change(&db, 3).await;
        begin(&db, "b").await;
        change(&db, 2).await;
        let newest = Some(Revision::MAX);
        assert_eq!(ends(&db).await, [Some(3), newest, None, None]);
        drop(db);
        // A copy is taken, life goes on, and the copy comes back.
        let copy = folder.path().join("copy.db");
        let sqlite = rusqlite::Connection::open(&file).expect("opens");
        sqlite.execute("VACUUM INTO ?1", [copy.to_str().expect("text")]).expect("copies");
        drop(sqlite);
        let db = Db::open(Options::new(&file)).await.expect("opens");
        change(&db, 7).await;
        drop(db);
        let db = Db::open(Options::new(&copy)).await.expect("opens");
        begin(&db, "c").await;
        change(&db, 30).await;
        assert_eq!(ends(&db).await, [Some(3), Some(5), newest, None], "12 was told in b: that is too much");
    }
}
