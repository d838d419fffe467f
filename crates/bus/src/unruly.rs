//! A transport that misbehaves on purpose: published messages are dropped, doubled and
//! reordered by a seeded rule, requests fail now and then, or it is cut off. For tests of what must
//! survive that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use crate::{Bus, BusError, Request, Transport};

/// Chances in percent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mischief {
    pub drop: u8,
    pub double: u8,
    /// Held back until another message of any subject overtakes it.
    pub hold: u8,
    pub fail_request: u8,
    pub seed: u64,
}

pub struct Unruly {
    inner: Arc<dyn Transport>,
    mischief: Mischief,
    /// While it is set nothing leaves, and no request is answered.
    cut: Arc<AtomicBool>,
    state: Mutex<State>,
}

struct State {
    random: u64,
    held: Vec<(String, Vec<u8>)>,
}

impl Bus {
    /// The same connection, and the switch that cuts it off.
    pub fn severable(self) -> (Bus, Arc<AtomicBool>) {
        let unruly = Unruly::over(self.0, Mischief::default());
        let cut = Arc::clone(&unruly.cut);
        (Bus::new(unruly), cut)
    }
}

impl Unruly {
    pub fn new(inner: impl Transport, mischief: Mischief) -> Unruly {
        Unruly::over(Arc::new(inner), mischief)
    }

    fn over(inner: Arc<dyn Transport>, mischief: Mischief) -> Unruly {
        let state = State { random: mischief.seed | 1, held: Vec::new() };
        Unruly { inner, mischief, cut: Arc::default(), state: Mutex::new(state) }
    }

    /// True with the given chance in percent; xorshift is random enough here.
    fn chance(&self, percent: u8) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.random ^= state.random << 13;
        state.random ^= state.random >> 7;
        state.random ^= state.random << 17;
        state.random % 100 < u64::from(percent)
    }

    fn held(&self) -> Vec<(String, Vec<u8>)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.held)
    }
}

impl Transport for Unruly {
    fn publish(&self, subject: &str, payload: Vec<u8>) {
        if self.cut.load(Ordering::Relaxed) || self.chance(self.mischief.drop) {
            return;
        }
        if self.chance(self.mischief.hold) {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.held.push((subject.to_owned(), payload));
            return;
        }
        if self.chance(self.mischief.double) {
            self.inner.publish(subject, payload.clone());
        }
        self.inner.publish(subject, payload);
        for (subject, payload) in self.held() {
            self.inner.publish(&subject, payload);
        }
    }

    fn deliver(&self, subject: &str, payloads: Vec<Vec<u8>>) -> BoxFuture<'_, Result<(), BusError>> {
        if self.cut.load(Ordering::Relaxed) || self.chance(self.mischief.fail_request) {
            return Box::pin(std::future::ready(Err(BusError::Disconnected)));
        }
        self.inner.deliver(subject, payloads)
    }

    fn subscribe(&self, subject: &str) -> mpsc::Receiver<Vec<u8>> {
        self.inner.subscribe(subject)
    }

    fn request(&self, subject: &str, payload: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, BusError>> {
        if self.cut.load(Ordering::Relaxed) || self.chance(self.mischief.fail_request) {
            let subject = subject.to_owned();
            return Box::pin(async move { Err(BusError::TimedOut(subject)) });
        }
        self.inner.request(subject, payload)
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
