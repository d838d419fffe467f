//! What became of jobs, and counters of the whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{JobId, Place, Reason};

/// A job as it is shown: without its addresses.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JobShown {
    pub id: JobId,
    pub reason: Reason,
    pub place: Place,
    /// In words, such as `10 addresses x any peer, zone 5`.
    pub what: String,
    pub state: State,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Waiting,
    Running(Progress),
    Done(Outcome),
    /// Given up after several tries. Sent again, it is tried again.
    Failed {
        reason: String,
        outcome: Outcome,
    },
}

impl State {
    pub fn has_ended(&self) -> bool {
        matches!(self, State::Done(_) | State::Failed { .. })
    }

    pub const fn name(&self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Running(_) => "running",
            State::Done(_) => "done",
            State::Failed { .. } => "failed",
        }
    }
}

/// How far a job is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Batches of its place that are done, of those that were planned with it.
    pub batches_done: u64,
    pub batches: u64,
    /// Entries that the batch at hand has looked at, of about so many.
    pub walked: u64,
    pub entries: u64,
    /// Deleted for this job.
    pub deleted: u64,
}

/// What a job came to; counts are of the last try. A zone that the kernel flushed counts for the jobs that
/// asked for all of it, by how many entries the place had before and after.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Entries deleted that this job asked for; others may have asked for the same.
    pub deleted: u64,
    /// Entries that went by themselves between being seen and being deleted.
    pub gone: u64,
    /// From being taken up to its end.
    pub took_ms: u64,
    /// Its namespace was not there any more, and so neither were its connections.
    #[serde(default)]
    pub place_gone: bool,
}

/// Of the process, since it started.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Stats {
    pub counters: Counters,
    pub accepted_by_reason: BTreeMap<Reason, u64>,
    pub waiting: u64,
    pub running: u64,
    pub journal_bytes: u64,
    pub memory_kib: u64,
    pub abilities: Abilities,
    pub costs: Costs,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    pub accepted: u64,
    pub refused: u64,
    /// Jobs read from the journal at start.
    pub replayed: u64,
    pub done: u64,
    pub failed: u64,
    /// Jobs that cost nothing of their own, since another asked for the same or more.
    pub merged: u64,
    pub batches: u64,
    pub whole_walks: u64,
    pub zone_walks: u64,
    pub zone_flushes: u64,
    /// Requests to delete by a known tuple.
    pub exact_deletes: u64,
    pub walked: u64,
    pub deleted: u64,
    pub gone: u64,
    /// Walks begun again, since the table or the socket's buffer changed under them.
    pub walked_again: u64,
    pub retries: u64,
    /// Entries or messages of the kernel that could not be read.
    pub malformed: u64,
    pub cpu_us: u64,
    pub rested_us: u64,
}

/// What this kernel was seen to do right, at start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Abilities {
    /// A dump can be narrowed to a zone.
    pub zone_filter: bool,
    /// A dump can be narrowed to a family.
    pub family_filter: bool,
    /// A zone can be flushed, and nothing else goes.
    pub zone_flush: bool,
    /// A deletion by tuple and id spares an entry of another id.
    pub id_guard: bool,
    /// Connections can be deleted by their tuples.
    pub exact: bool,
}

/// CPU time of the kernel's and our work, as measured lately.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Costs {
    /// Going past everything in the table, showing nothing.
    pub table_ns: f64,
    /// For each entry that is shown and matched.
    pub entry_ns: f64,
    /// For each entry deleted by its tuple.
    pub delete_ns: f64,
}
