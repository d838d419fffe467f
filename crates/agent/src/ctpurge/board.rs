//! What the socket's side and the working thread share.
//!
//! Two locks, always in this order: the journal's, held while the disk is waited for; the jobs', held for
//! moments only, so that nobody who asks waits for the disk.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::conversation::{Refused, Why};
use model::purge::{Abilities, Costs, Job, JobId, JobShown, Outcome, Progress, Stats};

use super::jobs::{Jobs, Met, Number};
use super::journal::{Journal, JournalError, Record};
use super::settings::Settings;

pub(super) struct Board {
    /// `None` after the end: whoever still asks is refused, and another process may have it.
    journal: Mutex<Option<Journal>>,
    shared: Mutex<Shared>,
    changed: Condvar,
    max_waiting: usize,
}

pub(super) struct Shared {
    pub jobs: Jobs,
    pub stopping: bool,
    pub abilities: Abilities,
    pub costs: Costs,
    /// Of the place that is worked on.
    pub progress: Progress,
    /// Deleted so far for each job that runs.
    pub deleted: HashMap<Number, u64>,
    /// When jobs were last taken.
    last_came: Option<Instant>,
    /// Those who are handing over jobs at this moment.
    coming: usize,
}

/// Whoever hands over one job after another is waited for at most so many times as long as the first.
const GATHER_MOST: u32 = 10;

impl Shared {
    fn progress_of(&self, number: Number) -> Progress {
        match self.deleted.get(&number) {
            Some(deleted) => Progress { deleted: *deleted, ..self.progress },
            None => Progress::default(),
        }
    }
}

impl Board {
    pub fn new(journal: Journal, jobs: Jobs, settings: &Settings) -> Board {
        let shared = Shared {
            jobs,
            stopping: false,
            abilities: Abilities::default(),
            costs: Costs::default(),
            progress: Progress::default(),
            deleted: HashMap::new(),
            last_came: None,
            coming: 0,
        };
        Board {
            journal: Mutex::new(Some(journal)),
            shared: Mutex::new(shared),
            changed: Condvar::new(),
            max_waiting: settings.max_waiting_jobs,
        }
    }

    pub fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Option<Journal>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes jobs: each is on disk, or refused. Waits for the disk.
    pub fn submit(&self, jobs: Vec<Job>) -> Vec<Option<Refused>> {
        self.shared().coming += 1;
        let outcomes = self.take(jobs);
        let mut shared = self.shared();
        shared.coming -= 1;
        shared.last_came = Some(Instant::now());
        shared.jobs.counters.refused += outcomes.iter().flatten().count() as u64;
        self.changed.notify_all();
        outcomes
    }

    fn take(&self, jobs: Vec<Job>) -> Vec<Option<Refused>> {
        let mut journal = self.journal();
        let (mut outcomes, mut taken): (Vec<Option<Refused>>, Vec<(usize, Job)>) = (Vec::new(), Vec::new());
        {
            let shared = self.shared();
            let mut more = (0, 0);
            for job in jobs {
                // The same one twice in a message: the second meets the first.
                let twin = taken.iter().find(|(_, other)| other.id == job.id);
                let met = match twin {
                    Some((_, other)) if *other == job => Met::Known,
                    Some(_) => Met::No(Refused::new(Why::Taken, format!("two jobs have the id {}", job.id))),
                    None => shared.jobs.meet(&job, more, self.max_waiting),
                };
                outcomes.push(match met {
                    Met::Known => None,
                    Met::No(refused) => Some(refused),
                    Met::Unknown => {
                        more = (more.0 + 1, more.1 + job.what.weight());
                        taken.push((outcomes.len(), job));
                        None
                    }
                });
            }
        }
        let records: Vec<Record> = taken.iter().map(|(_, job)| Record::Job(job.clone())).collect();
        let live = |each: &mut dyn FnMut(&Record)| self.shared().jobs.live(each);
        let added = match &mut *journal {
            _ if records.is_empty() => Ok(()),
            Some(journal) => journal.add(&records, live),
            None => Err(JournalError::Closed),
        };
        drop(records);
        let mut shared = self.shared();
        match added {
            Ok(()) => {
                for (_, job) in taken {
                    shared.jobs.accept(job);
                }
            }
            Err(error) => {
                tracing::error!(%error, "the journal cannot be written, so no job is taken");
                let why = format!("the journal cannot be written: {error}. Nothing of it was taken");
                for (at, _) in taken {
                    outcomes[at] = Some(Refused::new(Why::NoSpace, why.clone()));
                }
            }
        }
        outcomes
    }

    /// Waits until jobs may be worked on, and until no others come: a walk costs the same for all of them,
    /// and what comes while it is under way costs another. `None` at the end.
    pub fn next_round(&self, gather: Duration) -> Option<Vec<(Number, std::sync::Arc<Job>)>> {
        let mut shared = self.shared();
        let mut began = None;
        loop {
            let at = Instant::now();
            if shared.stopping {
                return None;
            }
            let until = match shared.jobs.due() {
                Some(due) if due.is_none_or(|moment| moment <= at) => {
                    let began = *began.get_or_insert(at);
                    let most = began + gather * GATHER_MOST;
                    let quiet = shared.last_came.map_or(began, |last| last.max(began)) + gather;
                    let end = if shared.coming > 0 { most } else { quiet.min(most) };
                    if at >= end {
                        let round = shared.jobs.take_round(at);
                        shared.deleted = round.iter().map(|(number, _)| (*number, 0)).collect();
                        return Some(round);
                    }
                    end
                }
                due => due.flatten().unwrap_or(at + Duration::from_secs(3600)),
            };
            let wait = until.saturating_duration_since(at);
            let waited = self.changed.wait_timeout(shared, wait);
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Rests; false when all is to end.
    pub fn rest(&self, wait: Duration) -> bool {
        let shared = self.shared();
        let outcome = self.changed.wait_timeout_while(shared, wait, |shared| !shared.stopping);
        !outcome.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    pub fn is_stopping(&self) -> bool {
        self.shared().stopping
    }

    pub fn stop(&self) {
        self.shared().stopping = true;
        self.changed.notify_all();
    }

    /// Lets go of the journal.
    pub fn close(&self) {
        *self.journal() = None;
    }

    pub fn done(&self, number: Number, outcome: Outcome) {
        self.ended(|shared| shared.jobs.end(number, outcome), number);
    }

    pub fn failed(&self, number: Number, reason: &str, outcome: Outcome) {
        self.ended(|shared| shared.jobs.fail(number, reason, outcome, Instant::now()), number);
    }

    fn ended(&self, end: impl FnOnce(&mut Shared) -> Option<Record>, number: Number) {
        let mut journal = self.journal();
        let record = {
            let mut shared = self.shared();
            shared.deleted.remove(&number);
            end(&mut shared)
        };
        let Some((record, journal)) = record.zip(journal.as_mut()) else { return };
        let live = |each: &mut dyn FnMut(&Record)| self.shared().jobs.live(each);
        if let Err(error) = journal.add_ended(&record, live) {
            tracing::warn!(%error, "the end of a job is not in the journal; after a restart it is done again");
        }
    }

    pub fn job(&self, id: JobId) -> Option<JobShown> {
        let shared = self.shared();
        shared.jobs.shown(id, |number| shared.progress_of(number))
    }

    pub fn jobs(&self, limit: usize) -> (Vec<JobShown>, u64) {
        let shared = self.shared();
        shared.jobs.list(limit, |number| shared.progress_of(number))
    }

    pub fn stats(&self) -> Stats {
        let journal_bytes = self.journal().as_ref().map_or(0, Journal::bytes);
        let shared = self.shared();
        Stats {
            counters: shared.jobs.counters,
            accepted_by_reason: shared.jobs.accepted_by_reason.clone(),
            waiting: shared.jobs.count(false),
            running: shared.jobs.count(true),
            journal_bytes,
            memory_kib: kernel::own::resident_kib(),
            abilities: shared.abilities,
            costs: shared.costs,
        }
    }
}
