//! What a host hears of the server and tells it: everything of an agent but the turns.
//!
//! ```text
//! wake, return of the server, sweep -> ask --fetch--> answer -> store -> Heard
//! outcomes -> reporter -> server                  heartbeats, by the clock
//! ```
//! One question is on its way at a time, and whatever asks for another meanwhile is one more.
//! When the bus comes back, each host waits for a moment of its own, says that it lives, and asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, BusError};
use host::Settings;
use model::desired::Key;
use model::report::{Heartbeat, Outcome, State};
use model::{SoftwareOrderId, software};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use crate::heartbeat;
use crate::report::Reporter;
use crate::sync::{Fetched, Store, Taken, fetch};

/// Kinds of unreadable parts that are said.
const COMPLAINTS: usize = 100;

/// A host's end of the bus; dropping it ends what it does.
pub struct Link {
    host: String,
    bus: Bus,
    pub store: Store,
    reporter: Reporter,
    wakes: mpsc::Receiver<Vec<u8>>,
    /// The server answers after it did not.
    returned: Arc<Notify>,
    answers: mpsc::Sender<Option<Fetched>>,
    answered: mpsc::Receiver<Option<Fetched>>,
    /// The server is to be asked; it is not asked twice at once.
    ask_again: bool,
    asking: bool,
    said: BTreeSet<String>,
    tasks: JoinSet<()>,
}

/// What the server told.
#[derive(Debug)]
pub struct Heard {
    /// It told everything: what it did not name must not be.
    pub full: bool,
    pub taken: Taken,
}

impl Link {
    /// Begins to follow the server; heartbeats are made anew for each time they are sent.
    pub fn start(
        bus: Bus,
        host: &str,
        settings: Settings,
        interval: Duration,
        beat: impl Fn() -> Heartbeat + Send + Sync + 'static,
    ) -> Result<Link, BusError> {
        let wakes = bus.wakes(host)?;
        let (reporter, returned) = (Reporter::default(), Arc::new(Notify::new()));
        let (answers, answered) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(reporter.clone().run(bus.clone(), host.to_owned()));
        tasks.spawn(heartbeat::run(beat, interval, bus.clone(), returned.clone()));
        Ok(Link {
            host: host.to_owned(),
            bus,
            store: Store::new(settings),
            reporter,
            wakes,
            returned,
            answers,
            answered,
            ask_again: true,
            asking: false,
            said: BTreeSet::new(),
            tasks,
        })
    }

    /// The next that the server tells; may be given up and called again at any time.
    pub async fn heard(&mut self) -> Heard {
        loop {
            self.ask();
            tokio::select! {
                Some(answer) = self.answered.recv() => {
                    self.asking = false;
                    if let Some(fetched) = answer {
                        return self.take(fetched);
                    }
                }
                Some(_) = self.wakes.recv() => {
                    // A wake carries no state: all that wait are one, whatever they say.
                    while self.wakes.try_recv().is_ok() {}
                    self.ask_again = true;
                }
                () = self.returned.notified() => self.ask_again = true,
            }
        }
    }

    /// By the clock: asks without having been woken, and tells again what may not have been heard.
    pub fn sweep(&mut self) {
        self.ask_again = true;
        self.reporter.sweep();
    }

    /// Tells what became of parts, where that differs from what was told before.
    pub fn tell(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.reporter.tell(outcomes);
    }

    /// Tells what an instance said of an order of its port.
    pub fn say(&self, lease: Key, order: SoftwareOrderId, report: software::Report) {
        self.reporter.say(lease, order, report);
    }

    /// The host has a part no longer: there is nothing to tell of it.
    pub fn forget(&self, key: Key) {
        self.reporter.forget(key);
    }

    /// Asks the server, beside the loop: hosts are repaired while it cannot be reached.
    fn ask(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        if self.asking || !std::mem::take(&mut self.ask_again) {
            return;
        }
        self.asking = true;
        let fetch = fetch(self.bus.clone(), self.host.clone(), self.store.since().cloned());
        let answers = self.answers.clone();
        self.tasks.spawn(async move { drop(answers.send(fetch.await).await) });
    }

    fn take(&mut self, fetched: Fetched) -> Heard {
        let (full, revision) = (fetched.full, fetched.revision);
        if full {
            self.reporter.forget_all();
        }
        self.reporter.count_in(&fetched.epoch);
        for skipped in &fetched.skipped {
            if self.said.len() < COMPLAINTS && self.said.insert(skipped.kind.clone()) {
                let (kind, why) = (&skipped.kind, &skipped.why);
                tracing::warn!(host.name = self.host, kind, why, "part not understood: is the server newer?");
            }
        }
        let untold: Vec<Outcome> = fetched
            .untold
            .iter()
            .map(|key| {
                let reason = "the host could not be told of it in words that it understands".to_owned();
                Outcome::new(*key, revision, State::Failed { reason })
            })
            .collect();
        let taken = self.store.take(fetched);
        self.reporter.tell(untold);
        self.ask_again |= self.store.since().is_none();
        Heard { full, taken }
    }
}
