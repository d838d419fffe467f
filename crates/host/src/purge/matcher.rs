//! What a batch asks for, so that each entry of a table is judged in about two looks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::purge::{Began, Service, Tuple};

use super::prefixes::Prefixes;
use super::{Batch, Connection, JobNo, Work};

/// Says of each connection which jobs of a batch ask that it go.
#[derive(Debug)]
pub struct Matcher {
    /// Removed addresses, and the rules that each is in.
    removed: Prefixes,
    rules: Vec<Judge>,
    /// Peers of rules, and for each the places in `asking` of the jobs that ask for it. Rules with the same
    /// peers, as jobs about the ports of one group have, share them: what is looked at for every entry
    /// should be small.
    peers: Vec<Prefixes>,
    zone: Option<(u16, Vec<JobNo>)>,
    /// Of one zone, in order.
    known: (u16, Vec<(Tuple, JobNo)>),
}

#[derive(Debug)]
struct Judge {
    zone: Option<u16>,
    service: Option<Service>,
    began: Began,
    any: Vec<JobNo>,
    /// Jobs that ask for some peers, in order.
    asking: Vec<JobNo>,
    /// Of the matcher's.
    peers: usize,
}

impl Matcher {
    /// The seed spreads hashes: any number that others do not know.
    pub fn new(batch: &Batch, seed: u64) -> Matcher {
        let mut matcher = Matcher {
            removed: Prefixes::default(),
            rules: Vec::new(),
            peers: Vec::new(),
            zone: None,
            known: (0, Vec::new()),
        };
        match &batch.work {
            Work::Zone { zone, jobs } => matcher.zone = Some((*zone, jobs.clone())),
            Work::Known { zone, tuples } => matcher.known = (*zone, tuples.clone()),
            Work::Pairs(rules) => {
                let (mut removed, mut known) = (Vec::new(), BTreeMap::new());
                for (at, rule) in rules.iter().enumerate() {
                    removed.extend(rule.removed.iter().map(|net| (*net, at as u32)));
                    let (asking, peers) = by_place(&rule.peers);
                    let next = known.len();
                    matcher.rules.push(Judge {
                        zone: rule.zone,
                        service: rule.service,
                        began: rule.began,
                        any: rule.any.clone(),
                        asking,
                        peers: *known.entry(peers).or_insert(next),
                    });
                }
                let mut peers: Vec<_> = known.into_iter().collect();
                peers.sort_unstable_by_key(|(_, at)| *at);
                matcher.peers = peers.into_iter().map(|(peers, _)| Prefixes::new(peers, seed)).collect();
                matcher.removed = Prefixes::new(removed, seed);
            }
        }
        matcher
    }

    /// Leaves in `jobs` those that ask for the connection, in order; true if there are any.
    pub fn judge(&self, connection: &Connection, jobs: &mut Vec<JobNo>) -> bool {
        jobs.clear();
        if let Some((zone, all)) = &self.zone
            && connection.zone == *zone
        {
            jobs.extend(all);
        }
        let (zone, known) = &self.known;
        if connection.zone == *zone && !known.is_empty() {
            for tuple in [connection.original, connection.reply] {
                let from = known.partition_point(|(one, _)| *one < tuple);
                let same = known[from..].iter().take_while(|(one, _)| *one == tuple);
                jobs.extend(same.map(|(_, job)| *job));
            }
        }
        if !self.rules.is_empty() {
            let (began, called) = (connection.began(), connection.called());
            self.between(connection, began, called, Began::Removed, jobs);
            self.between(connection, called, began, Began::Peer, jobs);
        }
        if jobs.len() > 1 {
            jobs.sort_unstable();
            jobs.dedup();
        }
        !jobs.is_empty()
    }

    fn between(
        &self,
        connection: &Connection,
        removed: [IpAddr; 2],
        peer: [IpAddr; 2],
        began: Began,
        jobs: &mut Vec<JobNo>,
    ) {
        for removed in distinct(&removed) {
            self.removed.of(*removed, |rules| {
                for rule in rules {
                    let rule = &self.rules[*rule as usize];
                    if rule.began != Began::Either && rule.began != began
                        || rule.zone.is_some_and(|zone| zone != connection.zone)
                        || rule.service.is_some_and(|service| !connection.is_to(&service))
                    {
                        continue;
                    }
                    jobs.extend(&rule.any);
                    for peer in distinct(&peer) {
                        let asking = |at: &[u32]| jobs.extend(at.iter().map(|at| rule.asking[*at as usize]));
                        self.peers[rule.peers].of(*peer, asking);
                    }
                }
            });
        }
    }
}

/// The jobs that ask for peers, in order, and the peers with the places of those.
fn by_place(peers: &[(IpNet, JobNo)]) -> (Vec<JobNo>, Vec<(IpNet, u32)>) {
    let asking: BTreeSet<JobNo> = peers.iter().map(|(_, job)| *job).collect();
    let asking: Vec<JobNo> = asking.into_iter().collect();
    let place = |job: &JobNo| asking.partition_point(|one| one < job) as u32;
    let placed = peers.iter().map(|(peer, job)| (*peer, place(job))).collect();
    (asking, placed)
}

fn distinct(addresses: &[IpAddr; 2]) -> &[IpAddr] {
    if addresses[0] == addresses[1] { &addresses[..1] } else { addresses }
}

#[cfg(test)]
mod tests {
    use super::super::Rule;
    use super::*;

    #[test]
    fn rules_with_the_same_peers_share_them() {
        let net = |text: &str| text.parse::<IpNet>().expect("a prefix");
        let rule = |removed: &str, jobs: [JobNo; 2]| Rule {
            zone: None,
            removed: vec![net(removed)],
            service: None,
            began: Began::Either,
            any: vec![],
            peers: vec![(net("10.9.0.1/32"), jobs[0]), (net("10.9.0.2/32"), jobs[1])],
        };
        // Of the last each peer is another job's.
        let rules =
            vec![rule("10.0.0.1/32", [3, 3]), rule("10.0.0.2/32", [5, 5]), rule("10.0.0.3/32", [6, 7])];
        let matcher = Matcher::new(&Batch { work: Work::Pairs(rules) }, 77);
        assert_eq!(matcher.peers.len(), 2);
        let asking = |removed: &str, peer: &str| {
            let ends = |one: &str, other: &str| {
                let end = |text: &str| (text.parse::<IpAddr>().expect("an address"), 53);
                Tuple::ports(17, end(one), end(other))
            };
            let connection =
                Connection { zone: 0, original: ends(removed, peer), reply: ends(peer, removed) };
            let mut jobs = Vec::new();
            matcher.judge(&connection, &mut jobs);
            jobs
        };
        for (removed, peer, jobs) in [
            ("10.0.0.1", "10.9.0.2", vec![3]),
            ("10.0.0.2", "10.9.0.2", vec![5]),
            ("10.0.0.3", "10.9.0.1", vec![6]),
            ("10.0.0.3", "10.9.0.2", vec![7]),
            ("10.0.0.3", "10.9.0.3", vec![]),
        ] {
            assert_eq!(asking(removed, peer), jobs, "{removed} {peer}");
        }
    }
}
