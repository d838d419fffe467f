//! A connection that can be cut, for tests: nothing leaves it, and no request is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use crate::{Bus, BusError, Request, Transport};

struct Severed {
    inner: Arc<dyn Transport>,
    cut: Arc<AtomicBool>,
}

impl Bus {
    /// The same connection, cut while the switch is on.
    pub fn severable(self) -> (Bus, Arc<AtomicBool>) {
        let cut = Arc::new(AtomicBool::new(false));
        (Bus::new(Severed { inner: self.0, cut: cut.clone() }), cut)
    }
}

impl Transport for Severed {
    fn publish(&self, subject: &str, payload: Vec<u8>) {
        if !self.cut.load(Ordering::Relaxed) {
            self.inner.publish(subject, payload);
        }
    }

    fn subscribe(&self, subject: &str) -> mpsc::Receiver<Vec<u8>> {
        self.inner.subscribe(subject)
    }

    fn request(&self, subject: &str, payload: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, BusError>> {
        if self.cut.load(Ordering::Relaxed) {
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
