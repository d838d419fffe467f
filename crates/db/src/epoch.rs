//! The epoch: tells a database from another one, and from its own past.
//!
//! It is made with the database. An operator who brings back a backup renews it, so that revisions of
//! before and after are not taken for each other.

use uuid::Uuid;

use crate::engine::{Db, DbError, Tx};

impl Tx<'_> {
    pub async fn epoch(&mut self) -> Result<String, DbError> {
        let found = self.texts("SELECT value FROM meta WHERE name = 'epoch'", &[]).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }
}

impl Db {
    /// Makes another epoch, and returns it.
    pub async fn renew_epoch(&self) -> Result<String, DbError> {
        let epoch = Uuid::new_v4().to_string();
        let mut tx = self.begin().await?;
        let sql = "UPDATE meta SET value = $1 WHERE name = 'epoch'";
        tx.later(sql, vec![epoch.as_str().into()]).await?;
        tx.commit().await?;
        Ok(epoch)
    }
}
