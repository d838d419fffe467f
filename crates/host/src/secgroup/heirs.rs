//! Ports that have an address which another had: connections of that one are not theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::desired::Part;
use model::purge::{Job, Place, What};
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
        let mut owners = Owners::default();
        let keys = want.secgroups.filtered(network);
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

/// A port that may have come to an address of which connections are yet to be forgotten.
pub struct Heir {
    zone: u16,
    addresses: BTreeSet<IpNet>,
}

impl Heir {
    /// `None` when nothing that a job asks for is judged at it.
    pub fn new(part: &Part, zones: &Zones) -> Option<Heir> {
        let port = filtered(part)?;
        let zone = *zones.get(&names::bridge(port.network_id))?;
        Some(Heir { zone, addresses: addresses(port) })
    }

    /// Whether a job is about connections of an address that it has.
    pub fn is_of(&self, job: &Job) -> bool {
        match (&job.place, &job.what) {
            (Place::Host, What::Zone(zone)) => *zone == self.zone,
            (Place::Host, What::Pairs(pairs)) if pairs.zone == Some(self.zone) => {
                pairs.removed.iter().any(|gone| self.addresses.iter().any(|net| meet(net, gone)))
            }
            _ => false,
        }
    }
}

/// Nets that have an address in common: one is inside the other.
fn meet(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}
