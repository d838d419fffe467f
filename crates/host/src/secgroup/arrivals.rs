//! Addresses that come to ports of this host: what is known of them here was let in elsewhere.
//!
//! Others here may have talked with an address while another host had it. Their ends stay known, and this
//! host is not told when a rule of the other end goes; so what comes with the address begins anew. An
//! address that several may use, and that one here has already, is not cut when one more comes.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use model::NetworkId;
use model::desired::{Key, Kind, Part, Port};
use model::purge::Reason;

use super::due::{Due, Dues, Joined, Together, Zones, addresses};
use super::sets::{filtered, is_host};
use crate::names;
use crate::observed::Observed;
use crate::wanted::{Scope, Wanted};

/// What is due for ports whose devices are yet to be joined to their bridges: one job for all of a network.
pub fn purge_arrived(
    want: &Wanted,
    seen: &Observed,
    scope: &Scope,
    zones: &Zones,
    joined: &Joined,
) -> Vec<Due> {
    let keys: Vec<Key> = match scope {
        Scope::All => want.of_kind(Kind::Port).map(Part::key).collect(),
        Scope::Some { keys, .. } => keys.iter().filter(|key| key.kind == Kind::Port).copied().collect(),
    };
    let mut dues = Dues::new(want, &[], zones, joined);
    let mut by: BTreeMap<NetworkId, (Together, BTreeSet<Key>)> = BTreeMap::new();
    for port in keys.iter().filter_map(|key| want.get(*key)).filter_map(filtered) {
        let bridge = names::bridge(port.network_id);
        let Some(link) = seen.links.get(&names::tap(port.id)) else { continue };
        if link.master.as_ref() == Some(&bridge) || !zones.contains_key(&bridge) {
            continue;
        }
        let (of, causes) = by.entry(port.network_id).or_default();
        of.ids.insert(port.id);
        of.addresses.extend(dues.anew(port, &BTreeSet::new()));
        causes.insert(Key::new(Kind::Port, port.id.0));
    }
    for (network, (of, causes)) in by {
        dues.all_of(Reason::AddressArrived, network, of, causes);
    }
    dues.all
}

impl Dues<'_> {
    /// Addresses that a port has and had not, and whose connections begin anew.
    pub fn anew(&mut self, port: &Port, before: &BTreeSet<IpNet>) -> BTreeSet<IpNet> {
        let mut came = came(before, &addresses(port));
        let own: BTreeSet<IpNet> = port.fixed_ips.iter().map(|ip| IpNet::from(*ip)).collect();
        if !came.is_subset(&own) {
            let joined = self.joined;
            let owners = self.owners_in(port.network_id);
            let has =
                |net: &IpNet| owners.of_host(net.addr()).any(|id| id != port.id && joined.contains(&id));
            came.retain(|net| own.contains(net) || !has(net));
        }
        came
    }
}

/// Addresses that are in none of those before. Nets are many ports' at once, as of nodes that carry the
/// same containers: one more that may use them is no reason to cut the others.
fn came(before: &BTreeSet<IpNet>, after: &BTreeSet<IpNet>) -> BTreeSet<IpNet> {
    let had = |net: &IpNet| before.contains(net) || before.iter().any(|wide| wide.contains(net));
    after.iter().filter(|net| is_host(net) && !had(net)).copied().collect()
}
