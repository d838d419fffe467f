//! What is asked of ctpurge over its socket, and what it answers: one answer per request, in order.

use serde::{Deserialize, Serialize};

use super::{Job, JobId, JobShown, Stats};

/// Of this language. A ctpurge answers only those that speak its own.
pub const VERSION: u32 = 1;

/// Jobs in one request.
pub const MAX_JOBS_PER_REQUEST: usize = 512;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The first of a connection.
    Hello {
        version: u32,
    },
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
    Hello {
        version: u32,
    },
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

/// A "no": a word for programs, and what to change for people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refused {
    pub why: Why,
    pub message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The message is not of this language.
    Unreadable,
    /// Another version is spoken here.
    Version,
    /// Only root, and who the configuration names, is heard.
    NotAllowed,
    /// The job cannot be; asking again does not change it.
    Wrong,
    /// Another job has this id.
    Taken,
    /// As many wait as may: come again.
    Busy,
    /// The journal cannot be written: come again.
    NoSpace,
    /// Of a later release.
    #[serde(other)]
    Other,
}

impl Refused {
    pub fn new(why: Why, message: impl Into<String>) -> Refused {
        Refused { why, message: message.into() }
    }

    /// Asking again, later, may be answered otherwise.
    pub fn is_for_now(&self) -> bool {
        matches!(self.why, Why::Busy | Why::NoSpace)
    }
}
