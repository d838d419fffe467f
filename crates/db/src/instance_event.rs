//! Events that Nova has not heard yet, and whose turn it is to tell them.
//!
//! They are written with what they tell of. One server at a time tells: its turn ends by itself, so that one
//! that dies holds up nobody for long.

use std::collections::{BTreeMap, BTreeSet};

use model::PortId;
use model::instance::{COMPLETED, EventName, FAILED, InstanceEvent};
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Tx};

const NEWEST: &str = "ON CONFLICT (port_id, name) DO UPDATE SET \
                      server_id = excluded.server_id, status = excluded.status, noted_us = excluded.noted_us";

/// One, and when it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedEvent {
    port: String,
    name: String,
    noted_us: i64,
    /// `None`: it is of nothing that Nova could know, and is only to be forgotten.
    pub event: Option<InstanceEvent>,
}

/// What a transaction has gathered so far.
#[derive(Debug, Default)]
pub(crate) struct Events {
    told: BTreeMap<(PortId, EventName), InstanceEvent>,
    /// Ports of which something changed that is not theirs.
    around: BTreeSet<PortId>,
}

impl Tx<'_> {
    /// Gathers events, for [`Tx::write_events`] to write at the end.
    pub fn tell_nova(&mut self, events: impl IntoIterator<Item = InstanceEvent>) {
        self.events.told.extend(events.into_iter().map(|event| ((event.port, event.name), event)));
    }

    /// Something changed that Nova shows of a port, if it is an instance's, besides the port itself.
    pub fn tell_nova_of(&mut self, port: PortId) {
        self.events.around.insert(port);
    }

    /// Writes what was gathered; false when that is nothing.
    pub async fn write_events(&mut self, now_us: i64) -> Result<bool, DbError> {
        let Events { told, around } = std::mem::take(&mut self.events);
        if !around.is_empty() {
            let among = dialect::among(self.engine(), "$1");
            let sql = format!(
                "INSERT INTO instance_events (port_id, name, server_id, status, noted_us) \
                 SELECT id, '{CHANGED}', device_id, '{COMPLETED}', $2 FROM ports WHERE id IN {among} \
                 AND device_owner LIKE 'compute:%' AND LENGTH(device_id) = 36 {NEWEST}",
                CHANGED = EventName::Changed
            );
            self.later(&sql, vec![json!(around).to_string().into(), now_us.into()]).await?;
        }
        if told.is_empty() {
            return Ok(!around.is_empty());
        }
        let list: Vec<_> = told
            .values()
            .map(|event| json!([event.port, event.name.as_str(), event.server, event.status()]))
            .collect();
        let items = dialect::json_items(self.engine(), "$1");
        let sql = format!(
            "INSERT INTO instance_events (port_id, name, server_id, status, noted_us) \
             SELECT item.value ->> 0, item.value ->> 1, item.value ->> 2, item.value ->> 3, $2 \
             FROM {items} AS item WHERE 1 = 1 {NEWEST}"
        );
        self.later(&sql, vec![json!(list).to_string().into(), now_us.into()]).await?;
        Ok(true)
    }

    /// Takes the turn until a time, or keeps it; false while another server has it.
    pub async fn take_event_turn(
        &mut self,
        mine: Option<i64>,
        now_us: i64,
        until_us: i64,
    ) -> Result<bool, DbError> {
        let sql =
            "UPDATE counters SET value = $1 WHERE name = 'instance_events' AND (value < $2 OR value = $3)";
        Ok(self.execute(sql, &[until_us.into(), now_us.into(), mine.unwrap_or(-1).into()]).await? > 0)
    }

    /// The oldest, and as many at most.
    pub async fn noted_events(&mut self, most: i64) -> Result<Vec<NotedEvent>, DbError> {
        let sql = "SELECT port_id, name, server_id, status, noted_us FROM instance_events \
                   ORDER BY noted_us, port_id, name LIMIT $1";
        let mut out = Vec::new();
        self.each(sql, &[most.into()], |row| {
            let named = EventName::ALL.into_iter().find(|name| name.as_str() == row.text(1));
            let (port, server) = (row.text(0).parse::<PortId>(), row.text(2).parse());
            let event = match (named, port, server) {
                (Some(name), Ok(port), Ok(server)) => {
                    Some(InstanceEvent { port, name, server, failed: row.text(3) == FAILED })
                }
                _ => None,
            };
            let (port, name) = (row.text(0).to_owned(), row.text(1).to_owned());
            out.push(NotedEvent { port, name, noted_us: row.int(4), event });
        })
        .await?;
        Ok(out)
    }

    /// Forgets those that were told, unless they were noted again meanwhile.
    pub async fn forget_events(&mut self, told: &[NotedEvent]) -> Result<(), DbError> {
        let list: Vec<_> = told.iter().map(|of| json!([of.port, of.name, of.noted_us.to_string()])).collect();
        let items = dialect::json_items(self.engine(), "$1");
        let sql = format!(
            "DELETE FROM instance_events WHERE EXISTS (SELECT 1 FROM {items} AS item \
             WHERE item.value ->> 0 = port_id AND item.value ->> 1 = name \
             AND CAST(item.value ->> 2 AS BIGINT) = noted_us)"
        );
        self.execute(&sql, &[json!(list).to_string().into()]).await.map(drop)
    }

    /// Forgets those from before a time, which nobody waits for any more; how many.
    pub async fn forget_old_events(&mut self, before_us: i64) -> Result<usize, DbError> {
        self.execute("DELETE FROM instance_events WHERE noted_us < $1", &[before_us.into()]).await
    }
}
