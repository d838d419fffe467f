//! Connections that shall be forgotten: noted on disk before the acts that make them due, handed
//! over after them, and kept until ctpurge has done them.
//!
//! Owns the agent's list and which ports are revoked meanwhile; what is due is `host`'s to say, `ask`
//! talks to ctpurge, which has a journal of its own. A list that grows too long, for nobody purges,
//! is drawn together to whole zones. What changed while no agent ran is found by what was here `last`.

mod ask;
mod journal;
mod last;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use host::observed::Observed;
use host::secgroup::{self, Due, Item, Set, Value, Zones};
use host::{Scope, Step, Wanted};
use model::PortId;
use model::desired::{Key, Part};
use model::purge::{Job, JobId, Pairs, Place, Reason, What};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use journal::{Entry, Journal};
use last::Last;

/// More are drawn together.
const MOST: usize = 4096;

pub(crate) struct Purges {
    journal: Journal,
    waiting: BTreeMap<JobId, Entry>,
    /// Handed over since the agent started.
    sent: BTreeSet<JobId>,
    zones: Zones,
    last: Last,
    /// What was here when this agent started, until it was compared with what should be.
    before: Vec<Part>,
    jobs: mpsc::UnboundedSender<Job>,
    ended: mpsc::UnboundedReceiver<JobId>,
    /// Ends with this.
    _task: JoinSet<()>,
}

impl Purges {
    /// Takes up what an earlier agent left: its ports are revoked again.
    pub fn open(state_dir: &Path, socket: PathBuf, wanted: &mut Wanted) -> Purges {
        let journal = Journal::new(state_dir.join("purges"));
        let waiting = journal.read();
        let (jobs, inbox) = mpsc::unbounded_channel();
        let (ends, ended) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        task.spawn(ask::run(socket, inbox, ends));
        let (last, before) = Last::open(state_dir.join("last"));
        let (sent, zones) = (BTreeSet::new(), Zones::new());
        let purges = Purges { journal, waiting, sent, zones, last, before, jobs, ended, _task: task };
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
        let mut ports = BTreeSet::new();
        for Due { reason, place, what, ports: of, cause } in dues {
            let id = JobId(Uuid::new_v4());
            ports.extend(of.iter().copied());
            // One that was not handed over yet is as good.
            let same = |(id, entry): (&JobId, &Entry)| {
                !self.sent.contains(id)
                    && (&entry.job.place, &entry.job.what, &entry.ports) == (&place, &what, &of)
            };
            if self.waiting.iter().any(same) {
                continue;
            }
            let entry = Entry { job: Job { id, reason, place, what }, ports: of, cause };
            self.waiting.insert(id, entry);
        }
        self.draw_together();
        self.journal.write(&self.waiting);
        self.revoke(wanted, ports)
    }

    /// Notes what is due for ports and routers that changed while no agent ran. Zones must be known.
    pub fn catch_up(&mut self, wanted: &mut Wanted) {
        let mut old = std::mem::take(&mut self.before);
        old.retain(|part| wanted.get(part.key()) != Some(part));
        let dues = secgroup::purge_due(wanted, &old, &self.zones);
        self.note(dues, wanted);
    }

    /// Notes what parts of a scope are, for an agent that comes after this.
    pub fn remember(&mut self, wanted: &Wanted, scope: &Scope) {
        self.last.note(wanted, scope);
    }

    /// Notes the zones that steps release, before they do.
    pub fn release(&mut self, steps: &[Step], wanted: &mut Wanted) {
        let dues = secgroup::purge_released(steps).into_iter().map(|(_, due)| due).collect();
        self.note(dues, wanted);
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

    /// Hands over what waits, but for what parts that are not in place are the cause of.
    pub fn hand_over(&mut self, is_amiss: impl Fn(&Key) -> bool) {
        for (id, entry) in &self.waiting {
            if !is_amiss(&entry.cause) && self.sent.insert(*id) {
                // The task ends only together with this.
                let _ = self.jobs.send(entry.job.clone());
            }
        }
    }

    /// Jobs that were done; may be given up and called again at any time.
    pub async fn ended(&mut self) -> Vec<JobId> {
        let mut ids = Vec::new();
        if self.ended.recv_many(&mut ids, MOST).await == 0 {
            std::future::pending::<()>().await;
        }
        ids
    }

    /// Forgets jobs that were done; the ports that they kept revoked come back.
    pub fn forget(&mut self, ids: &[JobId], wanted: &mut Wanted) -> BTreeSet<PortId> {
        let mut ports = BTreeSet::new();
        for id in ids {
            self.sent.remove(id);
            ports.extend(self.waiting.remove(id).into_iter().flat_map(|entry| entry.ports));
        }
        self.journal.write(&self.waiting);
        for port in self.waiting.values().flat_map(|entry| &entry.ports) {
            ports.remove(port);
        }
        ports.retain(|port| wanted.restore(*port));
        self.hold_zones(wanted);
        ports
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

    /// Of very many jobs, those of a zone become one; the rest of the oldest is left out.
    fn draw_together(&mut self) {
        if self.waiting.len() <= MOST {
            return;
        }
        tracing::warn!(jobs = self.waiting.len(), "purges are drawn together: is ctpurge running?");
        let mut zones: BTreeMap<u16, Entry> = BTreeMap::new();
        let mut others = BTreeMap::new();
        for (id, entry) in std::mem::take(&mut self.waiting) {
            let zone = match (&entry.job.place, &entry.job.what) {
                (Place::Host, What::Zone(zone) | What::Pairs(Pairs { zone: Some(zone), .. })) => *zone,
                _ => {
                    others.insert(id, entry);
                    continue;
                }
            };
            let Entry { job, ports, cause } = entry;
            let new = || Entry {
                job: Job { id: JobId(Uuid::new_v4()), what: What::Zone(zone), ..job.clone() },
                ports: BTreeSet::new(),
                cause,
            };
            let all = zones.entry(zone).or_insert_with(new);
            all.ports.extend(ports);
            if job.reason == Reason::ZoneReleased {
                all.job.reason = job.reason;
            }
        }
        self.sent.retain(|id| others.contains_key(id));
        self.waiting = zones.into_values().map(|entry| (entry.job.id, entry)).collect();
        // Of namespaces: nobody is revoked for these.
        self.waiting.extend(others.into_iter().take(MOST / 2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::Settings;
    use model::desired::Kind;

    fn due(n: u16) -> Due {
        let removed = [std::net::IpAddr::from([10, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]])].into();
        let pairs = Pairs {
            zone: Some(n % 3 + 1),
            removed,
            peers: Default::default(),
            service: None,
            began: Default::default(),
        };
        Due {
            reason: Reason::RuleRemoved,
            place: Place::Host,
            what: What::Pairs(pairs),
            ports: [PortId(Uuid::from_u128(u128::from(n)))].into(),
            cause: Key::new(Kind::Group, Uuid::from_u128(9)),
        }
    }

    #[tokio::test]
    async fn what_waits_outlasts_the_agent_and_is_bounded() {
        let dir = tempfile::tempdir().expect("directory");
        let mut wanted = Wanted::new(Settings::default());
        let open = |wanted: &mut Wanted| Purges::open(dir.path(), dir.path().join("nobody"), wanted);
        let mut purges = open(&mut wanted);
        assert_eq!(purges.note(vec![due(1), due(2)], &mut wanted).len(), 2);
        assert!(purges.note(vec![due(1)], &mut wanted).is_empty(), "revoked already");
        drop(purges);
        let mut wanted = Wanted::new(Settings::default());
        let mut purges = open(&mut wanted);
        assert_eq!(purges.waiting.len(), 2, "the same again waits once");
        // A port is restored when the last of its jobs is done.
        purges.sent.extend(purges.waiting.keys().copied());
        purges.note(vec![due(1)], &mut wanted);
        let of_first: Vec<JobId> = purges
            .waiting
            .iter()
            .filter(|(_, entry)| entry.ports == due(1).ports)
            .map(|(id, _)| *id)
            .collect();
        assert!(purges.forget(&of_first[..1], &mut wanted).is_empty());
        assert_eq!(purges.forget(&of_first[1..], &mut wanted), due(1).ports);
        let many = u16::try_from(MOST).expect("fits");
        purges.note((0..many).map(due).collect(), &mut wanted);
        assert_eq!(purges.waiting.len(), 3, "one for each zone");
        let ports: BTreeSet<PortId> =
            purges.waiting.values().flat_map(|entry| entry.ports.iter().copied()).collect();
        assert_eq!(ports.len(), MOST);
    }
}
