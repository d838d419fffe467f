//! The door to other processes.
//!
//! ```text
//! lib         Bus: typed messages              transport   what a kind of bus can do
//! in_process  channels of one process          nats/       NATS, for many processes
//! unruly      misbehaves or is cut off on purpose, for tests
//! ```
//! [`Bus`] carries the messages of `model::sync` over a [`Transport`]. No correctness rests on
//! delivery of a published message: it may be lost, doubled or reordered. A request either
//! brings an answer or an error, and may be asked again.

mod in_process;
pub mod nats;
mod transport;
mod unruly;

use std::sync::Arc;

use model::subject::{self, Word};
use model::sync::{No, Wake};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};

pub use in_process::InProcess;
pub use nats::Nats;
pub use transport::{REQUEST_TIMEOUT, Reply, Request, Transport, matches};
pub use unruly::{Mischief, Unruly};

/// Keys that a wake names at most: it carries no state, so the rest is found by asking.
const WAKE_KEYS: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("the bus is not connected")]
    Disconnected,
    #[error("the bus does not let this login send to {0}")]
    NotAllowed(String),
    #[error("nobody serves {0}")]
    NoResponders(String),
    #[error("no answer on {0} in time")]
    TimedOut(String),
    #[error("on {subject}: {bytes} bytes are more than the bus carries ({limit})")]
    TooLarge { subject: String, bytes: usize, limit: usize },
    #[error("on {subject}: unreadable message: {source}")]
    Codec { subject: String, source: serde_json::Error },
    #[error("on {0}: the server has too much to do")]
    Busy(String),
    #[error("on {subject}: the other side refused: {reason}")]
    Refused { subject: String, reason: String },
    #[error("no host can be called '{0}'")]
    NotAHost(String),
}

/// A shared handle on a transport, speaking typed messages.
#[derive(Clone)]
pub struct Bus(Arc<dyn Transport>);

impl Bus {
    pub fn new(transport: impl Transport) -> Bus {
        Bus(Arc::new(transport))
    }

    pub fn in_process() -> Bus {
        Bus::new(InProcess::default())
    }

    /// Wakes a host; lost where the bus cannot take it at once.
    pub fn wake(&self, mut wake: Wake) {
        wake.keys.truncate(WAKE_KEYS);
        let Some(subject) = Word::Wake.of(&wake.host) else {
            tracing::warn!(host.name = wake.host, "no host can be called so; it is not woken");
            return;
        };
        match serde_json::to_vec(&wake) {
            Ok(payload) => self.0.publish(&subject, payload),
            Err(error) => tracing::error!(%error, host.name = wake.host, "wake not sent"),
        }
    }

    /// Tells whoever listens; returns when the bus has the messages.
    pub async fn notify(&self, messages: Vec<Vec<u8>>) -> Result<(), BusError> {
        self.0.deliver(subject::NOTIFICATIONS, messages).await
    }

    /// What others are told of changes.
    pub fn notifications(&self) -> mpsc::Receiver<Vec<u8>> {
        self.0.subscribe(subject::NOTIFICATIONS)
    }

    /// Wakes for one host; unreadable ones are for the reader to ignore.
    pub fn wakes(&self, host: &str) -> Result<mpsc::Receiver<Vec<u8>>, BusError> {
        let subject = Word::Wake.of(host).ok_or_else(|| BusError::NotAHost(host.to_owned()))?;
        Ok(self.0.subscribe(&subject))
    }

    /// Asks for a host and waits for the typed answer.
    pub async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        word: Word,
        host: &str,
        question: &Q,
    ) -> Result<A, BusError> {
        let subject = word.of(host).ok_or_else(|| BusError::NotAHost(host.to_owned()))?;
        let codec = |source| BusError::Codec { subject: subject.clone(), source };
        let payload = serde_json::to_vec(question).map_err(codec)?;
        let (bytes, limit) = (payload.len(), self.max_payload());
        if bytes > limit {
            return Err(BusError::TooLarge { subject, bytes, limit });
        }
        let reply = self.0.request(&subject, payload).await?;
        let answer: Result<A, No> = serde_json::from_slice(&reply).map_err(codec)?;
        answer.map_err(|no| match no {
            No::Busy => BusError::Busy(subject),
            No::Refused { reason } => BusError::Refused { subject, reason },
            No::Unknown => BusError::Refused { subject, reason: "for a reason of another release".into() },
        })
    }

    /// Takes what hosts ask under a word; several servers share the work.
    pub fn serve(&self, word: Word) -> mpsc::Receiver<Request> {
        self.0.serve(&word.of_all())
    }

    /// Bytes that one message may have.
    pub fn max_payload(&self) -> usize {
        self.0.max_payload()
    }

    /// Whether there is a bus at the other end; changes are seen.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.0.connected()
    }
}
