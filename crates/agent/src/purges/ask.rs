//! Talking to ctpurge: hands jobs over whenever it is there, and asks until they are done.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::purge::{Answer, Job, JobId, Request, VERSION, decode, encode, frame_len};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between questions whether jobs are done.
const PAUSE: Duration = Duration::from_millis(100);
/// Jobs of one request. Each weighs as much as a message takes.
const AT_ONCE: usize = 1;

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
        let outcome = converse(&socket, &mut waiting, &mut inbox, &ended).await;
        if let Err(error) = outcome {
            if backoff.is_fresh() {
                tracing::warn!(%error, path = %socket.display(), "ctpurge is not reached; purges wait");
            }
            sleep(backoff.next()).await;
        } else {
            backoff.reset();
        }
    }
}

/// Over one connection, until nothing waits.
async fn converse(
    socket: &Path,
    waiting: &mut BTreeMap<JobId, Job>,
    inbox: &mut mpsc::UnboundedReceiver<Job>,
    ended: &mpsc::UnboundedSender<JobId>,
) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    match ask(&mut stream, &Request::Hello { version: VERSION }).await? {
        Answer::Hello { .. } => {}
        other => return Err(misunderstood(&other)),
    }
    let mut accepted = BTreeSet::new();
    while !waiting.is_empty() {
        while let Ok(job) = inbox.try_recv() {
            waiting.insert(job.id, job);
        }
        let fresh: Vec<Job> = waiting.values().filter(|job| !accepted.contains(&job.id)).cloned().collect();
        for jobs in fresh.chunks(AT_ONCE) {
            let Answer::Submitted { outcomes } = ask(&mut stream, &Request::Submit { jobs: jobs.to_vec() }).await?
            else {
                return Err(io::Error::other("ctpurge took no jobs"));
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
        for id in accepted.iter().copied().filter(|id| waiting.contains_key(id)).collect::<Vec<_>>() {
            match ask(&mut stream, &Request::Job { id }).await? {
                Answer::Job { job: Some(shown) } if !shown.state.has_ended() => {}
                Answer::Job { job } => {
                    if let Some(shown) = job
                        && shown.state.name() == "failed"
                    {
                        tracing::error!(job = %id, what = shown.what, "purge failed");
                    }
                    end(id, waiting, ended);
                }
                other => return Err(misunderstood(&other)),
            }
        }
        if !waiting.is_empty() {
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

fn end(id: JobId, waiting: &mut BTreeMap<JobId, Job>, ended: &mpsc::UnboundedSender<JobId>) {
    waiting.remove(&id);
    // An agent that ended asks again when it is back.
    let _ = ended.send(id);
}

async fn ask(stream: &mut UnixStream, request: &Request) -> io::Result<Answer> {
    let exchange = async {
        stream.write_all(&encode(request).map_err(io::Error::other)?).await?;
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let mut bytes = vec![0; frame_len(head).map_err(io::Error::other)?];
        stream.read_exact(&mut bytes).await?;
        decode(&bytes).map_err(io::Error::other)
    };
    match timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))? {
        Answer::Refused(refused) => Err(io::Error::other(refused.message)),
        answer => Ok(answer),
    }
}

fn misunderstood(answer: &Answer) -> io::Error {
    io::Error::other(format!("ctpurge answered {answer:?}"))
}
