//! Telling the server what became of parts, until it acknowledges.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::Bus;
use model::desired::{Key, Revision};
use model::report::{Outcome, Report, State};
use model::sync::REPORT;
use serde::de::IgnoredAny;
use tokio::sync::Notify;

use crate::backoff::Backoff;

/// Outcomes in one message.
const PAGE: usize = 500;
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
    /// Told last, acknowledged or on its way.
    told: BTreeMap<Key, (Revision, State)>,
    /// Not acknowledged.
    waiting: BTreeMap<Key, Outcome>,
}

impl Reporter {
    /// Tells outcomes that differ from what was told last.
    pub fn tell(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        let mut shared = self.outcomes();
        for outcome in outcomes {
            let told = (outcome.revision, outcome.state.clone());
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

    /// Sends outcomes as they come, for ever.
    pub async fn run(self, bus: Bus, host: String) {
        let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        loop {
            let page = self.page();
            if page.is_empty() {
                self.shared.changed.notified().await;
                continue;
            }
            let report = Report { host: host.clone(), outcomes: page };
            match bus.ask::<_, IgnoredAny>(REPORT, &report).await {
                Ok(_) => {
                    self.acknowledge(&report.outcomes);
                    backoff.reset();
                }
                Err(error) => {
                    tracing::warn!(%error, host.name = host, "report not acknowledged");
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
    }

    fn page(&self) -> Vec<Outcome> {
        self.outcomes().waiting.values().take(PAGE).cloned().collect()
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
