//! Connections that shall be forgotten: noted on disk before the acts that make them due, handed
//! over after them, and kept until ctpurge has done them.
//!
//! Owns the agent's list and which ports are revoked meanwhile; what is due is `host`'s to say, `ask`
//! talks to ctpurge, which has a journal of its own. What ctpurge gave up is handed over again. What waits
//! for parts that are not in place, and for how many of its ports, is judged by `standing`. A list
//! that grows too long, for nobody purges, is drawn together by `merge`. What changed while no agent ran
//! is found by what was here `last`.

mod ask;
mod journal;
mod last;
mod merge;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::observed::Observed;
use host::secgroup::{self, Awaited, Due, Item, Joined, Set, Value, Zones};
use host::{Op, Scope, Step, Wanted, names};
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
    /// What those that wait are about.
    awaited: Awaited,
    /// Of those that wait: what they are about is in place.
    ready: BTreeSet<JobId>,
    /// Handed over since the agent started, and not ended.
    sent: BTreeSet<JobId>,
    /// Of those that wait: what failed.
    failed: BTreeMap<JobId, Failure>,
    /// Why nothing is handed over.
    away: Option<String>,
    /// Of those that wait: what it is for that is not in place.
    held: BTreeMap<JobId, Key>,
    /// Ports that could not be revoked.
    unrevoked: BTreeSet<PortId>,
    zones: Zones,
    joined: Joined,
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
    /// It would be refused again: nobody tries before an agent that says it in another way.
    is_wrong: bool,
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
            awaited: awaited(&waiting),
            waiting,
            ready: BTreeSet::new(),
            sent: BTreeSet::new(),
            failed: BTreeMap::new(),
            away: None,
            held: BTreeMap::new(),
            unrevoked: BTreeSet::new(),
            zones: Zones::new(),
            joined: Joined::new(),
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

    /// Ports whose devices are at their bridges.
    pub const fn joined(&self) -> &Joined {
        &self.joined
    }

    /// Notes what is due and revokes its ports; those that were not revoked before come back.
    pub fn note(&mut self, dues: Vec<Due>, wanted: &mut Wanted) -> BTreeSet<PortId> {
        if dues.is_empty() {
            return BTreeSet::new();
        }
        let (mut ports, mut came) = (BTreeSet::new(), Vec::new());
        for Due { reason, place, what, ports: of, mut causes } in dues {
            let id = JobId(Uuid::new_v4());
            let cause = causes.pop_first().expect("a part makes it due");
            ports.extend(of.iter().copied());
            // One that was not handed over yet is as good.
            let same = |(id, entry): &(&JobId, &Entry)| {
                entry.cause == cause
                    && (&entry.job.place, &entry.job.what, &entry.ports) == (&place, &what, &of)
                    && entry.causes == causes
                    && !self.sent.contains(*id)
            };
            if let Some((id, _)) = self.waiting.iter().find(same) {
                self.ready.remove(id);
                continue;
            }
            let entry = Entry { job: Job { id, reason, place, what }, ports: of, cause, causes };
            self.awaited.insert(&entry.job);
            self.waiting.insert(id, entry);
            came.push(id);
        }
        let gone = merge::draw_together(&mut self.waiting, &mut self.ready);
        if gone.is_empty() {
            self.journal.note(came.iter().filter_map(|id| self.waiting.get(id)), &[], &self.waiting);
        } else {
            self.awaited = awaited(&self.waiting);
            self.sent.retain(|id| !gone.contains(id));
            self.failed.retain(|id, _| !gone.contains(id));
            self.held.retain(|id, _| !gone.contains(id));
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
            let Some(part) = wanted.get(*key) else { continue };
            let port = PortId(key.id);
            for id in self.awaited.of(part, &self.zones) {
                if self.waiting.get_mut(&id).is_some_and(|entry| entry.ports.insert(port)) {
                    changed.insert(id);
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
        let dues = secgroup::purge_due(wanted, &old, &self.zones, &self.joined);
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

    /// The zones that a host has now, and which of the ports that were looked at are at their bridges.
    pub fn learn(&mut self, now: &Observed, wanted: &Wanted, scope: &Scope) {
        let looked: Vec<Key> = match scope {
            Scope::All => {
                self.zones.clear();
                self.joined.clear();
                wanted.of_kind(Kind::Port).map(Part::key).collect()
            }
            Scope::Some { keys, .. } => keys.iter().filter(|key| key.kind == Kind::Port).copied().collect(),
        };
        for (item, value) in now.filter.sets.get(&Set::Zones.at()).into_iter().flatten() {
            if let (Item::Device(bridge), Value::Zone(zone)) = (item, value) {
                self.zones.insert(bridge.clone(), *zone);
            }
        }
        for key in looked {
            let id = PortId(key.id);
            let bridge = || match wanted.get(key)? {
                Part::Port(port) => {
                    now.links.get(&names::tap(id)).map(|tap| (tap, names::bridge(port.network_id)))
                }
                _ => None,
            };
            match bridge() {
                Some((tap, bridge)) if tap.master.as_ref() == Some(&bridge) => self.joined.insert(id),
                _ => self.joined.remove(&id),
            };
        }
    }

    /// One that does not wait any more.
    fn forget(&mut self, id: JobId) -> Option<Entry> {
        self.sent.remove(&id);
        self.ready.remove(&id);
        self.failed.remove(&id);
        self.held.remove(&id);
        let entry = self.waiting.remove(&id)?;
        self.awaited.remove(&entry.job);
        Some(entry)
    }

    /// But for what failed a moment ago; what is too much at once waits until some is done.
    fn send(&mut self) {
        let now = Instant::now();
        for failure in self.failed.values_mut() {
            failure.again_at = failure.again_at.filter(|at| *at > now);
        }
        let waits = |failure: &Failure| failure.is_wrong || failure.again_at.is_some();
        let waits = |id: &JobId| self.failed.get(id).is_some_and(waits);
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
                    if let Some(entry) = self.forget(id) {
                        ports.extend(entry.ports);
                        done.push(id);
                    }
                }
                Told::Failed(id, reason) => self.failed(id, reason, false),
                Told::Refused(id, reason) => self.failed(id, reason, true),
                Told::Away(reason) => self.away = Some(reason),
                Told::Back => self.away = None,
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

    /// Its ports stay revoked, and it is tried again later, unless it is wrong.
    fn failed(&mut self, id: JobId, reason: String, is_wrong: bool) {
        self.sent.remove(&id);
        let Some(entry) = self.waiting.get(&id) else { return };
        tracing::error!(job = %id, what = %entry.job.what, reason, is_wrong, "purge failed");
        let fresh = || Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        let failure = self.failed.entry(id).or_insert_with(|| Failure {
            reason: String::new(),
            again_at: None,
            is_wrong,
            backoff: fresh(),
        });
        failure.reason = reason;
        failure.is_wrong = is_wrong;
        failure.again_at = (!is_wrong).then(|| Instant::now() + failure.backoff.next());
    }

    /// Why jobs are not done.
    pub fn failures(&self) -> Vec<String> {
        let failures = self.failed.iter().filter_map(|(id, failure)| Some((self.waiting.get(id)?, failure)));
        let failures =
            failures.map(|(entry, failure)| format!("purge of {}: {}", entry.job.what, failure.reason));
        let waiting = self.waiting.len();
        let away =
            self.away.iter().map(|reason| format!("ctpurge, for which {waiting} purges wait: {reason}"));
        let held =
            self.held.values().next().map(|key| {
                format!("{} purges wait for what is not in place, such as {key}", self.held.len())
            });
        away.chain(failures).chain(held).collect()
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

fn awaited(waiting: &BTreeMap<JobId, Entry>) -> Awaited {
    let mut awaited = Awaited::default();
    waiting.values().for_each(|entry| awaited.insert(&entry.job));
    awaited
}

#[cfg(test)]
mod tests;
