//! What a batch asks for, so that each entry of a table is judged in about two looks.

use std::net::IpAddr;

use model::purge::{Began, Service, Tuple};

use super::prefixes::Prefixes;
use super::{Batch, Connection, JobNo, Work};

/// Says of each connection which jobs of a batch ask that it go.
#[derive(Debug)]
pub struct Matcher {
    /// Removed addresses, and the rules that each is in.
    removed: Prefixes,
    rules: Vec<Judge>,
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
    /// Peers, and the jobs that ask for each.
    peers: Prefixes,
}

impl Matcher {
    /// The seed spreads hashes: any number that others do not know.
    pub fn new(batch: &Batch, seed: u64) -> Matcher {
        let mut matcher =
            Matcher { removed: Prefixes::default(), rules: Vec::new(), zone: None, known: (0, Vec::new()) };
        match &batch.work {
            Work::Zone { zone, jobs } => matcher.zone = Some((*zone, jobs.clone())),
            Work::Known { zone, tuples } => matcher.known = (*zone, tuples.clone()),
            Work::Pairs(rules) => {
                let mut removed = Vec::new();
                for (at, rule) in rules.iter().enumerate() {
                    removed.extend(rule.removed.iter().map(|net| (*net, at as u32)));
                    matcher.rules.push(Judge {
                        zone: rule.zone,
                        service: rule.service,
                        began: rule.began,
                        any: rule.any.clone(),
                        peers: Prefixes::new(rule.peers.clone(), seed),
                    });
                }
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
                        rule.peers.of(*peer, |asking| jobs.extend(asking));
                    }
                }
            });
        }
    }
}

fn distinct(addresses: &[IpAddr; 2]) -> &[IpAddr] {
    if addresses[0] == addresses[1] { &addresses[..1] } else { addresses }
}
