//! The messages between server and agent, and the subjects they travel on.
//!
//! ```text
//! agent  --sync--->  server    agent.HOST.sync      request and reply: whole parts
//! agent  --report->  server    agent.HOST.report    request and reply: acknowledged when stored
//! agent  --beat--->  server    agent.HOST.beat      request and reply
//! server --wake--->  agent     agent.HOST.wake      "something of yours changed": no state
//! ```
//! A wake may be lost, doubled or reordered; an agent also asks on reconnect and on a timer.
//! Who speaks is told by the subject (`subject.rs`), which the bus guards; the body repeats it.
//! Servers and agents of different releases talk to each other: what one side does not know is
//! skipped by itself (`lenient.rs`), never the message around it.

use serde::{Deserialize, Serialize};

use crate::desired::{Key, Kind, Part, Revision};
use crate::lenient::{AnswerSent, Skipped, readable};
use crate::report::{Heartbeat, Report};

/// Rises when agents must be told differently than by fields that they may ignore.
pub const PROTOCOL: u32 = 1;

/// What a host says.
pub trait FromHost {
    /// Whom it says to be.
    fn host(&self) -> &str;

    /// What of it could not be read.
    fn skipped(&self) -> &[Skipped] {
        &[]
    }
}

impl FromHost for SyncAsk {
    fn host(&self) -> &str {
        &self.host
    }
}

impl FromHost for Report {
    fn host(&self) -> &str {
        &self.host
    }

    fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}

impl FromHost for Heartbeat {
    fn host(&self) -> &str {
        &self.host
    }
}

/// Carries no state: the agent answers it by asking.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wake {
    pub host: String,
    /// Some of what changed; not all of it where that is much.
    #[serde(default, deserialize_with = "readable")]
    pub keys: Vec<Key>,
    pub revision: Revision,
}

/// "What changed for me since?"
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SyncAsk {
    pub host: String,
    /// `None` asks for everything.
    pub since: Option<Revision>,
    /// The epoch that `since` counts in.
    #[serde(default)]
    pub epoch: String,
    /// Continues a paged answer after this key.
    #[serde(default)]
    pub after: Option<Key>,
    /// [`PROTOCOL`] of the agent.
    #[serde(default = "first_protocol")]
    pub protocol: u32,
    /// Words of the kinds of parts that the agent understands; it is told of no others.
    #[serde(default = "first_kinds")]
    pub kinds: Vec<String>,
}

impl SyncAsk {
    /// A question for everything, by an agent of this release.
    pub fn all(host: impl Into<String>) -> SyncAsk {
        SyncAsk {
            host: host.into(),
            since: None,
            epoch: String::new(),
            after: None,
            protocol: PROTOCOL,
            kinds: words(),
        }
    }

    /// The kinds that both sides understand, in the order of parts.
    pub fn understood(&self) -> Vec<Kind> {
        known(&self.kinds)
    }
}

/// Words of all kinds of this release.
pub fn words() -> Vec<String> {
    Kind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect()
}

fn known(words: &[String]) -> Vec<Kind> {
    Kind::ALL.into_iter().filter(|kind| words.iter().any(|word| word == kind.as_str())).collect()
}

fn first_protocol() -> u32 {
    1
}

/// What agents and servers understand that do not say it.
pub(crate) fn first_kinds() -> Vec<String> {
    ["network", "port", "remote", "dhcp", "lease"].map(str::to_owned).to_vec()
}

/// Parts as they were at `revision`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "AnswerSent")]
pub struct SyncAnswer {
    /// Ask `since` this next; of an answer with several pages, the first page's.
    pub revision: Revision,
    /// In which life of the database the revision was counted.
    pub epoch: String,
    /// True when the answer (all its pages) lists everything the host should have.
    pub full: bool,
    pub parts: Vec<Change>,
    /// Parts that the host should have and that could not be told: it keeps what it has of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Key>,
    /// More follows: ask again with `after` set to this.
    pub next: Option<Key>,
    /// Words of the kinds of parts that the server knows: of others the answer says nothing.
    pub kinds: Vec<String>,
    /// What of the message could not be read; parts among it are `untold` as well.
    #[serde(skip)]
    pub skipped: Vec<Skipped>,
}

impl SyncAnswer {
    /// True when the answer speaks of every kind of part that this release knows.
    pub fn covers_all(&self) -> bool {
        known(&self.kinds).len() == Kind::ALL.len()
    }
}

/// One part as it should be; `None` when the host should not have it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    pub key: Key,
    pub part: Option<Part>,
}

/// Why a request was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "no", rename_all = "lowercase")]
pub enum No {
    /// Too much is asked of the server at this time: ask again later.
    Busy,
    Refused {
        reason: String,
    },
    /// A word of another release.
    #[serde(other)]
    Unknown,
}
