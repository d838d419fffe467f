//! Talking to ctpurge: hands jobs over whenever it is there, and asks until they are done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::purge::{Answer, Job, JobId, Request, State};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::ctpurge::{ClientError, Conversation};

/// Between questions whether jobs are done.
const PAUSE: Duration = Duration::from_millis(100);
/// Addresses of the jobs of one request: what surely fits into a message.
const WEIGHT: usize = 12_000;
/// Jobs of one request.
const AT_ONCE: usize = 100;

/// Runs until nobody sends jobs.
pub(super) async fn run(
    socket: PathBuf,
    mut inbox: mpsc::UnboundedReceiver<Job>,
    ended: mpsc::UnboundedSender<JobId>,
) {
    let mut waiting: BTreeMap<JobId, Job> = BTreeMap::new();
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        if waiting.is_empty() {
            let Some(job) = inbox.recv().await else { return };
            waiting.insert(job.id, job);
        }
        match converse(&socket, &mut waiting, &mut inbox, &ended).await {
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

/// Over one connection, until nothing waits.
async fn converse(
    socket: &Path,
    waiting: &mut BTreeMap<JobId, Job>,
    inbox: &mut mpsc::UnboundedReceiver<Job>,
    ended: &mpsc::UnboundedSender<JobId>,
) -> Result<(), ClientError> {
    let mut conversation = Conversation::open(socket).await?;
    let mut accepted = BTreeSet::new();
    while !waiting.is_empty() {
        while let Ok(job) = inbox.try_recv() {
            waiting.insert(job.id, job);
        }
        for jobs in requests(waiting, &accepted) {
            let outcomes = match conversation.ask(&Request::Submit { jobs: jobs.clone() }).await? {
                Answer::Submitted { outcomes } if outcomes.len() == jobs.len() => outcomes,
                other => return Err(ClientError::Misunderstood(format!("{other:?}"))),
            };
            for (job, refused) in jobs.iter().zip(outcomes) {
                match refused {
                    None => drop(accepted.insert(job.id)),
                    Some(refused) if refused.is_for_now() => {}
                    Some(refused) => {
                        tracing::error!(job = %job.id, what = %job.what, why = refused.message, "purge refused");
                        end(job.id, waiting, ended);
                    }
                }
            }
        }
        accepted.retain(|id| waiting.contains_key(id));
        for id in accepted.clone() {
            match conversation.ask(&Request::Job { id }).await? {
                Answer::Job { job: Some(shown) } if !shown.state.has_ended() => {}
                Answer::Job { job } => {
                    if let Some(State::Failed { reason, .. }) = job.map(|shown| shown.state) {
                        tracing::error!(job = %id, reason, "purge failed");
                    }
                    end(id, waiting, ended);
                }
                other => return Err(ClientError::Misunderstood(format!("{other:?}"))),
            }
        }
        if !waiting.is_empty() {
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Jobs that are to be handed over, as many together as a message takes.
fn requests(waiting: &BTreeMap<JobId, Job>, accepted: &BTreeSet<JobId>) -> Vec<Vec<Job>> {
    let mut requests: Vec<Vec<Job>> = Vec::new();
    let mut weight = 0;
    for job in waiting.values().filter(|job| !accepted.contains(&job.id)) {
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

fn end(id: JobId, waiting: &mut BTreeMap<JobId, Job>, ended: &mpsc::UnboundedSender<JobId>) {
    waiting.remove(&id);
    // An agent that ended asks again when it is back.
    let _ = ended.send(id);
}
