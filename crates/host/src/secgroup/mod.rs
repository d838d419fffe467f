//! What ports may send and receive by their security groups.
//!
//! ```text
//! rules   a group's rules merged          chains  the chains of groups, ports and the host
//! index   which parts meet                sets    members, addresses, ports, zones
//! logging what is told of logged ports
//! tree    all of it as data and text      plan    from what is there to what should be
//! due     connections to be forgotten             heirs   who has addresses of such
//! arrivals        as due, of addresses that come        unexplained     as due, for what nobody told
//! released        as due, of zones that go              apart           a job in two
//! ```
//! Connections are known to the IP layer alone, ports of bridges to the bridge alone: a packet
//! crosses both, and is marked at the first with what the second has to know of it. A network has
//! a zone of its own, so that equal addresses in two networks are two.

mod apart;
mod arrivals;
mod chains;
mod due;
mod heirs;
mod index;
mod logging;
mod plan;
mod released;
mod rules;
mod sets;
mod tree;
mod unexplained;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ipnet::IpNet;
use model::desired::{Direction, Group, Key, Kind, Member, Part, Port};
use model::{PortId, SecurityGroupId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::names;
use crate::wanted::{Scope, Slots, Wanted};

pub use apart::apart;
pub use arrivals::purge_arrived;
pub use due::{Due, Joined, Zones, purge_due};
pub use heirs::Awaited;
pub use logging::ACCEPTING;
pub use released::purge_released;
pub use sets::Set;
pub use tree::{
    Act, At, Chain, ChainMark, End, Family, Holds, Hook, Item, LOG_GROUP, Match, Rule, TURNED, Value,
};
pub use unexplained::purge_unexplained;

pub(crate) use chains::Holding;
pub(crate) use index::{Index, Named};
pub(crate) use logging::Logged;
pub(crate) use plan::WantFilter;
pub(crate) use sets::filtered;

/// Charged with what the filters of all ports stand on.
pub const GROUND: Key = Key::new(Kind::Group, Uuid::nil());

/// Both tables, as far as they were looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    pub chains: BTreeMap<At, ChainMark>,
    pub sets: BTreeMap<At, BTreeMap<Item, Value>>,
    /// Whether bridged packets are handed to the IP layer.
    pub bridged: Option<bool>,
}

/// Places of the filter that a turn looks at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FilterSlots {
    /// What a host has once.
    pub ground: bool,
    pub chains: BTreeSet<At>,
    /// With all that is in them.
    pub sets: BTreeSet<At>,
    pub items: BTreeSet<(At, Item)>,
}

impl FilterSlots {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        usize::from(self.ground) + self.chains.len() + self.sets.len() + self.items.len()
    }
}

impl Filter {
    pub fn pretend_add(&mut self, at: &At, items: &[(Item, Value)]) {
        self.sets.entry(at.clone()).or_default().extend(items.iter().cloned());
    }

    pub fn pretend_delete(&mut self, at: &At, items: &[(Item, Value)]) {
        if let Some(set) = self.sets.get_mut(at) {
            set.retain(|item, _| !items.iter().any(|(gone, _)| gone == item));
        }
    }
}

/// Chains that a host has once.
pub fn ground() -> Vec<Chain> {
    chains::ground()
}

/// Their names, and those of chains that a host may have once.
pub fn ground_places() -> Vec<At> {
    ground().into_iter().map(|chain| chain.at).chain([logging::at()]).collect()
}

/// The chains of a group.
pub fn group_chains(group: &Group) -> [Chain; 4] {
    chains::group(group)
}

/// The chains of a port that is filtered, by those of its groups that this host was told of.
pub(crate) fn port_chains(want: &Wanted, port: &Port) -> [Chain; 2] {
    let groups = index::known(port, |key| want.get(key));
    let held = groups.filter_map(|(id, group)| Some(Holding { id, stateful: group?.stateful }));
    chains::port(port.id, &held.collect(), Logged::of(port))
}

/// A group of the port that this host was not told of.
pub(crate) fn unknown_group(want: &Wanted, port: &Port) -> Option<SecurityGroupId> {
    index::known(port, |key| want.get(key)).find(|(_, group)| group.is_none()).map(|(id, _)| id)
}

pub(crate) fn port_way(id: PortId, direction: Direction) -> Value {
    Value::Goto(chains::port_at(id, direction).name)
}

/// Parts whose chains or sets differ by a part, besides itself; `old` are versions before.
pub(crate) fn meets(want: &Wanted, part: &Part, old: &[Part]) -> BTreeSet<Key> {
    let Part::Group(group) = part else { return BTreeSet::new() };
    let shape = |part: &Part| match part {
        Part::Group(one) if one.id == group.id => Some(one.stateful),
        _ => None,
    };
    let before = old.iter().find_map(shape);
    let after = want.get(part.key()).and_then(shape);
    // Its ports' chains name it, and say whether connections matter.
    if before == after && before.is_some() {
        BTreeSet::new()
    } else {
        want.secgroups.holders(group.id).collect()
    }
}

/// Places that a part's filter fills; `old` are versions before, of this and of others.
pub(crate) fn add_slots(want: &Wanted, slots: &mut Slots, part: &Part, old: &[Part]) {
    let filter = &mut slots.filter;
    match part {
        Part::Port(port) => {
            if filtered(part).is_none() {
                return;
            }
            filter.ground = true;
            filter
                .chains
                .extend([Direction::Ingress, Direction::Egress].map(|way| chains::port_at(port.id, way)));
            let tap = Item::Device(names::tap(port.id));
            let ways = [Set::Revoked, Set::WaysIn, Set::WaysOut];
            filter.items.extend(ways.map(|set| (set.at(), tap.clone())));
            filter.items.insert((Set::Zones.at(), Item::Device(names::bridge(port.network_id))));
        }
        Part::Group(group) => {
            filter.ground = true;
            filter.chains.extend(chains::group(group).map(|chain| chain.at));
            let versions = old.iter().chain(want.get(part.key()));
            let versions = versions.filter_map(|part| match part {
                Part::Group(one) if one.id == group.id => Some(index::named(one)),
                _ => None,
            });
            let versions: Vec<BTreeSet<Named>> = versions.collect();
            let all: BTreeSet<Named> = versions.iter().flatten().copied().collect();
            let stays = |named: &Named| versions.len() > 1 && versions.iter().all(|one| one.contains(named));
            let changed = all.into_iter().filter(|named| !stays(named));
            filter.sets.extend(changed.flat_map(Set::of).map(Set::at));
        }
        Part::Member(member) => {
            for group in member.groups.iter().filter(|group| want.secgroups.is_named(**group)) {
                for net in member.addresses.iter().map(IpNet::trunc) {
                    let family = tree::family(&net);
                    match sets::is_host(&net) {
                        true => drop(filter.items.insert((Set::Hosts(family, *group).at(), Item::Net(net)))),
                        false => drop(filter.sets.insert(Set::Nets(family, *group).at())),
                    }
                }
            }
        }
        Part::Addresses(part) if want.secgroups.namer(Named::Addresses(part.id)).is_some() => {
            filter.sets.extend(Set::of(Named::Addresses(part.id)).into_iter().map(Set::at));
        }
        _ => {}
    }
}

/// Where it is said that a port's connections are judged anew.
pub(crate) fn revoked_item(id: PortId) -> (At, Item) {
    (Set::Revoked.at(), Item::Device(names::tap(id)))
}

/// Addresses that groups lost with a version of a member, by group.
fn member_lost(want: &Wanted, before: &Member) -> BTreeMap<SecurityGroupId, BTreeSet<IpNet>> {
    let mut lost: BTreeMap<SecurityGroupId, BTreeSet<IpNet>> = BTreeMap::new();
    for group in before.groups.iter().filter(|group| want.secgroups.is_named(**group)) {
        let gone = before.addresses.iter().map(IpNet::trunc);
        let gone: BTreeSet<IpNet> = gone.filter(|net| !want.secgroups.has_member(*group, *net)).collect();
        if !gone.is_empty() {
            lost.insert(*group, gone);
        }
    }
    lost
}

/// Both tables as nft reads them, in an order in which each names only what is before it.
pub fn text(want: &Wanted) -> String {
    struct Table<'a>(Family, &'a [Chain], &'a BTreeMap<At, BTreeMap<Item, Value>>);
    impl fmt::Display for Table<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let Table(family, chains, sets) = self;
            writeln!(f, "table {} {} {{", family.as_str(), names::FILTER_TABLE)?;
            for (at, items) in sets.iter().filter(|(at, _)| at.family == *family) {
                let Some(set) = Set::parse(at) else { continue };
                plan::set_text(f, set, items)?;
            }
            for chain in chains.iter().filter(|chain| chain.at.family == *family) {
                write!(f, "{chain}")?;
            }
            writeln!(f, "}}")
        }
    }
    let all = WantFilter::new(want, &Scope::All);
    let chains: Vec<Chain> = all.chains.into_iter().map(|(_, chain)| chain).collect();
    let mut sets: BTreeMap<At, BTreeMap<Item, Value>> =
        all.sets.into_iter().map(|(at, set)| (at, set.wanted)).collect();
    // As on a host that has none yet.
    for (value, zone) in sets.entry(Set::Zones.at()).or_default().values_mut().zip(1..) {
        *value = Value::Zone(zone);
    }
    let (chains, sets) = (&chains, &sets);
    [Family::Inet, Family::Bridge].map(|family| Table(family, chains, sets).to_string()).concat()
}

#[cfg(test)]
mod tests;
