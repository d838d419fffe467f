//! What others have yet to be told of changes, and whose turn it is to tell them. It is written with the
//! change, and forgotten when the bus has it.

use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Tx};

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedMessage {
    pub id: String,
    pub message: String,
}

impl Tx<'_> {
    /// Notes a message; those of one transaction are told in the order of their times.
    pub async fn note(&mut self, id: &str, noted_us: i64, message: String) -> Result<(), DbError> {
        self.noted = true;
        let sql = "INSERT INTO notifications (id, noted_us, message) VALUES ($1, $2, $3)";
        self.later(sql, vec![id.to_owned().into(), noted_us.into(), message.into()]).await
    }

    /// Whether this transaction has noted any.
    pub fn has_noted(&self) -> bool {
        self.noted
    }

    /// Takes the turn until a time, or ends it; false while another server has it.
    pub async fn take_notification_turn(
        &mut self,
        mine: Option<i64>,
        now_us: i64,
        until_us: i64,
    ) -> Result<bool, DbError> {
        let sql =
            "UPDATE counters SET value = $1 WHERE name = 'notifications' AND (value < $2 OR value = $3)";
        Ok(self.execute(sql, &[until_us.into(), now_us.into(), mine.unwrap_or(-1).into()]).await? > 0)
    }

    /// The oldest, and as many at most.
    pub async fn noted_messages(&mut self, most: i64) -> Result<Vec<NotedMessage>, DbError> {
        let sql = "SELECT id, message FROM notifications ORDER BY noted_us, id LIMIT $1";
        let mut out = Vec::new();
        self.each(sql, &[most.into()], |row| {
            out.push(NotedMessage { id: row.text(0).to_owned(), message: row.text(1).to_owned() });
        })
        .await?;
        Ok(out)
    }

    pub async fn forget_messages(&mut self, told: &[NotedMessage]) -> Result<(), DbError> {
        let ids: Vec<&str> = told.iter().map(|noted| noted.id.as_str()).collect();
        let sql = format!("DELETE FROM notifications WHERE id IN {}", dialect::among(self.engine(), "$1"));
        self.execute(&sql, &[json!(ids).to_string().into()]).await.map(drop)
    }

    /// Forgets those from before a time; how many.
    pub async fn forget_old_messages(&mut self, before_us: i64) -> Result<usize, DbError> {
        self.execute("DELETE FROM notifications WHERE noted_us < $1", &[before_us.into()]).await
    }
}
