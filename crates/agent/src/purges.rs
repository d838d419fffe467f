//! Connections that shall be forgotten: noted on disk before the acts that make them due, handed
//! over after them, and kept until ctpurge has done them.
//!
//! Owns the agent's list and which ports are revoked meanwhile; what is due is `host`'s to say, `ask`
//! talks to ctpurge, which has a journal of its own. What ctpurge gave up is handed over again. A list
//! that grows too long, for nobody purges, is drawn together by `merge`. What changed while no agent ran
//! is found by what was here `last`.

mod ask;
mod journal;
mod last;
mod merge;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::observed::Observed;
use host::secgroup::{self, Due, Heir, Item, Set, Value, Zones};
use host::{Op, Scope, Step, Wanted};
use model::PortId;
use model::desired::{Key, Kind, Part};
use model::purge::{Job, JobId, Reason, What};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::backoff::Backoff;
pub(crate) use ask::Told;
use journal::{Entry, Journal};
use last::Last;

/// Jobs on their way to who asks; the others wait here.
const UNDER_WAY: usize = 64;
/// News that are taken in at a time.
const NEWS: usize = 1024;
/// Before a job that failed is handed over again.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

pub(crate) struct Purges {
    journal: Journal,
    waiting: BTreeMap<JobId, Entry>,
    /// Of those that wait: what they are about is in place.
    ready: BTreeSet<JobId>,
    /// Handed over since the agent started, and not ended.
    sent: BTreeSet<JobId>,
    /// Of those that wait: what failed.
    failed: BTreeMap<JobId, Failure>,
    zones: Zones,
    last: Last,
    /// What was here when this agent started, until it was compared with what should be.
    before: Option<Vec<Part>>,
    jobs: mpsc::Sender<Job>,
    told: mpsc::UnboundedReceiver<Told>,
    /// Ends with this.
    _task: JoinSet<()>,
}

struct Failure {
    reason: String,
    /// `None` while it is tried again.
    again_at: Option<Instant>,
    backoff: Backoff,
}

impl Purges {
    /// Takes up what an earlier agent left: its ports are revoked again.
    pub fn open(state_dir: &Path, socket: PathBuf, wanted: &mut Wanted) -> Purges {
        let (journal, waiting) = Journal::open(state_dir.join("purges"));
        let (jobs, inbox) = mpsc::channel(UNDER_WAY);
        let (tells, told) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        task.spawn(ask::run(socket, inbox, tells));
        let (last, before) = Last::open(state_dir.join("last"));
        let purges = Purges {
            journal,
            waiting,
            ready: BTreeSet::new(),
            sent: BTreeSet::new(),
            failed: BTreeMap::new(),
            zones: Zones::new(),
            last,
            before: Some(before),
            jobs,
            told,
            _task: task,
        };
        purges.revoke(wanted, purges.waiting.values().flat_map(|entry| entry.ports.clone()).collect());
        purges
    }

    pub const fn zones(&self) -> &Zones {
        &self.zones
    }

    /// Notes what is due and revokes its ports; those that were not revoked before come back.
    pub fn note(&mut self, dues: Vec<Due>, wanted: &mut Wanted) -> BTreeSet<PortId> {
        if dues.is_empty() {
            return BTreeSet::new();
        }
        let (mut ports, mut came) = (BTreeSet::new(), Vec::new());
        for Due { reason, place, what, ports: of, cause } in dues {
            let id = JobId(Uuid::new_v4());
            ports.extend(of.iter().copied());
            // One that was not handed over yet is as good.
            let same = |(id, entry): &(&JobId, &Entry)| {
                entry.cause == cause
                    && (&entry.job.place, &entry.job.what, &entry.ports) == (&place, &what, &of)
                    && !self.sent.contains(*id)
            };
            if let Some((id, _)) = self.waiting.iter().find(same) {
                self.ready.remove(id);
                continue;
            }
            let entry =
                Entry { job: Job { id, reason, place, what }, ports: of, cause, causes: BTreeSet::new() };
            self.waiting.insert(id, entry);
            came.push(id);
        }
        let gone = merge::draw_together(&mut self.waiting, &mut self.ready);
        if gone.is_empty() {
            self.journal.note(came.iter().filter_map(|id| self.waiting.get(id)), &[], &self.waiting);
        } else {
            self.sent.retain(|id| !gone.contains(id));
            self.failed.retain(|id, _| !gone.contains(id));
            self.journal.note_all(&self.waiting);
        }
        self.revoke(wanted, ports)
    }

    /// Ports that came to an address of which connections are yet to be forgotten are revoked as well;
    /// those that were not before come back.
    pub fn revoke_heirs(&mut self, keys: &BTreeSet<Key>, wanted: &mut Wanted) -> BTreeSet<PortId> {
        let (mut ports, mut changed) = (BTreeSet::new(), BTreeSet::new());
        let nothing_waits = self.waiting.is_empty();
        for key in keys.iter().filter(|key| key.kind == Kind::Port && !nothing_waits) {
            let heir = wanted.get(*key).and_then(|part| Heir::new(part, &self.zones));
            let (Some(heir), port) = (heir, PortId(key.id)) else { continue };
            for (id, entry) in &mut self.waiting {
                if heir.is_of(&entry.job) && entry.ports.insert(port) {
                    changed.insert(*id);
                    ports.insert(port);
                }
            }
        }
        if !changed.is_empty() {
            let changed = changed.iter().filter_map(|id| self.waiting.get(id));
            self.journal.note(changed, &[], &self.waiting);
        }
        self.revoke(wanted, ports)
    }

    /// Notes what is due for ports and routers that changed while no agent ran. Zones must be known.
    pub fn catch_up(&mut self, wanted: &mut Wanted) {
        let Some(mut old) = self.before.take() else { return };
        old.retain(|part| wanted.get(part.key()) != Some(part));
        let dues = secgroup::purge_due(wanted, &old, &self.zones);
        self.note(dues, wanted);
        let ports = wanted.of_kind(Kind::Port).map(Part::key).collect();
        self.revoke_heirs(&ports, wanted);
    }

    /// Notes what parts of a scope are, for an agent that comes after this.
    pub fn remember(&mut self, wanted: &Wanted, scope: &Scope) {
        self.last.note(wanted, scope);
    }

    /// Notes the zones that steps release, before they do.
    pub fn release(&mut self, steps: &[Step], wanted: &mut Wanted) {
        let dues = secgroup::purge_released(steps).into_iter().map(|(_, due)| due).collect();
        self.note(dues, wanted);
        let zones = Set::Zones.at();
        for step in steps {
            if let Op::DeleteElements { at, elements } = &step.op
                && *at == zones
            {
                let is_gone = |bridge: &String| {
                    elements.iter().any(|(item, _)| matches!(item, Item::Device(gone) if gone == bridge))
                };
                self.zones.retain(|bridge, _| !is_gone(bridge));
            }
        }
    }

    /// The zones that a host has now.
    pub fn learn(&mut self, now: &Observed, whole: bool) {
        if whole {
            self.zones.clear();
        }
        for (item, value) in now.filter.sets.get(&Set::Zones.at()).into_iter().flatten() {
            if let (Item::Device(bridge), Value::Zone(zone)) = (item, value) {
                self.zones.insert(bridge.clone(), *zone);
            }
        }
    }

    /// After a turn: hands over what waits, but for what parts that are not in place are the cause of.
    pub fn hand_over(&mut self, is_amiss: impl Fn(&Key) -> bool) {
        let in_place = |entry: &Entry| !is_amiss(&entry.cause) && !entry.causes.iter().any(&is_amiss);
        let ready = self.waiting.iter().filter(|(_, entry)| in_place(entry));
        self.ready.extend(ready.map(|(id, _)| *id));
        self.send();
    }

    /// But for what failed a moment ago; what is too much at once waits until some is done.
    fn send(&mut self) {
        let now = Instant::now();
        for failure in self.failed.values_mut() {
            failure.again_at = failure.again_at.filter(|at| *at > now);
        }
        let waits = |id: &JobId| self.failed.get(id).is_some_and(|failure| failure.again_at.is_some());
        for (id, entry) in &self.waiting {
            if !self.ready.contains(id) || self.sent.contains(id) || waits(id) {
                continue;
            }
            let Ok(place) = self.jobs.try_reserve() else { return };
            place.send(entry.job.clone());
            self.sent.insert(*id);
        }
    }

    /// News of jobs, or that some are to be handed over again; may be given up and called again at any time.
    pub async fn news(&mut self) -> Vec<Told> {
        let mut news = Vec::new();
        let again_at = self.failed.values().filter_map(|failure| failure.again_at).min();
        let again = async {
            match again_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            count = self.told.recv_many(&mut news, NEWS) => if count == 0 {
                // Nobody is there any more who could tell.
                std::future::pending::<()>().await;
            },
            () = again => {}
        }
        news
    }

    /// Forgets jobs that were done; the ports that they kept revoked come back. Others take their place.
    pub fn hear(&mut self, news: Vec<Told>, wanted: &mut Wanted) -> BTreeSet<PortId> {
        let (mut ports, mut done) = (BTreeSet::new(), Vec::new());
        for told in news {
            match told {
                Told::Done(id) => {
                    self.sent.remove(&id);
                    self.ready.remove(&id);
                    self.failed.remove(&id);
                    if let Some(entry) = self.waiting.remove(&id) {
                        ports.extend(entry.ports);
                        done.push(id);
                    }
                }
                Told::Failed(id, reason) => self.failed(id, reason),
            }
        }
        if !done.is_empty() {
            self.journal.note([], &done, &self.waiting);
        }
        self.send();
        for port in self.waiting.values().flat_map(|entry| &entry.ports) {
            ports.remove(port);
        }
        ports.retain(|port| wanted.restore(*port));
        self.hold_zones(wanted);
        ports
    }

    /// Its ports stay revoked, and it is tried again later.
    fn failed(&mut self, id: JobId, reason: String) {
        self.sent.remove(&id);
        let Some(entry) = self.waiting.get(&id) else { return };
        tracing::error!(job = %id, what = %entry.job.what, reason, "purge failed; it is tried again");
        let fresh = || Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        let failure = self.failed.entry(id).or_insert_with(|| Failure {
            reason: String::new(),
            again_at: None,
            backoff: fresh(),
        });
        failure.reason = reason;
        failure.again_at = Some(Instant::now() + failure.backoff.next());
    }

    /// Why jobs are not done.
    pub fn failures(&self) -> Vec<String> {
        let failures = self.failed.iter().filter_map(|(id, failure)| Some((self.waiting.get(id)?, failure)));
        failures.map(|(entry, failure)| format!("purge of {}: {}", entry.job.what, failure.reason)).collect()
    }

    fn revoke(&self, wanted: &mut Wanted, mut ports: BTreeSet<PortId>) -> BTreeSet<PortId> {
        ports.retain(|port| wanted.revoke(*port));
        self.hold_zones(wanted);
        ports
    }

    fn hold_zones(&self, wanted: &mut Wanted) {
        let zones = self.waiting.values().filter_map(|entry| match (entry.job.reason, &entry.job.what) {
            (Reason::ZoneReleased, What::Zone(zone)) => Some(*zone),
            _ => None,
        });
        wanted.hold_zones(zones.collect());
    }
}

#[cfg(test)]
mod tests;
