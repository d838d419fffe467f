//! What is asked of ctpurge over its socket, and what it answers: one answer per request, in order.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Job, JobId, JobShown, Stats};
use crate::conversation::{Question, Refused};

/// The longest message; a sender of more splits its jobs.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

/// Jobs in one request.
pub const MAX_JOBS_PER_REQUEST: usize = 512;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Takes jobs. Each is on disk, or refused, when the answer comes.
    Submit {
        jobs: Vec<Job>,
    },
    /// What became of one.
    Job {
        id: JobId,
    },
    /// The jobs that wait, run, or ended lately, at most `limit` of them: the newest.
    Jobs {
        limit: u32,
    },
    Stats,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// In the order of the jobs: `None` for each that was accepted.
    Submitted {
        outcomes: Vec<Option<Refused>>,
    },
    /// `None`: ended long ago, or never heard of.
    Job {
        job: Option<Box<JobShown>>,
    },
    Jobs {
        jobs: Vec<JobShown>,
        /// Those that were left out.
        more: u64,
    },
    Stats {
        stats: Box<Stats>,
    },
    /// The request itself. What cannot be read ends the connection after this answer.
    Refused(Refused),
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Answer {
        Answer::Refused(refused)
    }
}

impl Question for Request {
    type Answer = Answer;
    const SERVER: &'static str = "ctpurge";
    const COMMAND: &'static str = "neutrino ctpurge";
    const USERS: &'static str = "ctpurge.users";
    const VERSION: u32 = 1;
    const MOST: usize = MAX_FRAME_BYTES;
    /// Of a process that may be waiting for its disk.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn heard(answer: Answer) -> Result<Answer, Refused> {
        match answer {
            Answer::Refused(refused) => Err(refused),
            answer => Ok(answer),
        }
    }
}
