//! The messages between server and agent, and the subjects they travel on.
//!
//! ```text
//! server --wake--> agent     host.NAME.wake     "something of yours changed": no state
//! agent  --sync--> server    server.sync        request and reply: whole parts
//! agent --report-> server    server.report      request and reply: acknowledged when stored
//! agent --beat---> server    server.heartbeat   request and reply
//! ```
//! A wake may be lost, doubled or reordered; an agent also asks on reconnect and on a timer.

use serde::{Deserialize, Serialize};

use crate::desired::{Key, Part, Revision};

pub const SYNC: &str = "server.sync";
pub const REPORT: &str = "server.report";
pub const HEARTBEAT: &str = "server.heartbeat";

/// The subject of a host's wakes; dots and wildcards of the host's name are made harmless.
pub fn wake_subject(host: &str) -> String {
    let safe: String = host
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' })
        .collect();
    format!("host.{safe}.wake")
}

/// Carries no state: the agent answers it by asking.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wake {
    pub host: String,
    pub keys: Vec<Key>,
    pub revision: Revision,
}

/// "What changed for me since?"
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SyncAsk {
    pub host: String,
    /// `None` asks for everything.
    pub since: Option<Revision>,
    /// Continues a paged answer after this key.
    pub after: Option<Key>,
}

/// Parts as they were at `revision`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SyncAnswer {
    /// Ask `since` this next; of an answer with several pages, the first page's.
    pub revision: Revision,
    /// True when the answer (all its pages) lists everything the host should have.
    pub full: bool,
    pub parts: Vec<Change>,
    /// More follows: ask again with `after` set to this.
    pub next: Option<Key>,
}

/// One part as it should be; `None` when the host should not have it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    pub key: Key,
    pub part: Option<Part>,
}
