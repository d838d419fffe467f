//! Jobs of one place as batches: by first and second number.
//!
//! While at least *first number* of removed addresses wait, so many are taken, else all; of their
//! peers, while at least *second number* wait, so many, else the rest. A batch knows which peers
//! belong to which removed addresses, so it asks for nothing that no job asked for. Batches are made
//! one at a time: numbers of 1 and jobs of thousands are many batches, but never all at once.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use model::purge::{Addresses, Began, Peers, Service, Tuple, What};

/// A job's number among those that are planned together.
pub type JobNo = u32;

/// The two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Numbers {
    pub first: usize,
    pub second: usize,
}

/// What is carried out with at most one walk, or one per zone where that is cheaper.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    pub work: Work,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Work {
    /// All of a zone.
    Zone { zone: u16, jobs: Vec<JobNo> },
    /// Connections that are known, in order; one that several jobs ask for is there for each.
    Known { zone: u16, tuples: Vec<(Tuple, JobNo)> },
    /// Pairs of addresses.
    Pairs(Vec<Rule>),
}

/// Removed addresses that have the same peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    pub zone: Option<u16>,
    pub removed: Vec<IpNet>,
    pub service: Option<Service>,
    pub began: Began,
    /// Jobs that ask for any peer.
    pub any: Vec<JobNo>,
    /// In order; one that several jobs ask for is there for each.
    pub peers: Vec<(IpNet, JobNo)>,
}

/// Jobs merged: what several ask for is there once, with the numbers of all of them. What is asked for is
/// kept in order, a few bytes each: jobs may ask for very much.
#[derive(Debug)]
pub struct Plan<'a> {
    numbers: Numbers,
    zones: BTreeMap<u16, Vec<JobNo>>,
    known: BTreeMap<u16, Vec<(Tuple, JobNo)>>,
    pairs: BTreeMap<Alike<'a>, Peered<'a>>,
    /// Of all pairs, in order.
    removed: Vec<IpNet>,
    /// Jobs that cost nothing of their own.
    pub merged: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Alike<'a> {
    zone: Option<u16>,
    removed: &'a Addresses,
    service: Option<Service>,
    began: Began,
}

/// Peers, in order, and the job that asks for each; `None` is any peer.
type Peered<'a> = Vec<(Option<&'a IpNet>, JobNo)>;

impl<'a> Plan<'a> {
    /// The jobs' numbers ascend.
    pub fn new(jobs: &[(JobNo, &'a What)], numbers: Numbers) -> Plan<'a> {
        let numbers = Numbers { first: numbers.first.max(1), second: numbers.second.max(1) };
        let mut plan = Plan {
            numbers,
            zones: BTreeMap::new(),
            known: BTreeMap::new(),
            pairs: BTreeMap::new(),
            removed: Vec::new(),
            merged: 0,
        };
        for (job, what) in jobs {
            if let What::Zone(zone) = what {
                plan.zones.entry(*zone).or_default().push(*job);
            }
        }
        for (job, what) in jobs {
            plan.add(*job, what);
        }
        let mut owners = BTreeSet::new();
        plan.known.values_mut().for_each(|all| settle(all, &mut owners));
        plan.pairs.values_mut().for_each(|all| settle(all, &mut owners));
        plan.merged = (jobs.len() - owners.len() - plan.zones.len()) as u64;
        let removed: BTreeSet<IpNet> =
            plan.pairs.keys().flat_map(|alike| alike.removed.iter()).copied().collect();
        plan.removed = removed.into_iter().collect();
        plan
    }

    fn add(&mut self, job: JobNo, what: &'a What) {
        let zone = match what {
            What::Zone(_) => return,
            What::Tuples(known) => Some(known.zone),
            What::Pairs(pairs) => pairs.zone,
        };
        // The flush of its zone does what the job asks for.
        if let Some(flush) = zone.and_then(|zone| self.zones.get_mut(&zone)) {
            return flush.push(job);
        }
        match what {
            What::Zone(_) => {}
            What::Tuples(known) => {
                let all = self.known.entry(known.zone).or_default();
                all.extend(known.tuples.iter().map(|tuple| (*tuple, job)));
            }
            What::Pairs(pairs) => {
                let (service, began) = (pairs.service, pairs.began);
                let alike = Alike { zone, removed: &pairs.removed, service, began };
                let peered = self.pairs.entry(alike).or_default();
                match &pairs.peers {
                    Peers::Any => peered.push((None, job)),
                    Peers::Of(peers) => peered.extend(peers.iter().map(|peer| (Some(peer), job))),
                }
            }
        }
    }

    /// How many batches there are.
    pub fn count(&self) -> usize {
        let of_pairs: usize =
            self.removed.chunks(self.numbers.first).map(|removed| self.shares(removed).len()).sum();
        let of_known: usize =
            self.known.values().map(|all| runs(all).count().div_ceil(self.numbers.second)).sum();
        self.zones.len() + of_known + of_pairs
    }

    /// One after the other.
    pub fn batches(&self) -> impl Iterator<Item = Batch> {
        let zones = self.zones.iter().map(|(zone, jobs)| Work::Zone { zone: *zone, jobs: jobs.clone() });
        let second = self.numbers.second;
        let known = self.known.iter().flat_map(move |(zone, all)| {
            let mut runs = runs(all);
            std::iter::from_fn(move || {
                let tuples: Vec<_> = runs.by_ref().take(second).flatten().copied().collect();
                (!tuples.is_empty()).then_some(Work::Known { zone: *zone, tuples })
            })
        });
        let pairs = self.removed.chunks(self.numbers.first).flat_map(|removed| {
            self.shares(removed)
                .into_iter()
                .map(|(first, last)| Work::Pairs(self.rules(removed, first, last)))
        });
        zones.chain(known).chain(pairs).map(|work| Batch { work })
    }

    /// The pairs that have some of these removed addresses, which are in order.
    fn with<'p>(&'p self, removed: &'p [IpNet]) -> impl Iterator<Item = (&'p Alike<'a>, &'p Peered<'a>)> {
        self.pairs.iter().filter(|(alike, _)| some(alike.removed, removed).next().is_some())
    }

    /// Their peers in shares of the second number: the first and last of each.
    fn shares(&self, removed: &[IpNet]) -> Vec<(Option<IpNet>, Option<IpNet>)> {
        let peers: BTreeSet<Option<&IpNet>> =
            self.with(removed).flat_map(|(_, peered)| peered.iter().map(|(peer, _)| *peer)).collect();
        let peers: Vec<Option<&IpNet>> = peers.into_iter().collect();
        let ends = |share: &[Option<&IpNet>]| (share[0].copied(), share[share.len() - 1].copied());
        peers.chunks(self.numbers.second).map(ends).collect()
    }

    fn rules(&self, removed: &[IpNet], first: Option<IpNet>, last: Option<IpNet>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (alike, peered) in self.with(removed) {
            let mut rule = Rule {
                zone: alike.zone,
                removed: some(alike.removed, removed).copied().collect(),
                service: alike.service,
                began: alike.began,
                any: Vec::new(),
                peers: Vec::new(),
            };
            let start = peered.partition_point(|(peer, _)| *peer < first.as_ref());
            let end = peered.partition_point(|(peer, _)| *peer <= last.as_ref());
            for (peer, job) in &peered[start..end] {
                match peer {
                    None => rule.any.push(*job),
                    Some(peer) => rule.peers.push((**peer, *job)),
                }
            }
            if !rule.any.is_empty() || !rule.peers.is_empty() {
                rules.push(rule);
            }
        }
        rules
    }
}

/// Puts all in order, once each, and notes the jobs that were the first to ask for something.
fn settle<K: Ord>(all: &mut Vec<(K, JobNo)>, owners: &mut BTreeSet<JobNo>) {
    all.sort_unstable();
    all.dedup();
    owners.extend(runs(all).map(|run| run[0].1));
}

/// What jobs ask for, each with all that do.
fn runs<K: PartialEq>(all: &[(K, JobNo)]) -> impl Iterator<Item = &[(K, JobNo)]> {
    all.chunk_by(|(one, _), (other, _)| one == other)
}

/// Those of a set that lie among a run of all.
fn some<'s>(set: &'s Addresses, run: &[IpNet]) -> impl Iterator<Item = &'s IpNet> {
    set.between(&run[0], &run[run.len() - 1])
}

impl Batch {
    /// Connections that are known, each with the jobs that ask for it; none of other work.
    pub fn known(&self) -> impl Iterator<Item = (Tuple, impl Iterator<Item = JobNo>)> {
        let tuples = match &self.work {
            Work::Known { tuples, .. } => &tuples[..],
            _ => &[],
        };
        runs(tuples).map(|run| (run[0].0, run.iter().map(|(_, job)| *job)))
    }

    /// Jobs that it works for, in order.
    pub fn jobs(&self) -> BTreeSet<JobNo> {
        match &self.work {
            Work::Zone { jobs, .. } => jobs.iter().copied().collect(),
            Work::Known { tuples, .. } => tuples.iter().map(|(_, job)| *job).collect(),
            Work::Pairs(rules) => {
                let of_peers = rules.iter().flat_map(|rule| &rule.peers).map(|(_, job)| *job);
                rules.iter().flat_map(|rule| &rule.any).copied().chain(of_peers).collect()
            }
        }
    }

    /// The zones it is about; `None` when it is about all.
    pub fn zones(&self) -> Option<BTreeSet<u16>> {
        match &self.work {
            Work::Zone { zone, .. } | Work::Known { zone, .. } => Some(BTreeSet::from([*zone])),
            Work::Pairs(rules) => rules.iter().map(|rule| rule.zone).collect(),
        }
    }

    /// True when it is about IPv4 only; false for IPv6 only.
    pub fn is_ipv4(&self) -> Option<bool> {
        let mut families: BTreeSet<bool> = BTreeSet::new();
        match &self.work {
            Work::Zone { .. } => return None,
            Work::Known { tuples, .. } => {
                families.extend(tuples.iter().map(|(tuple, _)| tuple.source.is_ipv4()))
            }
            Work::Pairs(rules) => {
                families.extend(rules.iter().flat_map(|rule| &rule.removed).map(|net| net.addr().is_ipv4()));
            }
        }
        match families.len() {
            1 => families.pop_first(),
            _ => None,
        }
    }
}
