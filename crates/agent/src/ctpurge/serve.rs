//! The socket: who is heard, and one answer per message.

use std::io;
use std::sync::Arc;

use kernel::conversation::{PATIENCE, read, write};
use model::purge::{Answer, MAX_FRAME_BYTES, MAX_JOBS_PER_REQUEST, Refused, Request, VERSION, Why};
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::board::Board;
use super::settings::Settings;

/// Connections at a time; each may hold one message.
const CONNECTIONS: usize = 8;
const STRANGERS: usize = 4;
/// Jobs shown in one answer.
const SHOWN_MAX: u32 = 1000;
const ROOT: u32 = 0;

pub(super) async fn accept(listener: UnixListener, board: Arc<Board>, settings: &Settings) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not taken");
                tokio::time::sleep(PATIENCE / 20).await;
                continue;
            }
        };
        let heard = match stream.peer_cred() {
            Ok(peer) => peer.uid() == ROOT || settings.users.contains(&peer.uid()),
            Err(_) => false,
        };
        if !heard {
            // Strangers take no place of those who are heard.
            if let Ok(place) = Arc::clone(&strangers).try_acquire_owned() {
                tokio::spawn(async move {
                    turn_away(stream).await;
                    drop(place);
                });
            }
            continue;
        }
        let board = Arc::clone(&board);
        tokio::spawn(async move {
            converse(stream, &board).await;
            drop(place);
        });
    }
}

async fn turn_away(mut stream: UnixStream) {
    let message = "only root, and the users in ctpurge.users, are heard";
    let refused = Answer::Refused(Refused::new(Why::NotAllowed, message));
    let said = write(&mut stream, &refused, MAX_FRAME_BYTES).await;
    if said.is_ok() {
        // What is closed with bytes unread takes the answer with it.
        let _ = timeout(PATIENCE / 50, stream.read(&mut [0; 512])).await;
    }
}

async fn converse(mut stream: UnixStream, board: &Arc<Board>) {
    let mut greeted = false;
    loop {
        // A place is not for those who say nothing from the first.
        let read = read::<Request>(&mut stream, MAX_FRAME_BYTES);
        let read = if greeted { read.await } else { timeout(PATIENCE, read).await.unwrap_or(Ok(None)) };
        let (answer, last) = match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                (refuse(Why::Unreadable, error.to_string()), true)
            }
            Ok(None) | Err(_) => return,
            Ok(Some(Request::Hello { version: VERSION })) => {
                greeted = true;
                (Answer::Hello { version: VERSION }, false)
            }
            Ok(Some(Request::Hello { version })) => {
                let message =
                    format!("version {version} is not spoken here, but {VERSION}: update the other");
                (refuse(Why::Version, message), true)
            }
            Ok(Some(_)) if !greeted => (refuse(Why::Version, "say hello first".to_owned()), true),
            Ok(Some(request)) => (answer(request, board).await, false),
        };
        if write(&mut stream, &answer, MAX_FRAME_BYTES).await.is_err() || last {
            return;
        }
    }
}

fn refuse(why: Why, message: String) -> Answer {
    Answer::Refused(Refused::new(why, message))
}

async fn answer(request: Request, board: &Arc<Board>) -> Answer {
    match request {
        Request::Submit { jobs } if jobs.len() > MAX_JOBS_PER_REQUEST => {
            let message = format!("{} jobs are too many: send at most {MAX_JOBS_PER_REQUEST}", jobs.len());
            refuse(Why::Wrong, message)
        }
        Request::Submit { jobs } => {
            let board = Arc::clone(board);
            match spawn_blocking(move || board.submit(jobs)).await {
                Ok(outcomes) => Answer::Submitted { outcomes },
                Err(_) => refuse(Why::Busy, "the jobs were not looked at: ask again".to_owned()),
            }
        }
        Request::Job { id } => Answer::Job { job: board.job(id).map(Box::new) },
        Request::Jobs { limit } => {
            let (jobs, more) = board.jobs(limit.min(SHOWN_MAX) as usize);
            Answer::Jobs { jobs, more }
        }
        Request::Stats => {
            let board = Arc::clone(board);
            // It waits for who writes the journal.
            let stats = spawn_blocking(move || board.stats()).await.unwrap_or_default();
            Answer::Stats { stats: Box::new(stats) }
        }
        Request::Hello { .. } => Answer::Hello { version: VERSION },
    }
}
