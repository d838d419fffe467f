//! A bus that knows which routers its hosts said to be in place, and since when.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bus::{Bus, BusError, InProcess, Request, Transport};
use futures_util::future::BoxFuture;
use model::desired::{Key, Kind};
use model::report::{Report, State};
use model::subject::Word;
use model::sync::No;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

/// What the server acknowledged of one host's routers.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Routers>>);

#[derive(Default)]
struct Routers {
    subject: Option<String>,
    up: BTreeSet<Key>,
    /// When the last of them was.
    last: Option<Instant>,
}

impl Heard {
    pub fn bus(&self) -> Bus {
        Bus::new(Ear { inner: InProcess::default(), heard: self.clone() })
    }

    /// Of this host, from here on.
    pub fn follow(&self, host: &str) {
        *self.routers() = Routers { subject: Word::Report.of(host), ..Routers::default() };
    }

    /// When the last of so many routers was acknowledged.
    pub fn all(&self, count: usize) -> Option<Instant> {
        let routers = self.routers();
        routers.last.filter(|_| routers.up.len() == count)
    }

    fn acknowledged(&self, report: &Report) {
        let up = report.outcomes.iter().filter(|outcome| outcome.state == State::Up);
        let mut routers = self.routers();
        for key in up.map(|outcome| outcome.key).filter(|key| key.kind == Kind::Router) {
            if routers.up.insert(key) {
                routers.last = Some(Instant::now());
            }
        }
    }

    fn routers(&self) -> MutexGuard<'_, Routers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ear {
    inner: InProcess,
    heard: Heard,
}

impl Transport for Ear {
    fn publish(&self, subject: &str, payload: Vec<u8>) {
        self.inner.publish(subject, payload);
    }

    fn subscribe(&self, subject: &str) -> mpsc::Receiver<Vec<u8>> {
        self.inner.subscribe(subject)
    }

    fn request(&self, subject: &str, payload: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, BusError>> {
        let is_followed = self.heard.routers().subject.as_deref() == Some(subject);
        let report = is_followed.then(|| serde_json::from_slice::<Report>(&payload).ok()).flatten();
        let answer = self.inner.request(subject, payload);
        Box::pin(async move {
            let answer = answer.await?;
            if let (Some(report), Ok(Ok(_))) = (report, serde_json::from_slice::<Result<Value, No>>(&answer))
            {
                self.heard.acknowledged(&report);
            }
            Ok(answer)
        })
    }

    fn deliver(&self, subject: &str, messages: Vec<Vec<u8>>) -> BoxFuture<'_, Result<(), BusError>> {
        self.inner.deliver(subject, messages)
    }

    fn serve(&self, pattern: &str) -> mpsc::Receiver<Request> {
        self.inner.serve(pattern)
    }

    fn max_payload(&self) -> usize {
        self.inner.max_payload()
    }

    fn connected(&self) -> watch::Receiver<bool> {
        self.inner.connected()
    }
}
