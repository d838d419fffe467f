//! Whether what a job is about is in place, so that it may be handed over. Where some of its ports are late,
//! the others need not wait for them.

use std::collections::BTreeSet;

use host::secgroup::{self, GROUND, Set};
use host::{Op, Step, Wanted};
use kernel::Failed;
use model::PortId;
use model::desired::{Key, Kind};
use model::purge::{Job, JobId, Place};
use uuid::Uuid;

use super::Purges;
use super::journal::Entry;

enum Standing {
    InPlace,
    /// For this.
    Waits(Key),
    /// But for these ports.
    Partly(BTreeSet<PortId>),
}

impl Purges {
    /// Which ports could not be revoked.
    pub fn tried(&mut self, steps: &[Step], failed: &[Failed]) {
        let revoked = Set::Revoked.at();
        let mut failed = failed.iter().map(|failed| failed.index).peekable();
        for (index, Step { key, op, .. }) in steps.iter().enumerate() {
            let is_done = failed.next_if_eq(&index).is_none();
            if key.kind == Kind::Port && matches!(op, Op::AddElements { at, .. } if *at == revoked) {
                match is_done {
                    true => self.unrevoked.remove(&PortId(key.id)),
                    false => self.unrevoked.insert(PortId(key.id)),
                };
            }
        }
    }

    /// After a turn: hands over what waits, but for what parts that are not in place are the cause of, and
    /// ports that may not be revoked yet.
    pub fn hand_over(&mut self, amiss: &BTreeSet<Key>, wanted: &Wanted) {
        self.held.clear();
        let unready = self.waiting.keys().filter(|id| !self.ready.contains(id));
        for id in unready.copied().collect::<Vec<_>>() {
            let entry = &self.waiting[&id];
            match standing(entry, amiss, &self.unrevoked) {
                Standing::InPlace => drop(self.ready.insert(id)),
                Standing::Waits(key) => drop(self.held.insert(id, key)),
                Standing::Partly(late) => {
                    let key = Key::new(Kind::Port, late.first().expect("some are late").0);
                    let held = self.take_apart(id, late, wanted).unwrap_or(id);
                    self.held.insert(held, key);
                }
            }
        }
        self.send();
    }

    /// Two jobs of one, if that can be: for ports that are late, whose name comes back, and for the others.
    fn take_apart(&mut self, id: JobId, late: BTreeSet<PortId>, wanted: &Wanted) -> Option<JobId> {
        let entry = &self.waiting[&id];
        let (theirs, others) = secgroup::apart(wanted, &entry.job.what, &entry.ports, &late)?;
        let job = |what| Job { id: JobId(Uuid::new_v4()), what, ..entry.job.clone() };
        let rest = entry.ports.difference(&late).copied().collect();
        let (theirs, others) = (of_ports(entry, job(theirs), late), of_ports(entry, job(others), rest));
        let both = [theirs.job.id, others.job.id];
        self.forget(id);
        for entry in [theirs, others] {
            self.awaited.insert(&entry.job);
            self.waiting.insert(entry.job.id, entry);
        }
        self.journal.note(both.iter().map(|id| &self.waiting[id]), &[id], &self.waiting);
        self.ready.insert(both[1]);
        Some(both[0])
    }
}

/// `amiss` are parts that are not in place, `unrevoked` ports that could not be revoked. A port of which
/// something else is amiss keeps a job from nothing, unless it is the cause.
fn standing(entry: &Entry, amiss: &BTreeSet<Key>, unrevoked: &BTreeSet<PortId>) -> Standing {
    if entry.job.place == Place::Host && amiss.contains(&GROUND) {
        return Standing::Waits(GROUND);
    }
    let mut late: BTreeSet<PortId> = entry.ports.intersection(unrevoked).copied().collect();
    let mut some_stand = false;
    for key in entry.causes.iter().chain([&entry.cause]) {
        match PortId(key.id) {
            _ if !amiss.contains(key) => some_stand = true,
            port if key.kind == Kind::Port && entry.ports.contains(&port) => drop(late.insert(port)),
            _ => return Standing::Waits(*key),
        }
    }
    match late.first() {
        None => Standing::InPlace,
        Some(_) if some_stand && late.len() < entry.ports.len() => Standing::Partly(late),
        Some(port) => Standing::Waits(Key::new(Kind::Port, port.0)),
    }
}

/// The part of an entry that is about some of its ports; what it forgets is said by who takes it apart.
fn of_ports(entry: &Entry, job: Job, ports: BTreeSet<PortId>) -> Entry {
    let is_anothers = |key: &Key| {
        let port = PortId(key.id);
        key.kind == Kind::Port && entry.ports.contains(&port) && !ports.contains(&port)
    };
    let all = entry.causes.iter().chain([&entry.cause]).copied();
    let mut causes: BTreeSet<Key> = all.filter(|key| !is_anothers(key)).collect();
    let cause = causes.pop_first().unwrap_or(entry.cause);
    Entry { job, ports, cause, causes }
}
