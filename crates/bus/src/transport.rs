//! What a kind of bus can do.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::subject;
use model::sync::No;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};

use crate::BusError;

/// A request that got no answer in this time failed.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// One way to carry messages; implemented per kind of bus. No call waits for the bus to be
/// connected: what cannot be sent at once is lost, or an error.
pub trait Transport: Send + Sync + 'static {
    /// Sends to all subscribers of a subject, without waiting for them.
    fn publish(&self, subject: &str, payload: Vec<u8>);
    /// The same of several messages; returns when the bus has them, or says why it does not.
    fn deliver(&self, subject: &str, payloads: Vec<Vec<u8>>) -> BoxFuture<'_, Result<(), BusError>>;
    /// Everything published to the subject from here on; a slow reader loses messages.
    fn subscribe(&self, subject: &str) -> mpsc::Receiver<Vec<u8>>;
    /// Asks one of those who serve the subject.
    fn request(&self, subject: &str, payload: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, BusError>>;
    /// Takes requests on subjects, where `*` in the pattern stands for one token; several that
    /// serve a pattern share the work.
    fn serve(&self, pattern: &str) -> mpsc::Receiver<Request>;
    /// Bytes that one message may have.
    fn max_payload(&self) -> usize;
    /// Whether there is a bus at the other end.
    fn connected(&self) -> watch::Receiver<bool>;
}

/// True when a subject fits a pattern, where `*` stands for one token.
pub fn matches(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (None, None) => return true,
            (Some(word), Some(token)) if word == token || word == "*" => {}
            _ => return false,
        }
    }
}

/// Takes an answer on its way.
pub type Reply = Box<dyn FnOnce(Vec<u8>) -> BoxFuture<'static, ()> + Send + Sync>;

/// A request to be answered by calling [`Request::answer`]; one that is dropped is answered with
/// [`No::Busy`], so that its asker need not wait for its time to be over.
pub struct Request {
    pub subject: String,
    pub payload: Vec<u8>,
    reply: Option<Reply>,
    limit: usize,
}

impl Request {
    /// `limit`: bytes that the answer may have.
    pub fn new(subject: String, payload: Vec<u8>, limit: usize, reply: Reply) -> Request {
        Request { subject, payload, reply: Some(reply), limit }
    }

    /// The host that asks, as the bus vouches for it.
    pub fn host(&self) -> Option<String> {
        subject::host_of(&self.subject)
    }

    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }

    /// Sends the answer, or the reason why there is none.
    pub async fn answer<T: Serialize>(mut self, outcome: &Result<T, No>) {
        let Some(reply) = self.reply.take() else { return };
        let payload = match serde_json::to_vec(outcome) {
            Ok(payload) if payload.len() <= self.limit => payload,
            unfit => {
                let bytes = unfit.map_or(0, |payload| payload.len());
                tracing::error!(subject = self.subject, bytes, limit = self.limit, "answer cannot be sent");
                no(&No::Refused { reason: "the answer is larger than the bus carries".to_owned() })
            }
        };
        // Where it cannot be sent in time, the asker has given up.
        let _ = tokio::time::timeout(REQUEST_TIMEOUT, reply(payload)).await;
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            let _ = tokio::task::unconstrained(reply(no(&No::Busy))).now_or_never();
        }
    }
}

fn no(no: &No) -> Vec<u8> {
    serde_json::to_vec(&Err::<(), &No>(no)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_token() {
        for (pattern, subject, fits) in [
            ("agent.*.sync", "agent.a.sync", true),
            ("agent.*.sync", "agent.a.b.sync", false),
            ("agent.*.sync", "agent.sync", false),
            ("agent.*.sync", "agent.a.report", false),
            ("agent.*.sync", "agent.a.sync.x", false),
            ("a.b", "a.b", true),
            ("a.b", "a.*", false),
        ] {
            assert_eq!(matches(pattern, subject), fits, "{pattern} {subject}");
        }
    }
}
