//! One place in one round: its jobs as batches, each by the cheapest way, at a pace.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use host::purge::{Batch, JobNo, Matcher, Measured, Numbers, Pace, Plan, Way, Work, choose, guess, learn};
use kernel::conntrack::{Conntrack, ConntrackError, Filter, Found, Visit, Walked};
use model::purge::{Costs, Job, What};

use super::board::Board;
use super::jobs;
use super::work::Learnt;

pub(super) struct Round<'a> {
    pub board: &'a Board,
    pub jobs: &'a [(jobs::Number, Arc<Job>)],
    pub worked: Tally,
    pub numbers: Numbers,
    pub pace: Pace,
    pub seed: u64,
}

/// What was done for each job.
#[derive(Default)]
pub(super) struct Tally {
    pub deleted: Vec<u64>,
    pub gone: Vec<u64>,
}

impl Tally {
    pub fn new(jobs: usize) -> Tally {
        Tally { deleted: vec![0; jobs], gone: vec![0; jobs] }
    }
}

impl Round<'_> {
    pub fn run(&mut self, namespace: Option<&Path>, learnt: &mut Learnt) -> Result<(), ConntrackError> {
        let jobs = self.jobs;
        let whats: Vec<(JobNo, &What)> = (0..).zip(jobs).map(|(at, (_, job))| (at, &job.what)).collect();
        let plan = Plan::new(&whats, self.numbers);
        let mut table = Conntrack::open(namespace)?;
        let mut entries = table.entries()?;
        {
            let mut shared = self.board.shared();
            shared.jobs.counters.merged += plan.merged;
            shared.progress =
                model::purge::Progress { batches: plan.count() as u64, entries, ..Default::default() };
        }
        let mut costs = learnt.costs.unwrap_or_else(|| guess(entries));
        for batch in plan.batches() {
            let way = choose(&batch, &learnt.can, &costs, entries, learnt.in_zone);
            let before = kernel::own::cpu_time();
            let walked = self.carry_out(&mut table, &batch, &way, learnt.can.family_filter)?;
            let cpu = kernel::own::cpu_time().saturating_sub(before);
            let walks = match &way {
                Way::Zones(zones) => zones.len() as u64 + walked.again,
                Way::Exact => 0,
                Way::Flush(_) | Way::Whole => 1 + walked.again,
            };
            let deleted = walked.deleted + walked.gone;
            let measured = Measured { cpu_ns: cpu.as_nanos() as f64, walks, shown: walked.shown, deleted };
            learn(&mut costs, &way, &measured);
            learnt.costs = Some(costs);
            if let Way::Zones(zones) = &way {
                let shown = walked.shown as f64 / zones.len() as f64;
                learnt.in_zone = Some(learnt.in_zone.map_or(shown, |known| known + 0.3 * (shown - known)));
            }
            entries = entries.saturating_sub(walked.deleted);
            self.tell(&way, &walked, cpu.as_micros() as u64, costs);
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        table: &mut Conntrack,
        batch: &Batch,
        way: &Way,
        narrow: bool,
    ) -> Result<Walked, ConntrackError> {
        let ipv4 = if narrow { batch.is_ipv4() } else { None };
        match way {
            Way::Flush(zone) => self.flush(table, batch, *zone),
            Way::Exact => {
                let Work::Known { zone, .. } = &batch.work else { return Ok(Walked::default()) };
                let mut sweep = Sweep::new(self, None);
                for (_, jobs) in batch.known() {
                    sweep.expect(jobs);
                }
                table.delete(*zone, batch.known().map(|(tuple, _)| tuple), &mut sweep)
            }
            Way::Zones(zones) => {
                let mut sweep = Sweep::new(self, Some(batch));
                let mut all = Walked::default();
                for zone in zones {
                    let walked = table.walk(Filter { zone: Some(*zone), ipv4 }, &mut sweep)?;
                    all.shown += walked.shown;
                    all.deleted += walked.deleted;
                    all.gone += walked.gone;
                    all.malformed += walked.malformed;
                    all.again += walked.again;
                }
                Ok(all)
            }
            Way::Whole => {
                let mut sweep = Sweep::new(self, Some(batch));
                table.walk(Filter { zone: None, ipv4 }, &mut sweep)
            }
        }
    }

    fn flush(&mut self, table: &mut Conntrack, batch: &Batch, zone: u16) -> Result<Walked, ConntrackError> {
        let before = table.entries()?;
        table.flush_zone(zone)?;
        let deleted = before.saturating_sub(table.entries()?);
        for job in batch.jobs() {
            if matches!(self.jobs[job as usize].1.what, What::Zone(_)) {
                self.worked.deleted[job as usize] += deleted;
            }
        }
        Ok(Walked { deleted, ..Walked::default() })
    }

    fn tell(&self, way: &Way, walked: &Walked, cpu_us: u64, costs: Costs) {
        let mut shared = self.board.shared();
        for ((number, _), deleted) in self.jobs.iter().zip(&self.worked.deleted) {
            shared.deleted.insert(*number, *deleted);
        }
        shared.progress.batches_done += 1;
        shared.progress.walked = 0;
        shared.costs = costs;
        let counters = &mut shared.jobs.counters;
        counters.batches += 1;
        match way {
            Way::Flush(_) => counters.zone_flushes += 1,
            Way::Exact => counters.exact_deletes += walked.deleted + walked.gone,
            Way::Zones(zones) => counters.zone_walks += zones.len() as u64,
            Way::Whole => counters.whole_walks += 1,
        }
        counters.walked += walked.shown;
        counters.deleted += walked.deleted;
        counters.gone += walked.gone;
        counters.walked_again += walked.again;
        counters.malformed += walked.malformed;
        counters.cpu_us += cpu_us;
    }
}

/// Judges what a walk shows, counts what became of it, and rests.
struct Sweep<'a> {
    board: &'a Board,
    worked: &'a mut Tally,
    pace: Pace,
    matcher: Option<Matcher>,
    hits: Vec<JobNo>,
    /// Jobs of each deletion that is under way.
    pending: VecDeque<JobNo>,
    counts: VecDeque<u32>,
    since: Instant,
}

impl<'a> Sweep<'a> {
    fn new(round: &'a mut Round<'_>, batch: Option<&Batch>) -> Sweep<'a> {
        Sweep {
            board: round.board,
            worked: &mut round.worked,
            pace: round.pace,
            matcher: batch.map(|batch| Matcher::new(batch, round.seed)),
            hits: Vec::new(),
            pending: VecDeque::new(),
            counts: VecDeque::new(),
            since: Instant::now(),
        }
    }

    fn expect(&mut self, jobs: impl Iterator<Item = JobNo>) {
        let before = self.pending.len();
        self.pending.extend(jobs);
        self.counts.push_back((self.pending.len() - before) as u32);
    }
}

impl Visit for Sweep<'_> {
    fn judge(&mut self, found: &Found) -> bool {
        let Some(matcher) = &self.matcher else { return false };
        let goes = matcher.judge(&found.connection, &mut self.hits);
        if goes {
            self.pending.extend(&self.hits);
            self.counts.push_back(self.hits.len() as u32);
        }
        goes
    }

    fn settled(&mut self, gone: bool) {
        let count = self.counts.pop_front().unwrap_or(0);
        for job in self.pending.drain(..count as usize) {
            let all = if gone { &mut self.worked.gone } else { &mut self.worked.deleted };
            all[job as usize] += 1;
        }
    }

    fn go_on(&mut self, walked: &Walked) -> bool {
        let rest = self.pace.rest(self.since.elapsed());
        {
            let mut shared = self.board.shared();
            shared.progress.walked = walked.shown;
            if let Some(rest) = rest {
                shared.jobs.counters.rested_us += rest.as_micros() as u64;
            }
            if shared.stopping {
                return false;
            }
        }
        let Some(rest) = rest else { return true };
        let goes_on = self.board.rest(rest);
        self.since = Instant::now();
        goes_on
    }
}
