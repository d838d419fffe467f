//! Ports that have an address which another had: connections of that one are not theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::desired::{Key, Part};
use model::purge::{Job, JobId, Place, What};
use model::{NetworkId, PortId};

use super::due::{Zones, addresses};
use super::sets::{filtered, is_host};
use crate::names;
use crate::wanted::Wanted;

/// Addresses of a network's ports that are filtered.
#[derive(Default)]
pub struct Owners {
    hosts: BTreeMap<IpAddr, BTreeSet<PortId>>,
    nets: Vec<(IpNet, PortId)>,
}

impl Owners {
    pub fn of(want: &Wanted, network: NetworkId) -> Owners {
        Owners::among(want, want.secgroups.filtered(network))
    }

    pub fn among(want: &Wanted, keys: impl Iterator<Item = Key>) -> Owners {
        let mut owners = Owners::default();
        for port in keys.filter_map(|key| want.get(key)).filter_map(filtered) {
            for net in addresses(port) {
                match is_host(&net) {
                    true => drop(owners.hosts.entry(net.addr()).or_default().insert(port.id)),
                    false => owners.nets.push((net, port.id)),
                }
            }
        }
        owners
    }

    /// Who has an address as such, and not by a net.
    pub fn of_host(&self, address: IpAddr) -> impl Iterator<Item = PortId> {
        self.hosts.get(&address).into_iter().flatten().copied()
    }

    /// Who has some of these addresses.
    pub fn heirs(&self, removed: &BTreeSet<IpNet>) -> BTreeSet<PortId> {
        let mut heirs = BTreeSet::new();
        for gone in removed {
            let hosts = self.hosts.range(gone.network()..=gone.broadcast());
            heirs.extend(hosts.flat_map(|(_, ports)| ports));
            let nets = self.nets.iter().filter(|(net, _)| meet(net, gone));
            heirs.extend(nets.map(|(_, port)| *port));
        }
        heirs
    }
}

/// Addresses of which connections are yet to be forgotten, and the jobs that say so: found without looking
/// at each.
#[derive(Default)]
pub struct Awaited {
    nets: BTreeMap<(u16, IpNet), BTreeSet<JobId>>,
    zones: BTreeMap<u16, BTreeSet<JobId>>,
}

impl Awaited {
    pub fn insert(&mut self, job: &Job) {
        each_spot(job, |zone, net| {
            let jobs = match net {
                Some(net) => self.nets.entry((zone, net)).or_default(),
                None => self.zones.entry(zone).or_default(),
            };
            jobs.insert(job.id);
        });
    }

    pub fn remove(&mut self, job: &Job) {
        each_spot(job, |zone, net| match net {
            Some(net) => take(&mut self.nets, &(zone, net), job.id),
            None => take(&mut self.zones, &zone, job.id),
        });
    }

    /// Jobs about connections of addresses that a port has. None when nothing that a job asks for is judged
    /// at it.
    pub fn of(&self, part: &Part, zones: &Zones) -> BTreeSet<JobId> {
        let Some(port) = filtered(part) else { return BTreeSet::new() };
        let Some(zone) = zones.get(&names::bridge(port.network_id)) else { return BTreeSet::new() };
        let mut jobs: BTreeSet<JobId> = self.zones.get(zone).into_iter().flatten().copied().collect();
        for net in addresses(port) {
            // Nets meet when one is in the other. All that are in it lie between its ends; an address that
            // is one of its ends may be a wider net's too, which it is in as well.
            let (first, last) = (IpNet::from(net.network()), IpNet::from(net.broadcast()));
            let within = self.nets.range((*zone, widest_at(first))..=(*zone, last));
            jobs.extend(within.flat_map(|(_, jobs)| jobs));
            let around = (0..net.prefix_len()).filter_map(|length| IpNet::new(net.addr(), length).ok());
            let around = around.filter_map(|wide| self.nets.get(&(*zone, wide.trunc())));
            jobs.extend(around.flatten());
        }
        jobs
    }
}

/// All that a job is about: nets of a zone, or all of it.
fn each_spot(job: &Job, mut act: impl FnMut(u16, Option<IpNet>)) {
    match (&job.place, &job.what) {
        (Place::Host, What::Zone(zone)) => act(*zone, None),
        (Place::Host, What::Pairs(pairs)) => {
            let Some(zone) = pairs.zone else { return };
            pairs.removed.iter().for_each(|net| act(zone, Some(*net)));
        }
        _ => {}
    }
}

fn take<K: Ord>(from: &mut BTreeMap<K, BTreeSet<JobId>>, key: &K, id: JobId) {
    if let Some(jobs) = from.get_mut(key) {
        jobs.remove(&id);
        if jobs.is_empty() {
            from.remove(key);
        }
    }
}

/// The first in order of all nets that begin here.
fn widest_at(first: IpNet) -> IpNet {
    IpNet::new(first.addr(), 0).expect("a length of no bits fits")
}

/// Nets that have an address in common: one is inside the other.
fn meet(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use model::desired::Port;
    use model::purge::{Pairs, Peers, Reason};
    use proptest::prelude::*;
    use uuid::Uuid;
    use wire::Mac;

    use super::*;

    const NETWORK: NetworkId = NetworkId(Uuid::from_u128(7));

    fn net() -> impl Strategy<Value = IpNet> {
        let lengths = prop_oneof![3 => Just(0u8), 2 => 1..4u8, 1 => 4..20u8, 1 => 20..33u8];
        (any::<bool>(), prop_oneof![0..6u8, 250..=255u8], lengths).prop_map(|(v4, last, short)| {
            let ip: IpAddr = match v4 {
                true => [10, 0, 0, last].into(),
                false => [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)].into(),
            };
            let length = if v4 { 32 } else { 128 };
            IpNet::new(ip, length - short).expect("net").trunc()
        })
    }

    fn job() -> impl Strategy<Value = Job> {
        let what = prop_oneof![
            1 => (1..3u16).prop_map(What::Zone),
            6 => (1..3u16, prop::collection::vec(net(), 1..4)).prop_map(|(zone, removed)| {
                let removed = removed.into_iter().collect();
                let (zone, peers, service, began) = (Some(zone), Peers::Any, None, Default::default());
                What::Pairs(Pairs { zone, removed, peers, service, began })
            }),
        ];
        (any::<u128>(), what).prop_map(|(id, what)| {
            let (id, place) = (JobId(Uuid::from_u128(id)), Place::Host);
            Job { id, reason: Reason::PortDeleted, place, what }
        })
    }

    proptest! {
        /// As by looking at each job, also when some are done.
        #[test]
        fn an_heir_is_found(jobs in prop::collection::vec(job(), 0..12), has in net(), done in 0..6usize) {
            let pair = model::desired::AddressPair { mac: Mac([2, 0, 0, 0, 0, 1]), net: has };
            let port = Part::Port(Port {
                id: PortId(Uuid::nil()),
                network_id: NETWORK,
                mac: pair.mac,
                fixed_ips: Vec::new(),
                admin_state_up: true,
                allowed: Some(vec![pair]),
                trusted: false,
                groups: Some(BTreeSet::new()),
                qos: None,
                trunk: None,
                local_ips: Default::default(),
                logs: Default::default(),
            });
            let zones = Zones::from([(names::bridge(NETWORK), 1)]);
            let mut awaited = Awaited::default();
            jobs.iter().for_each(|job| awaited.insert(job));
            let (gone, left) = jobs.split_at(done.min(jobs.len()));
            gone.iter().for_each(|job| awaited.remove(job));
            let is_about = |job: &&Job| match &job.what {
                What::Zone(zone) => *zone == 1,
                What::Pairs(pairs) => pairs.zone == Some(1) && pairs.removed.iter().any(|net| meet(net, &has)),
                What::Tuples(_) => false,
            };
            let expected: BTreeSet<JobId> = left.iter().filter(is_about).map(|job| job.id).collect();
            prop_assert_eq!(awaited.of(&port, &zones), expected);
        }
    }
}
