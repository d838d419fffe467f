//! All jobs: those that wait or run, and those that ended lately.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::conversation::{Refused, Why};
use model::purge::{Counters, Job, JobId, JobShown, Outcome, Progress, Reason, State};

use super::journal::Record;

/// Ended jobs that are remembered, and shown.
const REMEMBERED: usize = 512;
/// Addresses of all jobs that wait; what bounds memory.
const WEIGHT_MAX: usize = 200_000;
/// Addresses that are worked on at a time: some ten MiB of them.
const ROUND_WEIGHT: usize = 120_000;
/// A job that fails so often is given up.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// By order of acceptance.
pub(super) type Number = u64;

#[derive(Debug)]
pub(super) struct Held {
    pub job: Arc<Job>,
    pub running: bool,
    tries: u32,
    not_before: Option<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct Jobs {
    open: BTreeMap<Number, Held>,
    by_id: HashMap<JobId, Number>,
    ended: VecDeque<JobShown>,
    next: Number,
    weight: usize,
    pub counters: Counters,
    pub accepted_by_reason: BTreeMap<Reason, u64>,
}

/// What a job meets when it comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// Nobody like it: it can be taken.
    Unknown,
    /// It is there, or has been done.
    Known,
    No(Refused),
}

impl Jobs {
    /// Takes in a line of the journal.
    pub fn replay(&mut self, record: Record) {
        match record {
            Record::Job(job) => {
                if !self.by_id.contains_key(&job.id) {
                    self.forget_ended(job.id);
                    self.counters.replayed += 1;
                    self.hold(job);
                }
            }
            Record::Ended(shown) => {
                if self.remove(shown.id).is_some() {
                    self.counters.replayed -= 1;
                }
                self.remember(shown);
            }
        }
    }

    /// Every record that still counts.
    pub fn live(&self, each: &mut dyn FnMut(&Record)) {
        for shown in &self.ended {
            each(&Record::Ended(shown.clone()));
        }
        for held in self.open.values() {
            each(&Record::Job(Job::clone(&held.job)));
        }
    }

    /// `more` jobs of `weight` are about to be taken along with it.
    pub fn meet(&self, job: &Job, more: (usize, usize), max_waiting: usize) -> Met {
        if let Err(wrong) = job.check() {
            return Met::No(Refused::new(Why::Wrong, wrong.to_string()));
        }
        if let Some(held) = self.by_id.get(&job.id).and_then(|number| self.open.get(number)) {
            return match *held.job == *job {
                true => Met::Known,
                false => Met::No(Refused::new(
                    Why::Taken,
                    format!("another job has the id {}: give each job an id of its own", job.id),
                )),
            };
        }
        if self.ended.iter().any(|shown| shown.id == job.id && matches!(shown.state, State::Done(_))) {
            return Met::Known;
        }
        let (jobs, weight) = more;
        // One that is heavy by itself is taken when nothing else is there.
        let heavy = self.weight + weight > 0 && self.weight + weight + job.what.weight() > WEIGHT_MAX;
        if self.open.len() + jobs >= max_waiting || heavy {
            let waiting =
                format!("{} jobs with {} addresses wait: ask again later", self.open.len(), self.weight);
            return Met::No(Refused::new(Why::Busy, waiting));
        }
        Met::Unknown
    }

    pub fn accept(&mut self, job: Job) {
        self.forget_ended(job.id);
        self.counters.accepted += 1;
        *self.accepted_by_reason.entry(job.reason).or_default() += 1;
        self.hold(job);
    }

    fn hold(&mut self, job: Job) {
        self.weight += job.what.weight();
        self.by_id.insert(job.id, self.next);
        self.open.insert(self.next, Held { job: Arc::new(job), running: false, tries: 0, not_before: None });
        self.next += 1;
    }

    fn remove(&mut self, id: JobId) -> Option<Held> {
        let held = self.by_id.remove(&id).and_then(|number| self.open.remove(&number))?;
        self.weight -= held.job.what.weight();
        Some(held)
    }

    fn forget_ended(&mut self, id: JobId) {
        self.ended.retain(|shown| shown.id != id);
    }

    fn remember(&mut self, shown: JobShown) {
        self.forget_ended(shown.id);
        self.ended.push_back(shown);
        if self.ended.len() > REMEMBERED {
            self.ended.pop_front();
        }
    }

    /// The oldest that may be worked on, as many as a round takes; they run from here on.
    pub fn take_round(&mut self, at: Instant) -> Vec<(Number, Arc<Job>)> {
        let mut weight = 0;
        let mut round = Vec::new();
        for (number, held) in &mut self.open {
            if held.running || held.not_before.is_some_and(|moment| moment > at) {
                continue;
            }
            weight += held.job.what.weight();
            if !round.is_empty() && weight > ROUND_WEIGHT {
                break;
            }
            held.running = true;
            round.push((*number, Arc::clone(&held.job)));
        }
        round
    }

    /// When the first may be worked on; `None` when nothing waits.
    pub fn due(&self) -> Option<Option<Instant>> {
        self.open.values().filter(|held| !held.running).map(|held| held.not_before).min()
    }

    /// Done; what to write of it.
    pub fn end(&mut self, number: Number, outcome: Outcome) -> Option<Record> {
        self.counters.done += 1;
        self.close(number, State::Done(outcome))
    }

    /// Not done: it waits for another try, or is given up; then, what to write of it.
    pub fn fail(&mut self, number: Number, reason: &str, outcome: Outcome, at: Instant) -> Option<Record> {
        let held = self.open.get_mut(&number)?;
        held.tries += 1;
        if held.tries < TRIES {
            self.counters.retries += 1;
            held.running = false;
            held.not_before = Some(at + FIRST_PAUSE * 2u32.pow(held.tries - 1));
            return None;
        }
        self.counters.failed += 1;
        self.close(number, State::Failed { reason: reason.to_owned(), outcome })
    }

    fn close(&mut self, number: Number, state: State) -> Option<Record> {
        let id = self.open.get(&number)?.job.id;
        let held = self.remove(id)?;
        let shown = show(&held.job, state);
        self.remember(shown.clone());
        Some(Record::Ended(shown))
    }

    pub fn count(&self, running: bool) -> u64 {
        self.open.values().filter(|held| held.running == running).count() as u64
    }

    /// One job; `progress` is that of those that run.
    pub fn shown(&self, id: JobId, progress: impl Fn(Number) -> Progress) -> Option<JobShown> {
        let open = self.by_id.get(&id).and_then(|number| Some((*number, self.open.get(number)?)));
        match open {
            Some((number, held)) => Some(show_held(held, progress(number))),
            None => self.ended.iter().find(|shown| shown.id == id).cloned(),
        }
    }

    /// The newest, and how many more there are.
    pub fn list(&self, limit: usize, progress: impl Fn(Number) -> Progress) -> (Vec<JobShown>, u64) {
        let open = self.open.iter().rev().map(|(number, held)| show_held(held, progress(*number)));
        let mut newest: Vec<JobShown> = open.chain(self.ended.iter().rev().cloned()).take(limit).collect();
        newest.reverse();
        let all = self.open.len() + self.ended.len();
        let more = all - newest.len();
        (newest, more as u64)
    }
}

fn show_held(held: &Held, progress: Progress) -> JobShown {
    show(&held.job, if held.running { State::Running(progress) } else { State::Waiting })
}

fn show(job: &Job, state: State) -> JobShown {
    JobShown { id: job.id, reason: job.reason, place: job.place.clone(), what: job.what.to_string(), state }
}
