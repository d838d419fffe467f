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
    /// Connections that are known.
    Known { zone: u16, tuples: Vec<(Tuple, Vec<JobNo>)> },
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
    pub peers: Vec<(IpNet, Vec<JobNo>)>,
}

/// Jobs merged: what several ask for is there once, with the numbers of all of them.
#[derive(Debug)]
pub struct Plan<'a> {
    numbers: Numbers,
    zones: BTreeMap<u16, Vec<JobNo>>,
    known: BTreeMap<(u16, Tuple), Vec<JobNo>>,
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

/// `None` is any peer.
type Peered<'a> = BTreeMap<Option<&'a IpNet>, Vec<JobNo>>;

impl<'a> Plan<'a> {
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
        plan.merged += plan.zones.values().map(|jobs| jobs.len() as u64 - 1).sum::<u64>();
        for (job, what) in jobs {
            let added = match what {
                What::Zone(_) => continue,
                What::Tuples(known) => match plan.zones.get_mut(&known.zone) {
                    Some(flush) => is_taken(flush, *job),
                    None => add(&mut plan.known, *job, known.tuples.iter().map(|tuple| (known.zone, *tuple))),
                },
                What::Pairs(pairs) => match pairs.zone.and_then(|zone| plan.zones.get_mut(&zone)) {
                    Some(flush) => is_taken(flush, *job),
                    None => {
                        let (zone, service, began) = (pairs.zone, pairs.service, pairs.began);
                        let alike = Alike { zone, removed: &pairs.removed, service, began };
                        let peered = plan.pairs.entry(alike).or_default();
                        match &pairs.peers {
                            Peers::Any => add(peered, *job, [None]),
                            Peers::Of(peers) => add(peered, *job, peers.iter().map(Some)),
                        }
                    }
                },
            };
            plan.merged += u64::from(!added);
        }
        let removed: BTreeSet<IpNet> =
            plan.pairs.keys().flat_map(|alike| alike.removed.iter()).copied().collect();
        plan.removed = removed.into_iter().collect();
        plan
    }

    /// How many batches there are.
    pub fn count(&self) -> usize {
        let of_pairs: usize =
            self.removed.chunks(self.numbers.first).map(|removed| self.shares(removed).len()).sum();
        let of_known: usize =
            self.known_by_zone().map(|(_, all)| all.len().div_ceil(self.numbers.second)).sum();
        self.zones.len() + of_known + of_pairs
    }

    /// One after the other.
    pub fn batches(&self) -> impl Iterator<Item = Batch> {
        let zones = self.zones.iter().map(|(zone, jobs)| Work::Zone { zone: *zone, jobs: jobs.clone() });
        let known = self.known_by_zone().flat_map(|(zone, all)| {
            let work = move |tuples: &[(Tuple, Vec<JobNo>)]| Work::Known { zone, tuples: tuples.to_vec() };
            all.chunks(self.numbers.second).map(work).collect::<Vec<_>>()
        });
        let pairs = self.removed.chunks(self.numbers.first).flat_map(|removed| {
            self.shares(removed)
                .into_iter()
                .map(|(first, last)| Work::Pairs(self.rules(removed, first, last)))
        });
        zones.chain(known).chain(pairs).map(|work| Batch { work })
    }

    fn known_by_zone(&self) -> impl Iterator<Item = (u16, Vec<(Tuple, Vec<JobNo>)>)> {
        let zones: BTreeSet<u16> = self.known.keys().map(|(zone, _)| *zone).collect();
        zones.into_iter().map(|zone| {
            let of_zone = self.known.iter().filter(move |((of, _), _)| *of == zone);
            (zone, of_zone.map(|((_, tuple), jobs)| (*tuple, jobs.clone())).collect())
        })
    }

    /// The pairs that have some of these removed addresses, which are in order.
    fn with<'p>(&'p self, removed: &'p [IpNet]) -> impl Iterator<Item = (&'p Alike<'a>, &'p Peered<'a>)> {
        self.pairs.iter().filter(|(alike, _)| some(alike.removed, removed).next().is_some())
    }

    /// Their peers in shares of the second number: the first and last of each.
    fn shares(&self, removed: &[IpNet]) -> Vec<(Option<IpNet>, Option<IpNet>)> {
        let peers: BTreeSet<Option<&IpNet>> =
            self.with(removed).flat_map(|(_, peered)| peered.keys().copied()).collect();
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
            for (peer, jobs) in peered.range(first.as_ref()..=last.as_ref()) {
                match peer {
                    None => rule.any = jobs.clone(),
                    Some(peer) => rule.peers.push((**peer, jobs.clone())),
                }
            }
            if !rule.any.is_empty() || !rule.peers.is_empty() {
                rules.push(rule);
            }
        }
        rules
    }
}

/// Those of a set that lie among a run of all.
fn some<'s>(set: &'s Addresses, run: &[IpNet]) -> impl Iterator<Item = &'s IpNet> {
    set.between(&run[0], &run[run.len() - 1])
}

/// The flush of its zone does what the job asks for.
fn is_taken(flush: &mut Vec<JobNo>, job: JobNo) -> bool {
    flush.push(job);
    false
}

/// False when all was there for other jobs.
fn add<K: Ord>(all: &mut BTreeMap<K, Vec<JobNo>>, job: JobNo, keys: impl IntoIterator<Item = K>) -> bool {
    let mut added = false;
    for key in keys {
        let jobs = all.entry(key).or_default();
        added |= jobs.is_empty();
        if jobs.last() != Some(&job) {
            jobs.push(job);
        }
    }
    added
}

impl Batch {
    /// Jobs that it works for, in order.
    pub fn jobs(&self) -> BTreeSet<JobNo> {
        match &self.work {
            Work::Zone { jobs, .. } => jobs.iter().copied().collect(),
            Work::Known { tuples, .. } => tuples.iter().flat_map(|(_, jobs)| jobs).copied().collect(),
            Work::Pairs(rules) => {
                let of_rule = |rule: &Rule| {
                    let of_peers = rule.peers.iter().flat_map(|(_, jobs)| jobs);
                    rule.any.iter().chain(of_peers).copied().collect::<Vec<_>>()
                };
                rules.iter().flat_map(of_rule).collect()
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
