//! What others are told of changes: noted with the change, told by a task.

use cloud::Caller;
use cloud::notification::{self, Asked, Notification};
use db::Tx;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::{App, agent_time};
use crate::error::Fault;
use crate::http::Call;

/// Items of one request whose answers are larger are told one by one: the bus carries a mebibyte.
const WHOLE_BYTES: usize = 128 << 10;

/// Whether others are told of changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotificationSettings {
    pub enabled: bool,
    /// Who tells, as the messages say.
    pub publisher_id: String,
    /// Messages that the bus does not take are kept for so long.
    pub keep_s: u32,
}

impl Default for NotificationSettings {
    fn default() -> NotificationSettings {
        NotificationSettings { enabled: false, publisher_id: "network.neutrino".into(), keep_s: 86_400 }
    }
}

pub fn is_on(app: &App) -> bool {
    app.settings().notifications.enabled
}

/// Notes what others are to be told, with the change that it tells of.
pub async fn note(app: &App, call: &Call, tx: &mut Tx<'_>, told: Vec<Notification>) -> Result<(), Fault> {
    let publisher = &app.settings().notifications.publisher_id;
    note_as(app, tx, (&call.caller, &call.request_id, publisher), told).await
}

/// The same for whoever asked for it, under which id, and who tells.
pub async fn note_as(
    app: &App,
    tx: &mut Tx<'_>,
    (caller, request_id, publisher): (&Caller, &str, &str),
    told: Vec<Notification>,
) -> Result<(), Fault> {
    if !is_on(app) {
        return Ok(());
    }
    let mut stamp = app.stamp();
    let timestamp = agent_time(stamp.now_us);
    let asked = Asked { caller, request_id, publisher, timestamp: &timestamp };
    for one in told {
        let id = stamp.uuid();
        let text = notification::message(&one, &asked, id);
        tx.note(&id.to_string(), stamp.now_us, text).await?;
        stamp.now_us += 1;
    }
    Ok(())
}

/// The request's body, which was read before.
pub fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap_or_default()
}

fn read(item: &[u8]) -> Value {
    serde_json::from_slice(item).unwrap_or_default()
}

/// Something was created, or several of its kind by one request.
pub async fn created(
    app: &App,
    call: &Call,
    tx: &mut Tx<'_>,
    (singular, plural): (&str, &str),
    items: &[Vec<u8>],
) -> Result<(), Fault> {
    if !is_on(app) {
        return Ok(());
    }
    let body = body(call);
    let together = body.get(plural).is_some() && items.iter().map(Vec::len).sum::<usize>() <= WHOLE_BYTES;
    let items = items.iter().map(|item| read(item)).collect();
    let told = match together {
        true => notification::created_together(singular, plural, body, items),
        false => notification::created(singular, body, items),
    };
    note(app, call, tx, told).await
}

pub async fn updated(
    app: &App,
    call: &Call,
    tx: &mut Tx<'_>,
    (singular, id): (&str, &str),
    item: &[u8],
) -> Result<(), Fault> {
    if !is_on(app) {
        return Ok(());
    }
    note(app, call, tx, notification::updated(singular, id, body(call), read(item))).await
}

/// `before`: what it was, shown before it went; `None` where nobody is told.
pub async fn deleted(
    app: &App,
    call: &Call,
    tx: &mut Tx<'_>,
    (singular, id): (&str, &str),
    before: Option<Vec<u8>>,
) -> Result<(), Fault> {
    let Some(before) = before else { return Ok(()) };
    note(app, call, tx, notification::deleted(singular, id, read(&before))).await
}
