//! Which parts of a host's filter meet, kept so that a change costs what it changes: who is in a
//! group, whose rules are about it, which ports have it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use model::desired::{Group, Key, Kind, Part, Port};
use model::{AddressGroupId, NetworkId, PortId, SecurityGroupId};

use super::logging::Logged;
use super::sets::filtered;
use crate::wanted::touch;

/// Whom rules may be about, besides nets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Named {
    Group(SecurityGroupId),
    Addresses(AddressGroupId),
}

#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Ports that are filtered, by network and by group.
    filtered: BTreeMap<NetworkId, BTreeSet<Key>>,
    holders: BTreeMap<SecurityGroupId, BTreeSet<Key>>,
    namers: BTreeMap<Named, BTreeSet<Key>>,
    groups: BTreeSet<Key>,
    members: BTreeMap<(SecurityGroupId, IpNet), BTreeSet<Key>>,
    revoked: BTreeSet<PortId>,
    /// Ports of which it is told what they let through.
    accepting: BTreeSet<Key>,
    /// Zones of networks that went, with connections in them.
    pub held_zones: BTreeSet<u16>,
}

impl Index {
    pub fn touch(&mut self, part: &Part, act: impl Fn(&mut BTreeSet<Key>, Key)) {
        let key = part.key();
        if let Some(port) = filtered(part) {
            touch(&mut self.filtered, port.network_id, key, &act);
            for group in port.groups.iter().flatten() {
                touch(&mut self.holders, *group, key, &act);
            }
            if Logged::of(port).accept {
                act(&mut self.accepting, key);
            }
        }
        match part {
            Part::Group(group) => {
                act(&mut self.groups, key);
                for named in named(group) {
                    touch(&mut self.namers, named, key, &act);
                }
            }
            Part::Member(member) => {
                for group in &member.groups {
                    for net in member.addresses.iter().map(IpNet::trunc) {
                        touch(&mut self.members, (*group, net), key, &act);
                    }
                }
            }
            _ => {}
        }
    }

    pub fn revoke(&mut self, port: PortId) -> bool {
        self.revoked.insert(port)
    }

    pub fn restore(&mut self, port: PortId) -> bool {
        self.revoked.remove(&port)
    }

    pub fn is_revoked(&self, port: PortId) -> bool {
        self.revoked.contains(&port)
    }

    pub fn accepting(&self) -> impl Iterator<Item = PortId> {
        self.accepting.iter().map(|key| PortId(key.id))
    }

    pub fn is_filtering(&self) -> bool {
        !(self.filtered.is_empty() && self.groups.is_empty())
    }

    pub fn has_filtered(&self, network: NetworkId) -> bool {
        self.filtered.contains_key(&network)
    }

    /// Ports of a network that are filtered.
    pub fn filtered(&self, network: NetworkId) -> impl Iterator<Item = Key> {
        self.filtered.get(&network).into_iter().flatten().copied()
    }

    /// Networks with ports that are filtered.
    pub fn networks(&self) -> impl Iterator<Item = NetworkId> {
        self.filtered.keys().copied()
    }

    /// The first of the groups whose rules are about somebody.
    pub fn namer(&self, named: Named) -> Option<Key> {
        self.namers.get(&named)?.first().copied()
    }

    pub fn is_named(&self, group: SecurityGroupId) -> bool {
        self.namers.contains_key(&Named::Group(group))
    }

    /// Groups whose rules are about somebody.
    pub fn namers(&self, named: Named) -> impl Iterator<Item = SecurityGroupId> {
        self.namers.get(&named).into_iter().flatten().map(|key| SecurityGroupId(key.id))
    }

    pub fn all_named(&self) -> impl Iterator<Item = Named> {
        self.namers.keys().copied()
    }

    /// Ports of a group.
    pub fn holders(&self, group: SecurityGroupId) -> impl Iterator<Item = Key> {
        self.holders.get(&group).into_iter().flatten().copied()
    }

    pub fn has_member(&self, group: SecurityGroupId, net: IpNet) -> bool {
        self.members.contains_key(&(group, net))
    }

    /// Addresses and nets of a group's members, in order.
    pub fn members(&self, group: SecurityGroupId) -> impl Iterator<Item = IpNet> {
        let first = (group, first_net());
        self.members.range(first..).map_while(move |((of, net), _)| (*of == group).then_some(*net))
    }
}

pub fn named(group: &Group) -> BTreeSet<Named> {
    let groups = group.named_groups().into_iter().map(Named::Group);
    groups.chain(group.named_addresses().into_iter().map(Named::Addresses)).collect()
}

/// The groups of a port, and which of them this host was told of.
pub fn known<'a>(
    port: &'a Port,
    get: impl Fn(Key) -> Option<&'a Part> + 'a,
) -> impl Iterator<Item = (SecurityGroupId, Option<&'a Group>)> {
    port.groups.iter().flatten().map(move |id| match get(Key::new(Kind::Group, id.0)) {
        Some(Part::Group(group)) => (*id, Some(group)),
        _ => (*id, None),
    })
}

/// No net is before it.
fn first_net() -> IpNet {
    IpNet::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0).expect("a length of no bits fits")
}
