//! Which connections shall be forgotten because the host was found otherwise than wanted.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use model::PortId;
use model::desired::{Key, Kind, Part};
use model::purge::Reason;

use super::due::{Due, Dues, Joined, Zones};
use super::index::Named;
use super::sets::{Set, filtered};
use super::tree::{Chain, Item, Value};
use super::{GROUND, group_chains};
use crate::observed::Observed;
use crate::wanted::Wanted;

/// What is due because the host was found otherwise than wanted, and nobody knows what it was before:
/// connections that what was there may have let in.
pub fn purge_unexplained(want: &Wanted, seen: &Observed, known: &BTreeSet<Key>, zones: &Zones) -> Vec<Due> {
    let joined = Joined::new();
    let mut dues = Dues::new(want, &[], zones, &joined);
    let (mut ports, mut causes) = (BTreeSet::new(), BTreeSet::from([GROUND]));
    for part in want.of_kind(Kind::Group).filter(|part| !known.contains(&part.key())) {
        let Part::Group(group) = part else { continue };
        let other =
            |chain: &Chain| seen.filter.chains.get(&chain.at).is_some_and(|mark| *mark != chain.mark());
        if group_chains(group).iter().any(other) {
            ports.extend(want.secgroups.holders(group.id).map(|key| PortId(key.id)));
            causes.insert(part.key());
        }
    }
    for (at, items) in &seen.filter.sets {
        match Set::parse(at) {
            Some(Set::Revoked) => {
                let keys = items.keys().flat_map(|item| match item {
                    Item::Device(device) => want.keys_of_device(device),
                    Item::Net(_) => BTreeSet::new(),
                });
                let left = keys.filter(|key| {
                    key.kind == Kind::Port && want.get(*key).is_some_and(|p| filtered(p).is_some())
                });
                ports.extend(left.map(|key| PortId(key.id)).filter(|id| !want.secgroups.is_revoked(*id)));
            }
            Some(set @ (Set::Hosts(_, group) | Set::Nets(_, group))) => {
                dues.lost_members(group, &lost(want, set, items));
            }
            Some(set @ Set::Addresses(_, id)) if !known.contains(&Key::new(Kind::Addresses, id.0)) => {
                dues.lost(Named::Addresses(id), Reason::MemberRemoved, &lost(want, set, items));
            }
            _ => {}
        }
    }
    let reason = Reason::RuleRemoved;
    for (network, ports) in dues.by_network(ports.into_iter().map(|id| Key::new(Kind::Port, id.0))) {
        dues.all_of(reason, network, ports, causes.clone());
    }
    dues.all
}

/// What is in a set, and in nothing that should be there.
fn lost(want: &Wanted, set: Set, items: &BTreeMap<Item, Value>) -> BTreeSet<IpNet> {
    let nets = |item: &Item| match item {
        Item::Net(net) => Some(*net),
        Item::Device(_) => None,
    };
    if let Set::Hosts(..) = set {
        let lost = items.keys().filter(|item| set.wanted_item(want, item).is_none());
        return lost.filter_map(nets).collect();
    }
    let wanted = set.wanted(want);
    let others = items.keys().filter(|item| !wanted.contains_key(item)).filter_map(nets);
    others.filter(|net| !wanted.keys().filter_map(nets).any(|wide| wide.contains(net))).collect()
}
