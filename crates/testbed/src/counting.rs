//! A transport that counts what passes it.

use std::fmt;
use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bus::{BusError, Request, Transport};
use tokio::sync::{mpsc, watch};

/// The future of a request.
type Answer<'a, T = Vec<u8>> = std::pin::Pin<Box<dyn Future<Output = Result<T, BusError>> + Send + 'a>>;

/// Messages of hosts and to them; cloned handles count together.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    sync: AtomicU64,
    report: AtomicU64,
    beat: AtomicU64,
    wake: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    errors: Mutex<Vec<String>>,
}

/// What was counted up to a moment, or between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub sync: u64,
    pub report: u64,
    pub beat: u64,
    pub wake: u64,
    /// Requests among the above that brought no answer.
    pub failed: u64,
    /// Of wakes, reports, questions for parts and their answers; heartbeats go on by the clock.
    pub bytes: u64,
}

impl Counts {
    pub fn tally(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { sync, report, beat, wake, failed, bytes, .. } = &*self.0;
        Tally {
            sync: read(sync),
            report: read(report),
            beat: read(beat),
            wake: read(wake),
            failed: read(failed),
            bytes: read(bytes),
        }
    }

    /// What requests failed of, each once, for asserts that show everything.
    pub fn errors(&self) -> Vec<String> {
        self.0.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, subject: &str, bytes: usize) {
        let counter = match subject.rsplit('.').next() {
            Some("sync") => &self.0.sync,
            Some("report") => &self.0.report,
            Some("wake") => &self.0.wake,
            _ => {
                self.0.beat.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.add(bytes);
    }

    fn add(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn failed(&self, error: &BusError) {
        self.0.failed.fetch_add(1, Ordering::Relaxed);
        let text = format!("{error:?}").split('(').next().unwrap_or_default().to_owned();
        let mut errors = self.0.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if !errors.contains(&text) {
            errors.push(text);
        }
    }
}

impl Sub for Tally {
    type Output = Tally;

    fn sub(self, before: Tally) -> Tally {
        Tally {
            sync: self.sync - before.sync,
            report: self.report - before.report,
            beat: self.beat - before.beat,
            wake: self.wake - before.wake,
            failed: self.failed - before.failed,
            bytes: self.bytes - before.bytes,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { sync, report, beat, wake, failed, bytes } = self;
        write!(
            f,
            "{wake} wakes, {sync} questions, {report} reports, {beat} heartbeats, {failed} failed, {bytes} bytes"
        )
    }
}

/// One host's end of a bus, counted.
pub struct Counting<T> {
    inner: T,
    counts: Counts,
    hears: bool,
}

impl<T> Counting<T> {
    pub fn new(inner: T, counts: Counts) -> Counting<T> {
        Counting { inner, counts, hears: false }
    }

    /// Counts wakes where they arrive: who sends them is not counted.
    pub fn hearing(inner: T, counts: Counts) -> Counting<T> {
        Counting { inner, counts, hears: true }
    }
}

impl<T: Transport> Transport for Counting<T> {
    fn publish(&self, subject: &str, payload: Vec<u8>) {
        self.counts.count(subject, payload.len());
        self.inner.publish(subject, payload);
    }

    fn deliver(&self, subject: &str, payloads: Vec<Vec<u8>>) -> Answer<'_, ()> {
        payloads.iter().for_each(|payload| self.counts.count(subject, payload.len()));
        self.inner.deliver(subject, payloads)
    }

    fn subscribe(&self, subject: &str) -> mpsc::Receiver<Vec<u8>> {
        let mut heard = self.inner.subscribe(subject);
        if !self.hears {
            return heard;
        }
        let (to, from) = mpsc::channel(heard.max_capacity());
        let (counts, subject) = (self.counts.clone(), subject.to_owned());
        tokio::spawn(async move {
            while let Some(payload) = heard.recv().await {
                counts.count(&subject, payload.len());
                if to.send(payload).await.is_err() {
                    return;
                }
            }
        });
        from
    }

    fn request(&self, subject: &str, payload: Vec<u8>) -> Answer<'_> {
        let subject = subject.to_owned();
        Box::pin(async move {
            self.counts.count(&subject, payload.len());
            let answer = self.inner.request(&subject, payload).await;
            match &answer {
                Ok(_) if subject.ends_with(".beat") => {}
                Ok(answer) => self.counts.add(answer.len()),
                Err(error) => self.counts.failed(error),
            }
            answer
        })
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
