//! The sets and maps of a host's filter: their names, what they may hold, and what they should.

use std::collections::BTreeMap;

use ipnet::IpNet;
use model::desired::{Ethertype, Key, Kind, Part, Port};
use model::{AddressGroupId, NetworkId, SecurityGroupId};
use uuid::Uuid;

use super::chains::{REVOKED, WAYS_IN, WAYS_OUT, ZONES};
use super::index::Named;
use super::tree::{At, Holds, Item, Value, family};
use super::{GROUND, port_way};
use crate::names;
use crate::wanted::Wanted;

/// One of the sets that we know; any other in our tables is unwanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Set {
    Zones,
    Revoked,
    WaysIn,
    WaysOut,
    Hosts(Ethertype, SecurityGroupId),
    Nets(Ethertype, SecurityGroupId),
    Addresses(Ethertype, AddressGroupId),
}

impl Set {
    /// Those that a host has once.
    pub const GROUND: [Set; 4] = [Set::Zones, Set::Revoked, Set::WaysIn, Set::WaysOut];

    pub fn parse(at: &At) -> Option<Set> {
        let ground = Set::GROUND.into_iter().find(|set| set.at() == *at);
        ground.or_else(|| Set::parse_named(at).filter(|set| set.at() == *at))
    }

    fn parse_named(at: &At) -> Option<Set> {
        let (kind, id) = at.name.split_once('-')?;
        let id = Uuid::parse_str(id).ok()?;
        Some(match kind {
            "m4" => Set::Hosts(Ethertype::V4, SecurityGroupId(id)),
            "m6" => Set::Hosts(Ethertype::V6, SecurityGroupId(id)),
            "p4" => Set::Nets(Ethertype::V4, SecurityGroupId(id)),
            "p6" => Set::Nets(Ethertype::V6, SecurityGroupId(id)),
            "a4" => Set::Addresses(Ethertype::V4, AddressGroupId(id)),
            "a6" => Set::Addresses(Ethertype::V6, AddressGroupId(id)),
            _ => return None,
        })
    }

    pub fn at(self) -> At {
        let (kind, of, id) = match self {
            Set::Zones => return At::inet(ZONES),
            Set::Revoked => return At::bridge(REVOKED),
            Set::WaysIn => return At::bridge(WAYS_IN),
            Set::WaysOut => return At::bridge(WAYS_OUT),
            Set::Hosts(of, id) => ('m', of, id.0),
            Set::Nets(of, id) => ('p', of, id.0),
            Set::Addresses(of, id) => ('a', of, id.0),
        };
        At::bridge(format!("{kind}{}-{id}", if of == Ethertype::V4 { 4 } else { 6 }))
    }

    pub const fn holds(self) -> Holds {
        match self {
            Set::Zones => Holds::Zones,
            Set::Revoked => Holds::Devices,
            Set::WaysIn | Set::WaysOut => Holds::Ways,
            Set::Hosts(of, _) => Holds::Hosts(of),
            Set::Nets(of, _) | Set::Addresses(of, _) => Holds::Nets(of),
        }
    }

    /// What of members is in sets of this kind is no port's own.
    pub const fn is_ground(self) -> bool {
        matches!(self, Set::Zones | Set::Revoked | Set::WaysIn | Set::WaysOut)
    }

    /// The sets that a rule about somebody else looks into.
    pub fn of(named: Named) -> Vec<Set> {
        let families = [Ethertype::V4, Ethertype::V6];
        match named {
            Named::Group(id) => {
                families.into_iter().flat_map(|of| [Set::Hosts(of, id), Set::Nets(of, id)]).collect()
            }
            Named::Addresses(id) => families.into_iter().map(|of| Set::Addresses(of, id)).collect(),
        }
    }

    const fn named(self) -> Option<Named> {
        match self {
            Set::Hosts(_, id) | Set::Nets(_, id) => Some(Named::Group(id)),
            Set::Addresses(_, id) => Some(Named::Addresses(id)),
            _ => None,
        }
    }

    /// The part that it is there for; `None` when nobody needs it.
    pub fn wanted_by(self, want: &Wanted) -> Option<Key> {
        match self.named() {
            Some(named) => want.secgroups.namer(named),
            None => want.secgroups.is_filtering().then_some(GROUND),
        }
    }

    /// All that should be in it. The zones of networks are told apart later: here each is 0.
    pub fn wanted(self, want: &Wanted) -> BTreeMap<Item, Value> {
        if self.wanted_by(want).is_none() {
            return BTreeMap::new();
        }
        let nets = |nets: Vec<IpNet>| nets.into_iter().map(|net| (Item::Net(net), Value::None)).collect();
        match self {
            Set::Hosts(of, id) => {
                let all = want.secgroups.members(id);
                nets(all.filter(|net| is_host(net) && family(net) == of).collect())
            }
            Set::Nets(of, id) => {
                let all = want.secgroups.members(id);
                nets(widest(all.filter(|net| !is_host(net) && family(net) == of)))
            }
            Set::Addresses(of, id) => match want.get(Key::new(Kind::Addresses, id.0)) {
                Some(Part::Addresses(part)) => {
                    let all: std::collections::BTreeSet<IpNet> = part.nets.iter().map(IpNet::trunc).collect();
                    nets(widest(all.into_iter().filter(|net| family(net) == of)))
                }
                _ => BTreeMap::new(),
            },
            Set::Zones => {
                let networks = want.secgroups.networks().filter(|id| want.carrier(*id).is_ok());
                networks.map(|id| (Item::Device(names::bridge(id)), Value::Zone(0))).collect()
            }
            Set::Revoked | Set::WaysIn | Set::WaysOut => {
                let ports = want.of_kind(Kind::Port).filter_map(filtered);
                ports.filter_map(|port| self.of_port(want, port)).collect()
            }
        }
    }

    /// What should be said of one item; of sets of hosts, and those that a host has once.
    pub fn wanted_item(self, want: &Wanted, item: &Item) -> Option<Value> {
        self.wanted_by(want)?;
        match (self, item) {
            (Set::Hosts(_, id), Item::Net(net)) => want.secgroups.has_member(id, *net).then_some(Value::None),
            (Set::Zones, Item::Device(bridge)) => {
                let networks = want.keys_of_device(bridge).into_iter();
                let mut ids = networks.filter(|key| key.kind == Kind::Network).map(|key| NetworkId(key.id));
                let wanted = |id: &NetworkId| {
                    names::bridge(*id) == *bridge
                        && want.secgroups.has_filtered(*id)
                        && want.carrier(*id).is_ok()
                };
                ids.any(|id| wanted(&id)).then_some(Value::Zone(0))
            }
            (Set::Revoked | Set::WaysIn | Set::WaysOut, Item::Device(device)) => {
                let keys = want.keys_of_device(device);
                let mut ports = keys.into_iter().filter_map(|key| want.get(key)).filter_map(filtered);
                let port = ports.find(|port| names::tap(port.id) == *device)?;
                self.of_port(want, port).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    fn of_port(self, want: &Wanted, port: &Port) -> Option<(Item, Value)> {
        let value = match self {
            Set::Revoked => want.secgroups.is_revoked(port.id).then_some(Value::None)?,
            Set::WaysIn => port_way(port.id, model::desired::Direction::Ingress),
            Set::WaysOut => port_way(port.id, model::desired::Direction::Egress),
            _ => return None,
        };
        Some((Item::Device(names::tap(port.id)), value))
    }
}

/// A port whose frames are judged by groups.
pub fn filtered(part: &Part) -> Option<&Port> {
    match part {
        Part::Port(port) if port.groups.is_some() => Some(port),
        _ => None,
    }
}

pub fn is_host(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

/// Those that are in no other: nets that overlap are one inside the other.
fn widest(sorted: impl Iterator<Item = IpNet>) -> Vec<IpNet> {
    let mut widest: Vec<IpNet> = Vec::new();
    for net in sorted {
        if !widest.last().is_some_and(|last| last.contains(&net)) {
            widest.push(net);
        }
    }
    widest
}

#[cfg(test)]
mod tests {
    use super::super::chains;
    use super::*;

    #[test]
    fn what_is_made_is_recognised() {
        let (group, addresses) = (SecurityGroupId(Uuid::from_u128(7)), AddressGroupId(Uuid::from_u128(8)));
        let mut all = Set::GROUND.to_vec();
        all.extend(Set::of(Named::Group(group)));
        all.extend(Set::of(Named::Addresses(addresses)));
        for set in all {
            assert_eq!(Set::parse(&set.at()), Some(set));
        }
        let named: Vec<At> = Set::of(Named::Group(group)).into_iter().map(Set::at).collect();
        let looked: Vec<At> =
            chains::member_sets(group).into_iter().flat_map(|(_, hosts, nets)| [hosts, nets]).collect();
        assert_eq!(named, looked);
        let named: Vec<At> = Set::of(Named::Addresses(addresses)).into_iter().map(Set::at).collect();
        assert_eq!(named, chains::address_sets(addresses).map(|(_, at)| at));
        assert_eq!(Set::parse(&At::inet("m4-00000000-0000-0000-0000-000000000007")), None);
    }

    #[test]
    fn nets_in_others_are_left_out() {
        let nets = ["0.0.0.0/1", "10.0.0.0/8", "10.1.0.0/16", "128.0.0.0/2", "192.0.2.0/24"];
        let nets = nets.map(|net| net.parse().expect("net"));
        let left: Vec<String> = widest(nets.into_iter()).iter().map(ToString::to_string).collect();
        assert_eq!(left, ["0.0.0.0/1", "128.0.0.0/2", "192.0.2.0/24"]);
    }
}
