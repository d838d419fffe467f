//! The door to other processes.
//!
//! [`Bus`] carries the messages of `model::sync` over a [`Transport`]. No correctness rests on
//! delivery of a published message: it may be lost, doubled or reordered. A request either
//! brings an answer or an error, and may be asked again.

mod in_process;
mod unruly;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use model::sync::{self, Wake};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

pub use in_process::InProcess;
pub use unruly::{Mischief, Unruly};

/// A request that got no answer in this time failed.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("nobody serves {0}")]
    NoResponders(String),
    #[error("no answer on {0} in time")]
    TimedOut(String),
    #[error("on {subject}: unreadable message: {source}")]
    Codec { subject: String, source: serde_json::Error },
    #[error("on {subject}: the other side refused: {reason}")]
    Refused { subject: String, reason: String },
}

/// One way to carry messages; implemented per kind of bus.
pub trait Transport: Send + Sync + 'static {
    /// Sends to all subscribers of a subject, without waiting for them.
    fn publish(&self, subject: &str, payload: Vec<u8>);
    /// Everything published to the subject from here on; a slow reader loses messages.
    fn subscribe(&self, subject: &str) -> mpsc::Receiver<Vec<u8>>;
    /// Asks one of those who serve the subject.
    fn request(&self, subject: &str, payload: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, BusError>>;
    /// Takes requests on a subject; several that serve it share the work.
    fn serve(&self, subject: &str) -> mpsc::Receiver<Request>;
}

/// A request to be answered by calling [`Request::answer`]; dropping it lets the asker time out.
pub struct Request {
    pub payload: Vec<u8>,
    reply: oneshot::Sender<Vec<u8>>,
}

impl Request {
    pub fn new(payload: Vec<u8>, reply: oneshot::Sender<Vec<u8>>) -> Request {
        Request { payload, reply }
    }

    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }

    /// Sends the answer, or the reason why there is none.
    pub fn answer<T: Serialize>(self, outcome: &Result<T, String>) {
        if let Ok(payload) = serde_json::to_vec(outcome) {
            // The asker may have gone; it will ask again.
            let _ = self.reply.send(payload);
        }
    }
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

    pub fn wake(&self, wake: &Wake) {
        match serde_json::to_vec(wake) {
            Ok(payload) => self.0.publish(&sync::wake_subject(&wake.host), payload),
            Err(error) => tracing::error!(%error, host.name = wake.host, "wake not sent"),
        }
    }

    /// Wakes for one host; unreadable ones are for the reader to ignore.
    pub fn wakes(&self, host: &str) -> mpsc::Receiver<Vec<u8>> {
        self.0.subscribe(&sync::wake_subject(host))
    }

    /// Asks and waits for the typed answer.
    pub async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        subject: &str,
        question: &Q,
    ) -> Result<A, BusError> {
        let codec = |source| BusError::Codec { subject: subject.to_owned(), source };
        let payload = serde_json::to_vec(question).map_err(codec)?;
        let reply = self.0.request(subject, payload).await?;
        let answer: Result<A, String> = serde_json::from_slice(&reply).map_err(codec)?;
        answer.map_err(|reason| BusError::Refused { subject: subject.to_owned(), reason })
    }

    pub fn serve(&self, subject: &str) -> mpsc::Receiver<Request> {
        self.0.serve(subject)
    }
}
