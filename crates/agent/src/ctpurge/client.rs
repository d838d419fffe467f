//! Asking ctpurge: for the agent, which never waits, and for operators, who do.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::conversation::{read, write};
use model::purge::{
    Answer, Job, JobId, MAX_FRAME_BYTES, MAX_JOBS_PER_REQUEST, Refused, Request, VERSION, What, Why,
};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;

/// For one answer of a process that may be waiting for its disk.
const ANSWER: Duration = Duration::from_secs(30);
/// Jobs that wait here for ctpurge; who has more keeps them.
const WAITING: usize = 4096;
/// Bytes of jobs in one message; the largest job alone fits into it.
const BYTES: usize = MAX_FRAME_BYTES / 2;
/// At most, in JSON: an address, a tuple, and what else a job says.
const BYTES_OF_ADDRESS: usize = 46;
const BYTES_OF_TUPLE: usize = 200;
const BYTES_OF_JOB: usize = 500;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("ctpurge is not reached at {}: {cause}. {}", .path.display(), hint(.cause))]
    Unreached { path: PathBuf, cause: io::Error },
    #[error("ctpurge refused: {}", .0.message)]
    Refused(Refused),
    #[error("ctpurge ended the conversation")]
    Ended,
    #[error("ctpurge and we do not understand each other: {0}")]
    Misunderstood(String),
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => "Only root, and the users in ctpurge.users, are heard",
        _ => "Is `neutrino ctpurge` running, and ctpurge.socket where it listens?",
    }
}

/// An open connection.
pub struct Conversation {
    stream: UnixStream,
}

impl Conversation {
    pub async fn open(socket: &Path) -> Result<Conversation, ClientError> {
        let stream = UnixStream::connect(socket).await;
        let stream = stream.map_err(|cause| ClientError::Unreached { path: socket.to_owned(), cause })?;
        let mut conversation = Conversation { stream };
        match conversation.ask(&Request::Hello { version: VERSION }).await? {
            Answer::Hello { .. } => Ok(conversation),
            other => Err(ClientError::Misunderstood(format!("{other:?}"))),
        }
    }

    /// One request, and its answer; a refusal of the request is an error.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer, ClientError> {
        let told = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => ClientError::Misunderstood(error.to_string()),
            _ => ClientError::Ended,
        };
        // A refusal may have been said before the request was heard.
        let sent = write(&mut self.stream, request, MAX_FRAME_BYTES).await;
        let heard = timeout(ANSWER, read(&mut self.stream, MAX_FRAME_BYTES)).await;
        match heard.map_err(|_| ClientError::Ended)? {
            Ok(Some(Answer::Refused(refused))) => Err(ClientError::Refused(refused)),
            Ok(Some(answer)) => sent.map(|()| answer).map_err(told),
            Ok(None) => Err(ClientError::Ended),
            Err(error) => Err(told(error)),
        }
    }
}

/// What became of a job that was handed over: it is in ctpurge's journal, or can never be.
#[derive(Clone, PartialEq, Debug)]
pub struct Acknowledged {
    pub id: JobId,
    /// `None`: accepted.
    pub refused: Option<Refused>,
}

/// Hands jobs over, in order, whenever ctpurge is there; ends with its last clone.
#[derive(Clone, Debug)]
pub struct Client {
    jobs: mpsc::Sender<Job>,
}

impl Client {
    /// Starts the task that hands over; the second of the pair hears what was acknowledged.
    pub fn start(socket: PathBuf) -> (Client, mpsc::UnboundedReceiver<Acknowledged>) {
        let (jobs, inbox) = mpsc::channel(WAITING);
        let (acknowledged, hears) = mpsc::unbounded_channel();
        tokio::spawn(hand_over(socket, inbox, acknowledged));
        (Client { jobs }, hears)
    }

    /// Never waits. The job comes back when too many wait here: keep it, and hand it over after some were
    /// acknowledged.
    pub fn submit(&self, job: Job) -> Result<(), Box<Job>> {
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(job) | mpsc::error::TrySendError::Closed(job) => Box::new(job),
        })
    }
}

async fn hand_over(
    socket: PathBuf,
    mut inbox: mpsc::Receiver<Job>,
    acknowledged: mpsc::UnboundedSender<Acknowledged>,
) {
    let mut waiting: VecDeque<Job> = VecDeque::new();
    let mut conversation = None;
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
    loop {
        if waiting.is_empty() {
            match inbox.recv().await {
                Some(job) => keep(job, &mut waiting, &acknowledged),
                None => return,
            }
        }
        while waiting.len() < MAX_JOBS_PER_REQUEST
            && let Ok(job) = inbox.try_recv()
        {
            keep(job, &mut waiting, &acknowledged);
        }
        if waiting.is_empty() {
            continue;
        }
        match send(&socket, &mut conversation, &mut waiting, &acknowledged).await {
            Ok(true) => backoff.reset(),
            Ok(false) => sleep(backoff.next()).await,
            Err(error) => {
                if backoff.is_fresh() {
                    tracing::warn!(%error, jobs = waiting.len(), "jobs wait for ctpurge");
                }
                conversation = None;
                sleep(backoff.next()).await;
            }
        }
        if acknowledged.is_closed() {
            return;
        }
    }
}

/// One that can never be is told at once: it must not stand in the way of others.
fn keep(job: Job, waiting: &mut VecDeque<Job>, acknowledged: &mpsc::UnboundedSender<Acknowledged>) {
    match job.check() {
        Ok(()) => waiting.push_back(job),
        Err(wrong) => {
            let refused = Some(Refused::new(Why::Wrong, wrong.to_string()));
            drop(acknowledged.send(Acknowledged { id: job.id, refused }));
        }
    }
}

/// False when some are to be sent again, later.
async fn send(
    socket: &Path,
    conversation: &mut Option<Conversation>,
    waiting: &mut VecDeque<Job>,
    acknowledged: &mpsc::UnboundedSender<Acknowledged>,
) -> Result<bool, ClientError> {
    let mut bytes = 0;
    let fits = |job: &&Job| {
        let each = if matches!(job.what, What::Tuples(_)) { BYTES_OF_TUPLE } else { BYTES_OF_ADDRESS };
        bytes += BYTES_OF_JOB + job.what.weight() * each;
        bytes <= BYTES
    };
    let count = waiting.iter().take(MAX_JOBS_PER_REQUEST).take_while(fits).count().max(1);
    let jobs: Vec<Job> = waiting.iter().take(count).cloned().collect();
    let open = match conversation {
        Some(open) => open,
        none => none.insert(Conversation::open(socket).await?),
    };
    let outcomes = match open.ask(&Request::Submit { jobs }).await? {
        Answer::Submitted { outcomes } if outcomes.len() == count => outcomes,
        other => return Err(ClientError::Misunderstood(format!("{other:?}"))),
    };
    let mut again = VecDeque::new();
    for (job, refused) in waiting.drain(..count).zip(outcomes) {
        match refused {
            Some(refused) if refused.is_for_now() => again.push_back(job),
            refused => drop(acknowledged.send(Acknowledged { id: job.id, refused })),
        }
    }
    let all = again.is_empty();
    // In front, so that their order stays.
    again.append(waiting);
    *waiting = again;
    Ok(all)
}
