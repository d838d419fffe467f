//! A server that serves parts from a map and records reports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bus::{Bus, Request};
use model::desired::{Key, Part, Revision};
use model::report::{AgentState, Heartbeat, Outcome, Report, State};
use model::subject::Word;
use model::sync::{Change, No, SyncAnswer, SyncAsk, Wake};

/// Small, so that answers have pages.
const PAGE: usize = 40;

#[derive(Clone)]
pub struct Server {
    pub bus: Bus,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    revision: Revision,
    /// By host; a part that was taken away stays as `None`.
    parts: BTreeMap<String, BTreeMap<Key, (Revision, Option<Part>)>>,
    outcomes: BTreeMap<(String, Key), Outcome>,
    beats: BTreeMap<String, Vec<AgentState>>,
    mute: bool,
}

impl Server {
    /// Must be called within a runtime.
    pub fn start() -> Server {
        let server = Server { bus: Bus::in_process(), shared: Arc::default() };
        server.serve(Word::Sync, |shared, ask: SyncAsk| shared.sync(&ask));
        server.serve(Word::Report, |shared, report: Report| shared.report(report));
        server.serve(Word::Beat, |shared, beat: Heartbeat| {
            shared.beats.insert(beat.host, beat.agents);
        });
        server
    }

    /// Gives a host parts, and wakes it.
    pub fn put(&self, host: &str, parts: impl IntoIterator<Item = Part>) {
        self.change(host, parts.into_iter().map(|part| (part.key(), Some(part))));
    }

    pub fn remove(&self, host: &str, keys: impl IntoIterator<Item = Key>) {
        self.change(host, keys.into_iter().map(|key| (key, None)));
    }

    /// What the host said last of a part.
    pub fn state(&self, host: &str, key: Key) -> Option<State> {
        self.lock().outcomes.get(&(host.to_owned(), key)).map(|outcome| outcome.state.clone())
    }

    /// Whether the host said of a part, as it was put last, that it is in place.
    pub fn is_settled(&self, host: &str, key: Key) -> bool {
        let shared = self.lock();
        let put = shared.parts.get(host).and_then(|parts| parts.get(&key)).map(|(revision, _)| *revision);
        let said = shared.outcomes.get(&(host.to_owned(), key));
        said.is_some_and(|said| Some(said.revision) >= put && said.state == State::Up)
    }

    pub fn outcomes(&self, host: &str) -> Vec<Outcome> {
        let shared = self.lock();
        let of_host = shared.outcomes.iter().filter(|((name, _), _)| name == host);
        of_host.map(|(_, outcome)| outcome.clone()).collect()
    }

    /// How many outcomes there were.
    pub fn forget_outcomes(&self, host: &str) -> usize {
        let mut shared = self.lock();
        let before = shared.outcomes.len();
        shared.outcomes.retain(|(name, _), _| name != host);
        before - shared.outcomes.len()
    }

    pub fn agents(&self, host: &str) -> Vec<AgentState> {
        self.lock().beats.get(host).cloned().unwrap_or_default()
    }

    /// Answers nobody until told otherwise.
    pub fn mute(&self, mute: bool) {
        self.lock().mute = mute;
    }

    fn change(&self, host: &str, changes: impl Iterator<Item = (Key, Option<Part>)>) {
        let mut shared = self.lock();
        shared.revision += 1;
        let revision = shared.revision;
        let parts = shared.parts.entry(host.to_owned()).or_default();
        let mut keys = Vec::new();
        for (key, part) in changes {
            parts.insert(key, (revision, part));
            keys.push(key);
        }
        drop(shared);
        self.bus.wake(Wake { host: host.to_owned(), keys, revision });
    }

    fn serve<Q, A>(&self, word: Word, answer: impl Fn(&mut Shared, Q) -> A + Send + 'static)
    where
        Q: serde::de::DeserializeOwned,
        A: serde::Serialize + Send + Sync,
    {
        let mut requests = self.bus.serve(word);
        let shared = self.shared.clone();
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                let request: Request = request;
                let outcome = {
                    let mut shared = shared.lock().expect("not poisoned");
                    match request.parse() {
                        _ if shared.mute => Err(No::Busy),
                        Ok(question) => Ok(answer(&mut shared, question)),
                        Err(error) => Err(No::Refused { reason: error.to_string() }),
                    }
                };
                request.answer(&outcome).await;
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("not poisoned")
    }
}

impl Shared {
    fn sync(&self, ask: &SyncAsk) -> SyncAnswer {
        let full = ask.since.is_none();
        let since = ask.since.unwrap_or(0);
        let parts = self.parts.get(&ask.host).into_iter().flatten();
        let mut parts: Vec<Change> = parts
            .filter(|(_, (revision, part))| if full { part.is_some() } else { *revision > since })
            .filter(|(key, _)| ask.after.is_none_or(|after| **key > after))
            .map(|(key, (_, part))| Change { key: *key, part: part.clone() })
            .take(PAGE + 1)
            .collect();
        let more = parts.len() > PAGE;
        parts.truncate(PAGE);
        let next = if more { parts.last().map(|change| change.key) } else { None };
        let (epoch, untold, skipped) = (String::new(), vec![], vec![]);
        let kinds = model::sync::words();
        SyncAnswer { revision: self.revision, epoch, full, parts, untold, next, kinds, skipped }
    }

    fn report(&mut self, report: Report) {
        for mut outcome in report.outcomes {
            let place = (report.host.clone(), outcome.key);
            // What is said of an order counts until something else is.
            let mut orders = self.outcomes.remove(&place).map(|known| known.orders).unwrap_or_default();
            orders.append(&mut outcome.orders);
            self.outcomes.insert(place, Outcome { orders, ..outcome });
        }
    }
}

/// States of parts, for asserts that show everything.
pub fn failed(outcomes: &[Outcome]) -> BTreeSet<String> {
    let failed = outcomes.iter().filter(|outcome| outcome.state != State::Up);
    failed.map(|outcome| format!("{}: {:?}", outcome.key, outcome.state)).collect()
}
