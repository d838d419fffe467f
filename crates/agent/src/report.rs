//! Telling the server what became of parts, until it acknowledges.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::{Bus, BusError};
use model::desired::{Key, Revision};
use model::report::{Outcome, Report, RouterState, State};
use model::subject::Word;
use model::{SoftwareOrderId, software};
use serde::de::IgnoredAny;
use tokio::sync::Notify;

use crate::backoff::Backoff;

/// Outcomes in one message, and bytes of them: well below what NATS carries.
const PAGE: usize = 100;
const PAGE_BYTES: usize = 256 << 10;
/// Bytes of a message besides its outcomes.
const ENVELOPE: usize = 1 << 10;
/// Of an order's id, and what stands around it.
const ID_BYTES: usize = 64;
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Outcomes on their way; cloned handles share them.
#[derive(Clone, Default)]
pub(crate) struct Reporter {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    outcomes: Mutex<Outcomes>,
    changed: Notify,
}

#[derive(Default)]
struct Outcomes {
    /// In which life of the server's database revisions are counted.
    epoch: String,
    /// Told last, acknowledged or on its way.
    told: BTreeMap<Key, (Revision, State, Option<RouterState>)>,
    /// Not acknowledged.
    waiting: BTreeMap<Key, Outcome>,
    /// Sent in a message that was given up, and that may be stored after a later one.
    doubtful: BTreeSet<Key>,
    /// What instances said of their orders, not acknowledged, by lease. It travels with the lease's outcome.
    said: BTreeMap<Key, Reports>,
    /// Whose reports travelled last: the next of them comes first, however much one says.
    last: Option<Key>,
}

type Reports = BTreeMap<SoftwareOrderId, software::Report>;

impl Reporter {
    /// Tells outcomes that differ from what was told last.
    pub fn tell(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        let mut shared = self.outcomes();
        for outcome in outcomes {
            let outcome = outcome.bounded();
            let told = (outcome.revision, outcome.state.clone(), outcome.router);
            if shared.told.get(&outcome.key) != Some(&told) {
                shared.told.insert(outcome.key, told);
                shared.waiting.insert(outcome.key, outcome);
            }
        }
        if !shared.waiting.is_empty() {
            self.shared.changed.notify_one();
        }
    }

    /// Tells what an instance said of an order of its port.
    pub fn say(&self, lease: Key, order: SoftwareOrderId, report: software::Report) {
        self.outcomes().said.entry(lease).or_default().insert(order, report.bounded());
        self.shared.changed.notify_one();
    }

    /// The host no longer has the part: there is nothing to tell of it.
    pub fn forget(&self, key: Key) {
        let mut shared = self.outcomes();
        shared.said.remove(&key);
        shared.told.remove(&key);
        shared.waiting.remove(&key);
    }

    /// The server may have forgotten what it was told: tell all again.
    pub fn forget_all(&self) {
        *self.outcomes() = Outcomes::default();
    }

    pub fn count_in(&self, epoch: &str) {
        epoch.clone_into(&mut self.outcomes().epoch);
    }

    /// What may have been overtaken on its way is told again with the next turn.
    pub fn sweep(&self) {
        let mut shared = self.outcomes();
        for key in std::mem::take(&mut shared.doubtful) {
            shared.told.remove(&key);
        }
    }

    /// Sends outcomes as they come, one message at a time, for ever.
    pub async fn run(self, bus: Bus, host: String) {
        let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        loop {
            let bytes = PAGE_BYTES.min(bus.max_payload().saturating_sub(ENVELOPE));
            let report = self.page(&host, bytes);
            if report.outcomes.is_empty() {
                self.shared.changed.notified().await;
                continue;
            }
            let Err(error) = bus.ask::<_, IgnoredAny>(Word::Report, &host, &report).await else {
                self.acknowledge(&report.outcomes);
                backoff.reset();
                continue;
            };
            if backoff.is_fresh() {
                tracing::warn!(%error, host.name = host, "report not acknowledged; sent until it is");
            }
            if matches!(error, BusError::TimedOut(_) | BusError::Disconnected) {
                self.outcomes().doubtful.extend(report.outcomes.iter().map(|outcome| outcome.key));
            }
            backoff.pause(&bus).await;
        }
    }

    fn page(&self, host: &str, bytes: usize) -> Report {
        let mut shared = self.outcomes();
        let mut used = 0;
        let fits = |outcome: &&Outcome| {
            used += serde_json::to_vec(outcome).map_or(0, |outcome| outcome.len() + 1);
            used <= bytes
        };
        let mut outcomes: Vec<Outcome> =
            shared.waiting.values().take(PAGE).take_while(fits).cloned().collect();
        if outcomes.is_empty() {
            outcomes.extend(shared.waiting.values().next().cloned());
        }
        shared.add_said(&mut outcomes, bytes);
        Report { host: host.to_owned(), epoch: shared.epoch.clone(), outcomes, skipped: Vec::new() }
    }

    /// What changed while it was on its way stays.
    fn acknowledge(&self, page: &[Outcome]) {
        let mut shared = self.outcomes();
        for outcome in page {
            let told = Outcome { orders: Reports::new(), ..outcome.clone() };
            if shared.waiting.get(&outcome.key) == Some(&told) {
                shared.waiting.remove(&outcome.key);
            }
            if let Some(said) = shared.said.get_mut(&outcome.key) {
                said.retain(|order, report| outcome.orders.get(order) != Some(report));
                if said.is_empty() {
                    shared.said.remove(&outcome.key);
                }
            }
        }
    }

    fn outcomes(&self) -> MutexGuard<'_, Outcomes> {
        self.shared.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcomes {
    /// Adds what instances said, as far as it fits: of each lease in its turn, and never so much that what
    /// one says stops the others.
    fn add_said(&mut self, outcomes: &mut Vec<Outcome>, bytes: usize) {
        let size = |outcome: &Outcome| serde_json::to_vec(outcome).map_or(0, |text| text.len() + 1);
        let mut used: usize = outcomes.iter().map(size).sum();
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let later = self.said.range((after, Bound::Unbounded));
        let turns: Vec<Key> = later.chain(&self.said).map(|(key, _)| *key).take(self.said.len()).collect();
        for key in turns {
            // Without an outcome of the lease there is nothing yet that it is about.
            let Some((revision, state, router)) = self.told.get(&key).cloned() else { continue };
            let place = outcomes.iter().position(|outcome| outcome.key == key);
            if place.is_none() && outcomes.len() >= PAGE {
                continue;
            }
            let mut outcome = Outcome { router, ..Outcome::new(key, revision, state) };
            let mut len = if place.is_none() { size(&outcome) } else { 0 };
            for (order, report) in &self.said[&key] {
                let more = serde_json::to_vec(report).map_or(0, |text| text.len()) + ID_BYTES;
                // What is larger than the bus says goes alone.
                if used + len + more > bytes && !(outcomes.is_empty() && outcome.orders.is_empty()) {
                    break;
                }
                len += more;
                outcome.orders.insert(*order, report.clone());
            }
            if outcome.orders.is_empty() {
                break;
            }
            used += len;
            self.last = Some(key);
            match place {
                Some(place) => outcomes[place].orders = outcome.orders,
                None => outcomes.push(outcome),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use model::desired::Kind;
    use uuid::Uuid;

    fn outcome(n: u128, state: State) -> Outcome {
        Outcome::new(Key::new(Kind::Port, Uuid::from_u128(n)), 1, state)
    }

    fn failed(length: usize) -> State {
        State::Failed { reason: "x".repeat(length) }
    }

    #[test]
    fn pages_fit_the_bus_and_hold_everything() {
        let reporter = Reporter::default();
        reporter.tell((0..1200).map(|n| outcome(n, failed(400))));
        let (mut told, mut pages) = (0, 0);
        loop {
            let page = reporter.page("h", 64 << 10).outcomes;
            if page.is_empty() {
                break;
            }
            let bytes = serde_json::to_vec(&page).expect("serializes").len();
            assert!(bytes <= (64 << 10) + 2 && page.len() <= PAGE, "{} outcomes, {bytes} bytes", page.len());
            told += page.len();
            pages += 1;
            reporter.acknowledge(&page);
        }
        assert!(told == 1200 && pages > 5, "{told} on {pages} pages");
        // What is larger than the bus says goes alone, to be refused by name.
        reporter.tell([outcome(1, failed(300)), outcome(2, failed(300))]);
        assert_eq!(reporter.page("h", 100).outcomes.len(), 1);
    }

    fn said(length: usize) -> software::Report {
        let state = software::State::Failed;
        // Each letter is six in JSON.
        let output = "\u{1}".repeat(length);
        software::Report { attempt: 0, state, progress_percent: 0, reason: String::new(), output }
    }

    #[test]
    fn what_instances_say_travels_in_turns_until_it_is_acknowledged() {
        let reporter = Reporter::default();
        let lease = |n| Key::new(Kind::Lease, Uuid::from_u128(n));
        let order = |n| SoftwareOrderId(Uuid::from_u128(n));
        reporter.say(lease(1), order(0), said(1));
        assert!(reporter.page("h", PAGE_BYTES).outcomes.is_empty(), "nothing is known of the lease");
        reporter.tell((1..4).map(|n| Outcome::new(lease(n), 1, State::Up)));
        let page = reporter.page("h", PAGE_BYTES).outcomes;
        assert_eq!((page.len(), page[0].orders.len()), (3, 1));
        reporter.acknowledge(&page);
        assert!(reporter.page("h", PAGE_BYTES).outcomes.is_empty());
        // One says as much as one can, again and again; the others are heard.
        let loud =
            || (0..software::ORDERS as u128).for_each(|n| reporter.say(lease(1), order(n), said(4096)));
        loud();
        [2, 3].into_iter().for_each(|n| reporter.say(lease(n), order(9), said(1)));
        let mut heard = BTreeSet::new();
        for _ in 0..2 {
            let page = reporter.page("h", 64 << 10).outcomes;
            let bytes = serde_json::to_vec(&page).expect("serializes").len();
            assert!(bytes <= (64 << 10) + 2, "{bytes} bytes");
            heard.extend(page.iter().map(|outcome| outcome.key));
            reporter.acknowledge(&page);
            loud();
        }
        assert_eq!(heard, (1..4).map(lease).collect());
        // What is said while it is on its way is not acknowledged with it.
        let page = reporter.page("h", PAGE_BYTES).outcomes;
        let first = *page[0].orders.keys().next().expect("an order");
        reporter.say(lease(1), first, said(7));
        reporter.acknowledge(&page);
        let next = reporter.page("h", PAGE_BYTES).outcomes;
        assert_eq!(next[0].orders[&first], said(7));
    }

    #[test]
    fn what_may_have_been_overtaken_is_told_again() {
        let reporter = Reporter::default();
        let (up, down) = (outcome(1, State::Up), outcome(1, State::Down));
        reporter.tell([down]);
        reporter.outcomes().doubtful.insert(up.key);
        reporter.tell([up.clone()]);
        let page = reporter.page("h", PAGE_BYTES).outcomes;
        assert_eq!(page, from_ref(&up));
        reporter.acknowledge(&page);
        reporter.tell([up.clone()]);
        assert!(reporter.page("h", PAGE_BYTES).outcomes.is_empty(), "told and acknowledged");
        reporter.sweep();
        reporter.tell([up.clone()]);
        assert_eq!(reporter.page("h", PAGE_BYTES).outcomes, from_ref(&up), "the first may be stored last");
        reporter.acknowledge(from_ref(&up));
        reporter.sweep();
        reporter.tell([up]);
        assert!(reporter.page("h", PAGE_BYTES).outcomes.is_empty(), "once is enough");
    }
}
