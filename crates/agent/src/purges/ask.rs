//! Talking to ctpurge: hands jobs over whenever it is there, and asks until they are done. Holds few at a
//! time; who hands them over keeps all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use kernel::conversation::{AskError, Conversation};
use model::purge::{Answer, Job, JobId, Request, State};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::backoff::Backoff;

/// Before the first question whether jobs are done; each later one comes after twice as long. Who came waits
/// for it.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// Between questions at last, and before jobs are sent again that ctpurge was too busy for.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Addresses of the jobs of one request: what surely fits into a message.
const WEIGHT: usize = 12_000;
/// Jobs of one request.
const AT_ONCE: usize = 100;
/// Jobs that are held: fewer than ctpurge remembers of those that ended.
const HELD: usize = 256;

/// What became of a job.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Told {
    Done(JobId),
    /// It was given up: it is to be handed over again.
    Failed(JobId, String),
    /// It was refused as wrong: it would be again.
    Refused(JobId, String),
    /// Nobody is there to whom jobs could be handed over.
    Away(String),
    Back,
}

/// Runs until nobody sends jobs.
pub(super) async fn run(socket: PathBuf, mut inbox: mpsc::Receiver<Job>, told: mpsc::UnboundedSender<Told>) {
    let mut held: BTreeMap<JobId, Job> = BTreeMap::new();
    let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
    let mut is_away = false;
    loop {
        if held.is_empty() {
            let Some(job) = inbox.recv().await else { return };
            held.insert(job.id, job);
        }
        let outcome = match Conversation::open(&socket).await {
            Ok(conversation) => {
                if std::mem::take(&mut is_away) {
                    let _ = told.send(Told::Back);
                }
                converse(conversation, &mut held, &mut inbox, &told).await
            }
            Err(error) => {
                if !std::mem::replace(&mut is_away, true) {
                    let _ = told.send(Told::Away(error.to_string()));
                }
                Err(error)
            }
        };
        match outcome {
            Ok(()) => backoff.reset(),
            Err(error) => {
                if backoff.is_fresh() {
                    tracing::warn!(%error, "connections that should be forgotten wait");
                }
                sleep(backoff.next()).await;
            }
        }
    }
}

/// Over one connection, until nothing is held.
async fn converse(
    mut conversation: Conversation<Request>,
    held: &mut BTreeMap<JobId, Job>,
    inbox: &mut mpsc::Receiver<Job>,
    told: &mpsc::UnboundedSender<Told>,
) -> Result<(), AskError> {
    let mut accepted = BTreeSet::new();
    let mut busy = Backoff::new(PAUSE, LONGEST_PAUSE);
    let mut send_at = Instant::now();
    let mut pause = FIRST_PAUSE;
    while !held.is_empty() {
        while held.len() < HELD
            && let Ok(job) = inbox.try_recv()
        {
            held.insert(job.id, job);
            pause = FIRST_PAUSE;
        }
        if Instant::now() >= send_at {
            match submit(&mut conversation, held, &mut accepted, told).await? {
                true => busy.reset(),
                false => send_at = Instant::now() + busy.next(),
            }
        }
        accepted.retain(|id| held.contains_key(id));
        let before = held.len();
        for id in accepted.clone() {
            match conversation.ask(&Request::Job { id }).await? {
                Answer::Job { job: Some(shown) } if !shown.state.has_ended() => {}
                Answer::Job { job: Some(shown) } => match shown.state {
                    State::Failed { reason, .. } => end(Told::Failed(id, reason), id, held, told),
                    _ => end(Told::Done(id), id, held, told),
                },
                // It does not know what became of it: again.
                Answer::Job { job: None } => drop(accepted.remove(&id)),
                other => return Err(AskError::other::<Request>(&other)),
            }
        }
        if held.len() < before {
            // There is room again.
            busy.reset();
            send_at = Instant::now();
        }
        if !held.is_empty() {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE);
        }
    }
    Ok(())
}

/// Hands over what was not accepted yet; false when ctpurge was too busy for some.
async fn submit(
    conversation: &mut Conversation<Request>,
    held: &mut BTreeMap<JobId, Job>,
    accepted: &mut BTreeSet<JobId>,
    told: &mpsc::UnboundedSender<Told>,
) -> Result<bool, AskError> {
    for jobs in requests(held, accepted) {
        let outcomes = match conversation.ask(&Request::Submit { jobs: jobs.clone() }).await? {
            Answer::Submitted { outcomes } if outcomes.len() == jobs.len() => outcomes,
            other => return Err(AskError::other::<Request>(&other)),
        };
        let mut is_busy = false;
        for (job, refused) in jobs.iter().zip(outcomes) {
            match refused {
                None => drop(accepted.insert(job.id)),
                Some(refused) if refused.is_for_now() => is_busy = true,
                Some(refused) => end(Told::Refused(job.id, refused.message), job.id, held, told),
            }
        }
        if is_busy {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Jobs that are to be handed over, as many together as a message takes.
fn requests(held: &BTreeMap<JobId, Job>, accepted: &BTreeSet<JobId>) -> Vec<Vec<Job>> {
    let mut requests: Vec<Vec<Job>> = Vec::new();
    let mut weight = 0;
    for job in held.values().filter(|job| !accepted.contains(&job.id)) {
        weight += job.what.weight();
        match requests.last_mut() {
            Some(last) if weight < WEIGHT && last.len() < AT_ONCE => last.push(job.clone()),
            _ => {
                weight = job.what.weight();
                requests.push(vec![job.clone()]);
            }
        }
    }
    requests
}

fn end(what: Told, id: JobId, held: &mut BTreeMap<JobId, Job>, told: &mpsc::UnboundedSender<Told>) {
    held.remove(&id);
    // An agent that ended asks again when it is back.
    let _ = told.send(what);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use kernel::conversation::{Answers, listen, serve};
    use model::purge::{JobShown, Outcome, Place, Progress, Reason, What};
    use uuid::Uuid;

    use super::*;

    /// Takes one job, and says at the fourth question that it is done.
    #[derive(Default)]
    struct Soon(AtomicU32);

    impl Answers for Soon {
        type Question = Request;

        async fn answer(&self, request: Request) -> Answer {
            match request {
                Request::Submit { jobs } => Answer::Submitted { outcomes: vec![None; jobs.len()] },
                Request::Job { id } => {
                    let state = match self.0.fetch_add(1, Ordering::Relaxed) {
                        3 => State::Done(Outcome::default()),
                        _ => State::Running(Progress::default()),
                    };
                    let (reason, place, what) = (Reason::AddressArrived, Place::Host, String::new());
                    Answer::Job { job: Some(Box::new(JobShown { id, reason, place, what, state })) }
                }
                other => panic!("asked for {other:?}"),
            }
        }
    }

    /// The least of several: a machine that is busy with others adds what it likes.
    #[tokio::test]
    async fn what_ends_soon_is_heard_of_soon() {
        let mut took = Vec::new();
        for n in 0..5 {
            let dir = tempfile::tempdir().expect("directory");
            let socket = dir.path().join("socket");
            let mut tasks = tokio::task::JoinSet::new();
            let listener = listen(&socket, &[]).expect("listens");
            tasks.spawn(serve(listener, Arc::<Soon>::default(), &[]));
            let (jobs, inbox) = mpsc::channel(1);
            let (tells, mut told) = mpsc::unbounded_channel();
            tasks.spawn(run(socket, inbox, tells));
            let id = JobId(Uuid::from_u128(n));
            let (reason, place) = (Reason::AddressArrived, Place::Host);
            let begun = Instant::now();
            jobs.send(Job { id, reason, place, what: What::Zone(1) }).await.expect("taken");
            assert_eq!(told.recv().await, Some(Told::Done(id)));
            took.push(begun.elapsed());
        }
        assert!(took.iter().min().expect("several") < &(PAUSE * 2), "{took:?}");
    }
}
