//! Very many jobs that wait are drawn together: all of one zone, or of one namespace, become one that
//! forgets all of it. Those with the most go first, so that who causes it pays for it.

use std::collections::{BTreeMap, BTreeSet};

use model::desired::Key;
use model::purge::{Job, JobId, Pairs, Place, Reason, What};
use uuid::Uuid;

use super::journal::Entry;

/// What may wait: jobs, each counting more the more addresses it has.
pub(super) const MOST: usize = 4096;
/// So many addresses count as much as a job.
const ADDRESSES: usize = 128;

/// Where jobs are that one job can do the work of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Spot {
    Zone(u16),
    Netns(String),
}

/// Those that were drawn together, if they were too many. Of those that are ready, what they waited for is
/// in place.
pub(super) fn draw_together(
    waiting: &mut BTreeMap<JobId, Entry>,
    ready: &mut BTreeSet<JobId>,
) -> BTreeSet<JobId> {
    let mut gone = BTreeSet::new();
    let mut load: usize = waiting.values().map(|entry| self::load(&entry.job)).sum();
    if load <= MOST {
        return gone;
    }
    tracing::warn!(jobs = waiting.len(), "purges are drawn together: is ctpurge running?");
    let mut spots: BTreeMap<Spot, (usize, Vec<JobId>)> = BTreeMap::new();
    for (id, entry) in &*waiting {
        if let Some(spot) = spot(&entry.job) {
            let (of_spot, ids) = spots.entry(spot).or_default();
            *of_spot += self::load(&entry.job);
            ids.push(*id);
        }
    }
    let mut spots: Vec<(Spot, (usize, Vec<JobId>))> = spots.into_iter().collect();
    spots.sort_by_key(|(_, (load, _))| std::cmp::Reverse(*load));
    for (spot, (of_spot, ids)) in spots {
        if load <= MOST || of_spot <= 1 {
            break;
        }
        load -= of_spot - 1;
        let all: Vec<Entry> = ids.iter().filter_map(|id| waiting.remove(id)).collect();
        let waits = |entry: &&Entry| !ready.contains(&entry.job.id);
        let causes = all.iter().filter(waits).flat_map(|entry| entry.causes.iter().chain([&entry.cause]));
        let causes: BTreeSet<Key> = causes.copied().collect();
        if let Some(one) = one(&spot, all, causes) {
            if one.causes.is_empty() {
                ready.insert(one.job.id);
            }
            waiting.insert(one.job.id, one);
        }
        gone.extend(ids);
    }
    ready.retain(|id| !gone.contains(id));
    gone
}

fn load(job: &Job) -> usize {
    1 + job.what.weight() / ADDRESSES
}

fn spot(job: &Job) -> Option<Spot> {
    match (&job.place, &job.what) {
        (Place::Netns(name), _) => Some(Spot::Netns(name.clone())),
        (Place::Host, What::Zone(zone) | What::Pairs(Pairs { zone: Some(zone), .. })) => {
            Some(Spot::Zone(*zone))
        }
        _ => None,
    }
}

/// One that does what all do, and more. A zone that was released stays known as such.
fn one(spot: &Spot, all: Vec<Entry>, causes: BTreeSet<Key>) -> Option<Entry> {
    let released = all.iter().find(|entry| entry.job.reason == Reason::ZoneReleased);
    let like = released.or(all.first())?;
    let zone = match spot {
        Spot::Zone(zone) => *zone,
        // What a router tracks.
        Spot::Netns(_) => 0,
    };
    let job = Job { id: JobId(Uuid::new_v4()), what: What::Zone(zone), ..like.job.clone() };
    let cause = causes.first().copied().unwrap_or(like.cause);
    Some(Entry { job, ports: all.into_iter().flat_map(|entry| entry.ports).collect(), cause, causes })
}
