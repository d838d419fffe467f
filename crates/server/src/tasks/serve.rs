//! Serving what hosts ask: many at a time and not more, each host one thing at a time. Who comes
//! when too many wait is told so at once, and comes again later.
//!
//! A host sends its next report when the last was answered or given up. As a request here ends,
//! one way or the other, before its asker gives up, reports of one host are stored in order.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bus::Request;
use model::sync::{FromHost, No};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::app::App;
use crate::error::Fault;

/// Requests of one kind that are carried out at a time.
const AT_ONCE: usize = 8;
/// Requests of one kind that wait for their turn.
const WAITING: usize = 256;
/// How long one waits for its turn, and how long it may take then. Together less than askers wait.
const PATIENCE: Duration = Duration::from_secs(3);
const WORK: Duration = Duration::from_secs(6);
const _: () = assert!(PATIENCE.as_secs() + WORK.as_secs() < bus::REQUEST_TIMEOUT.as_secs());
/// Different complaints that are logged.
const COMPLAINTS: usize = 1000;

/// Answers requests of one kind for ever.
pub async fn serve<Q, A, F>(app: App, mut requests: mpsc::Receiver<Request>, answer: fn(App, Q) -> F)
where
    Q: DeserializeOwned + FromHost + Send + 'static,
    A: Serialize + Send + Sync + 'static,
    F: Future<Output = Result<A, Fault>> + Send + 'static,
{
    let desk = Arc::new(Desk::default());
    let mut tasks = JoinSet::new();
    while let Some(request) = requests.recv().await {
        while tasks.try_join_next().is_some() {}
        let Some(host) = request.host() else { continue };
        match Place::take(&desk, &host) {
            Some(place) => {
                let app = app.clone();
                tasks.spawn(async move {
                    let outcome = place.handle(app, &host, &request, answer).await;
                    // The place is kept until the answer is on its way: the next comes after it.
                    request.answer(&outcome).await;
                    drop(place);
                });
            }
            None => request.answer(&Err::<A, No>(No::Busy)).await,
        }
    }
}

/// Who is served.
struct Desk {
    hosts: Mutex<BTreeSet<String>>,
    turns: Semaphore,
    said: Mutex<BTreeSet<String>>,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk { hosts: Mutex::default(), turns: Semaphore::new(AT_ONCE), said: Mutex::default() }
    }
}

/// A host's place at the desk; dropping it gives it to the next.
struct Place {
    desk: Arc<Desk>,
    host: String,
}

impl Place {
    fn take(desk: &Arc<Desk>, host: &str) -> Option<Place> {
        let mut hosts = desk.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = hosts.len() < AT_ONCE + WAITING && hosts.insert(host.to_owned());
        fits.then(|| Place { desk: desk.clone(), host: host.to_owned() })
    }

    async fn handle<Q, A, F>(
        &self,
        app: App,
        host: &str,
        request: &Request,
        answer: fn(App, Q) -> F,
    ) -> Result<A, No>
    where
        Q: DeserializeOwned + FromHost,
        F: Future<Output = Result<A, Fault>>,
    {
        let Ok(turn) = timeout(PATIENCE, self.desk.turns.acquire()).await else { return Err(No::Busy) };
        let _turn = turn.map_err(|_| No::Busy)?;
        let question: Q = match request.parse() {
            Ok(question) => question,
            Err(error) => return Err(self.refuse(&format!("the message cannot be read: {error}"))),
        };
        if question.host() != host {
            return Err(self.refuse("a host speaks for itself only"));
        }
        for skipped in question.skipped() {
            self.say(&skipped.kind, &format!("part of a message was skipped: {}", skipped.why));
        }
        match timeout(WORK, answer(app, question)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Fault::Refused(refusal))) => Err(self.refuse(&refusal.to_string())),
            Ok(Err(fault)) => {
                tracing::warn!(%fault, host.name = host, "a host's request failed; it will ask again");
                Err(No::Refused { reason: "the server could not; its log says why".to_owned() })
            }
            Err(_) => Err(No::Busy),
        }
    }

    fn refuse(&self, reason: &str) -> No {
        self.say(&self.host, reason);
        No::Refused { reason: reason.to_owned() }
    }

    /// Logs a complaint once; a host must not be able to fill the log.
    fn say(&self, about: &str, text: &str) {
        let mut said = self.desk.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < COMPLAINTS && said.insert(about.to_owned()) {
            tracing::warn!(host.name = self.host, "{text}; said once");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut hosts = self.desk.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.remove(&self.host);
    }
}
