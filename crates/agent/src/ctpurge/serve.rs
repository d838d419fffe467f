//! What the socket is asked, and answers.

use std::sync::Arc;

use kernel::conversation::Answers;
use model::conversation::{Refused, Why};
use model::purge::{Answer, MAX_JOBS_PER_REQUEST, Request};
use tokio::task::spawn_blocking;

use super::board::Board;

/// Jobs shown in one answer.
const SHOWN_MAX: u32 = 1000;

pub(super) struct Socket(pub Arc<Board>);

impl Answers for Socket {
    type Question = Request;

    async fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Submit { jobs } if jobs.len() > MAX_JOBS_PER_REQUEST => {
                let message =
                    format!("{} jobs are too many: send at most {MAX_JOBS_PER_REQUEST}", jobs.len());
                refuse(Why::Wrong, message)
            }
            Request::Submit { jobs } => {
                let board = Arc::clone(&self.0);
                match spawn_blocking(move || board.submit(jobs)).await {
                    Ok(outcomes) => Answer::Submitted { outcomes },
                    Err(_) => refuse(Why::Busy, "the jobs were not looked at: ask again".to_owned()),
                }
            }
            Request::Job { id } => Answer::Job { job: self.0.job(id).map(Box::new) },
            Request::Jobs { limit } => {
                let (jobs, more) = self.0.jobs(limit.min(SHOWN_MAX) as usize);
                Answer::Jobs { jobs, more }
            }
            Request::Stats => {
                let board = Arc::clone(&self.0);
                // It waits for who writes the journal.
                let stats = spawn_blocking(move || board.stats()).await.unwrap_or_default();
                Answer::Stats { stats: Box::new(stats) }
            }
        }
    }
}

fn refuse(why: Why, message: String) -> Answer {
    Refused::new(why, message).into()
}
