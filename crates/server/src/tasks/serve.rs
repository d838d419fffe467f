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

/// Answers requests of one kind for ever; `app` is what answering takes.
pub async fn serve<C, Q, A, F>(app: C, mut requests: mpsc::Receiver<Request>, answer: fn(C, Q) -> F)
where
    C: Clone + Send + Sync + 'static,
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
                    // The next question may come as soon as the answer is there.
                    drop(place);
                    request.answer(&outcome).await;
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

    async fn handle<C, Q, A, F>(
        &self,
        app: C,
        host: &str,
        request: &Request,
        answer: fn(C, Q) -> F,
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

#[cfg(test)]
mod tests {
    use super::*;
    use bus::{Bus, BusError};
    use model::subject::Word;
    use model::sync::SyncAsk;

    /// A bus whose server answers nothing before the semaphore has permits.
    fn slow() -> (Bus, Arc<Semaphore>, JoinSet<()>) {
        let (bus, gate) = (Bus::in_process(), Arc::new(Semaphore::new(0)));
        let mut tasks = JoinSet::new();
        let answer = |gate: Arc<Semaphore>, ask: SyncAsk| async move {
            drop(gate.acquire().await);
            Ok(ask.host)
        };
        tasks.spawn(serve(gate.clone(), bus.serve(Word::Sync), answer));
        (bus, gate, tasks)
    }

    async fn ask(bus: Bus, subject: String, body: String) -> Result<String, BusError> {
        bus.ask(Word::Sync, &subject, &SyncAsk::all(body)).await
    }

    #[tokio::test]
    async fn who_comes_when_too_many_wait_is_told_so_at_once() {
        let (bus, gate, _tasks) = slow();
        let mut asked = JoinSet::new();
        for n in 0..AT_ONCE + WAITING + 5 {
            asked.spawn(ask(bus.clone(), format!("h{n}"), format!("h{n}")));
        }
        for _ in 0..5 {
            let early = asked.join_next().await.expect("asked").expect("answered");
            assert!(matches!(early, Err(BusError::Busy(_))), "{early:?}");
        }
        gate.add_permits(AT_ONCE + WAITING);
        let mut answered = 0;
        while let Some(answer) = asked.join_next().await {
            assert!(answer.expect("answered").is_ok());
            answered += 1;
        }
        assert_eq!(answered, AT_ONCE + WAITING);
    }

    #[tokio::test]
    async fn a_host_has_one_place_and_nothing_is_done_after_its_asker_gave_up() {
        let (bus, _gate, _tasks) = slow();
        let (bus2, start) = (bus.clone(), tokio::time::Instant::now());
        let first = tokio::spawn(ask(bus2, "a".into(), "a".into()));
        tokio::task::yield_now().await;
        let second = ask(bus.clone(), "a".into(), "a".into()).await;
        assert!(matches!(second, Err(BusError::Busy(_))), "{second:?}");
        let first = first.await.expect("answered");
        assert!(matches!(first, Err(BusError::Busy(_))), "{first:?}");
        assert!(start.elapsed() < bus::REQUEST_TIMEOUT, "given up after {:?}", start.elapsed());
    }

    #[tokio::test]
    async fn a_host_speaks_for_itself_only() {
        let (bus, gate, _tasks) = slow();
        gate.add_permits(1);
        let other = ask(bus.clone(), "a".into(), "b".into()).await;
        assert!(matches!(other, Err(BusError::Refused { .. })), "{other:?}");
        assert_eq!(ask(bus, "b".into(), "b".into()).await.expect("answered"), "b");
    }
}
