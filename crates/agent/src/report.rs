//! Telling the server what became of parts, until it acknowledges.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::{Bus, BusError};
use model::desired::{Key, Revision};
use model::report::{Outcome, Report, RouterState, State};
use model::subject::Word;
use serde::de::IgnoredAny;
use tokio::sync::Notify;

use crate::backoff::Backoff;

/// Outcomes in one message, and bytes of them: well below what NATS carries.
const PAGE: usize = 100;
const PAGE_BYTES: usize = 256 << 10;
/// Bytes of a message besides its outcomes.
const ENVELOPE: usize = 1 << 10;
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
}

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

    /// The host no longer has the part: there is nothing to tell of it.
    pub fn forget(&self, key: Key) {
        let mut shared = self.outcomes();
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
        let shared = self.outcomes();
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
        Report { host: host.to_owned(), epoch: shared.epoch.clone(), outcomes, skipped: Vec::new() }
    }

    /// What changed while it was on its way stays.
    fn acknowledge(&self, page: &[Outcome]) {
        let mut shared = self.outcomes();
        for outcome in page {
            if shared.waiting.get(&outcome.key) == Some(outcome) {
                shared.waiting.remove(&outcome.key);
            }
        }
    }

    fn outcomes(&self) -> MutexGuard<'_, Outcomes> {
        self.shared.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
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
