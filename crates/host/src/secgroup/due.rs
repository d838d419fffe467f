//! Which connections shall be forgotten, and which ports' are judged anew until they are: what
//! follows from parts that changed.
//!
//! Filters change first and say at once what may pass; what is due here cleans the table.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::desired::{
    Addresses, Direction, Ethertype, FloatingIp, Group, GroupRule, Key, Kind, Member, Part, Port, Ports,
    RemoteSide, Router,
};
use model::purge::{self, Began, Pairs, Peers, Place, Reason, Service, What};
use model::{NetworkId, PortId, SecurityGroupId};

use super::heirs::Owners;
use super::index::Named;
use super::member_lost;
use super::rules::{ICMP, ICMPV6};
use crate::names::{self, Netns};
use crate::wanted::Wanted;

/// Addresses in one job.
const ADDRESSES: usize = 5000;

/// A job that is due, without a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    pub reason: Reason,
    pub place: Place,
    pub what: What,
    /// Revoked until it is done.
    pub ports: BTreeSet<PortId>,
    /// Parts that must be in place before it makes sense.
    pub causes: BTreeSet<Key>,
}

/// Zones by bridge, as the host has them.
pub type Zones = BTreeMap<String, u16>;

/// Ports whose devices are at their bridges.
pub type Joined = BTreeSet<PortId>;

/// What is due after parts changed; `want` is what they are, `old` what they were.
pub fn purge_due(want: &Wanted, old: &[Part], zones: &Zones, joined: &Joined) -> Vec<Due> {
    let mut dues = Dues::new(want, old, zones, joined);
    for part in old {
        match part {
            Part::Port(port) => dues.port(port),
            Part::Group(group) => dues.group(group),
            Part::Member(member) => dues.member(member),
            Part::Addresses(addresses) => dues.addresses(addresses),
            Part::Router(router) => dues.router(router),
            _ => {}
        }
    }
    dues.all
}

pub struct Dues<'a> {
    want: &'a Wanted,
    zones: &'a Zones,
    pub joined: &'a Joined,
    old: &'a [Part],
    owners: BTreeMap<NetworkId, Owners>,
    pub all: Vec<Due>,
}

/// Ports of one network.
#[derive(Clone, Default)]
pub struct Together {
    pub ids: BTreeSet<PortId>,
    pub addresses: BTreeSet<IpNet>,
}

impl<'a> Dues<'a> {
    pub fn new(want: &'a Wanted, old: &'a [Part], zones: &'a Zones, joined: &'a Joined) -> Dues<'a> {
        Dues { want, zones, joined, old, owners: BTreeMap::new(), all: Vec::new() }
    }

    fn port(&mut self, before: &Port) {
        let key = Key::new(Kind::Port, before.id.0);
        let after = match self.want.get(key) {
            Some(Part::Port(port)) if port.network_id == before.network_id => Some(port),
            _ => None,
        };
        let (network, had) = (before.network_id, addresses(before));
        let Some(after) = after else {
            let moved = self.want.get(Key::new(Kind::Remote, before.id.0)).is_some();
            let reason = if moved { Reason::PortMoved } else { Reason::PortDeleted };
            let ids = self.heirs(network, &had);
            return self.all_of(reason, network, Together { ids, addresses: had }, [key].into());
        };
        let has = addresses(after);
        let lost: BTreeSet<IpNet> = had.difference(&has).copied().collect();
        if !lost.is_empty() {
            let ids = self.heirs(network, &lost);
            let of = Together { ids, addresses: lost };
            self.all_of(Reason::PairRemoved, network, of, [key].into());
        }
        let Some(groups) = &after.groups else { return };
        let own = || Together { ids: [after.id].into(), addresses: has.clone() };
        let Some(left) = &before.groups else {
            // It was not filtered at all.
            return self.all_of(Reason::GroupRemoved, network, own(), [key].into());
        };
        let came = self.anew(after, &had);
        if !came.is_empty() {
            self.all_of(Reason::AddressArrived, network, Together { addresses: came, ..own() }, [key].into());
        }
        for id in left.difference(groups) {
            match self.group_before(*id) {
                Some(group) => {
                    for rule in &group.rules {
                        self.rule(Reason::GroupRemoved, rule, network, own(), key);
                    }
                }
                None => self.all_of(Reason::GroupRemoved, network, own(), [key].into()),
            }
        }
    }

    /// All connections of addresses.
    pub fn all_of(&mut self, reason: Reason, network: NetworkId, of: Together, causes: BTreeSet<Key>) {
        self.add(reason, network, of.addresses, Peers::Any, None, Began::Either, of.ids, causes);
    }

    /// Who has these addresses now, and is not to go on with the connections.
    fn heirs(&mut self, network: NetworkId, removed: &BTreeSet<IpNet>) -> BTreeSet<PortId> {
        self.owners_in(network).heirs(removed)
    }

    pub fn owners_in(&mut self, network: NetworkId) -> &Owners {
        let want = self.want;
        self.owners.entry(network).or_insert_with(|| Owners::of(want, network))
    }

    fn group(&mut self, before: &Group) {
        let key = Key::new(Kind::Group, before.id.0);
        let none = BTreeSet::new();
        let rules = match self.want.get(key) {
            Some(Part::Group(after)) => &after.rules,
            _ => &none,
        };
        let gone: Vec<&GroupRule> = before.rules.difference(rules).collect();
        if gone.is_empty() {
            return;
        }
        for (network, ports) in self.by_network(self.want.secgroups.holders(before.id)) {
            for rule in &gone {
                self.rule(Reason::RuleRemoved, rule, network, ports.clone(), key);
            }
        }
    }

    /// What a rule let pass to and from ports.
    fn rule(&mut self, reason: Reason, rule: &GroupRule, network: NetworkId, of: Together, cause: Key) {
        let peers = match rule.remote {
            RemoteSide::Any => Peers::Any,
            RemoteSide::Prefix(net) if net.prefix_len() == 0 => Peers::Any,
            RemoteSide::Prefix(net) => Peers::Of([net].into()),
            RemoteSide::Group(id) => few(self.were_members(id)),
            RemoteSide::Addresses(id) => few(self.had_addresses(Key::new(Kind::Addresses, id.0))),
        };
        self.with(reason, rule, peers, network, of, [cause].into());
    }

    /// What a rule let pass between ports and some of whom it is about.
    fn with(
        &mut self,
        reason: Reason,
        rule: &GroupRule,
        peers: Peers,
        network: NetworkId,
        of: Together,
        causes: BTreeSet<Key>,
    ) {
        let began = match rule.direction {
            Direction::Ingress => Began::Peer,
            Direction::Egress => Began::Removed,
        };
        let v4 = rule.ethertype == Ethertype::V4;
        let own = of.addresses.into_iter().filter(|net| net.addr().is_ipv4() == v4).collect();
        self.add(reason, network, own, peers, service(rule), began, of.ids, causes);
    }

    /// Members of a group, and those that went with what is looked at.
    fn were_members(&self, group: SecurityGroupId) -> BTreeSet<IpNet> {
        let gone = self.old.iter().filter_map(|part| match part {
            Part::Member(member) if member.groups.contains(&group) => Some(&member.addresses),
            _ => None,
        });
        self.want.secgroups.members(group).chain(gone.flatten().map(IpNet::trunc)).collect()
    }

    /// What an address group has, and what it had before.
    fn had_addresses(&self, key: Key) -> BTreeSet<IpNet> {
        let both = self.want.get(key).into_iter().chain(self.old);
        let nets = both.filter(|part| part.key() == key).filter_map(|part| match part {
            Part::Addresses(part) => Some(&part.nets),
            _ => None,
        });
        nets.flatten().copied().collect()
    }

    fn member(&mut self, before: &Member) {
        for (group, nets) in member_lost(self.want, before) {
            self.lost_members(group, &nets);
        }
    }

    /// Nobody of a group has these addresses any more.
    pub fn lost_members(&mut self, group: SecurityGroupId, nets: &BTreeSet<IpNet>) {
        self.lost(Named::Group(group), Reason::MemberRemoved, nets);
    }

    fn addresses(&mut self, before: &Addresses) {
        let after = match self.want.get(Key::new(Kind::Addresses, before.id.0)) {
            Some(Part::Addresses(part)) => part.nets.clone(),
            _ => BTreeSet::new(),
        };
        let lost = before.nets.difference(&after).copied().collect();
        self.lost(Named::Addresses(before.id), Reason::MemberRemoved, &lost);
    }

    /// Rules are about these no longer.
    pub fn lost(&mut self, named: Named, reason: Reason, nets: &BTreeSet<IpNet>) {
        if nets.is_empty() {
            return;
        }
        let want = self.want;
        let remote = match named {
            Named::Group(id) => RemoteSide::Group(id),
            Named::Addresses(id) => RemoteSide::Addresses(id),
        };
        for id in want.secgroups.namers(named) {
            let key = Key::new(Kind::Group, id.0);
            let Some(Part::Group(group)) = want.get(key) else { continue };
            // Who the sets are there for is charged with what is taken out of them.
            let causes: BTreeSet<Key> = [key].into_iter().chain(want.secgroups.namer(named)).collect();
            for (network, ports) in self.by_network(want.secgroups.holders(id)) {
                for rule in group.rules.iter().filter(|rule| rule.remote == remote) {
                    let peers = few(nets.clone());
                    self.with(reason, rule, peers, network, ports.clone(), causes.clone());
                }
            }
        }
    }

    fn router(&mut self, before: &Router) {
        let key = Key::new(Kind::Router, before.id.0);
        // A router that is here no longer took its namespace with it.
        let Some(Part::Router(after)) = self.want.get(key) else { return };
        let netns = |centralized| match before.distributed && centralized {
            true => Netns::Snat(before.id).to_string(),
            false => Netns::Router(before.id).to_string(),
        };
        let due = |reason, centralized, address: IpAddr, service| Due {
            reason,
            place: Place::Netns(netns(centralized)),
            what: What::Pairs(Pairs {
                zone: None,
                removed: [address].into(),
                peers: Peers::Any,
                service,
                began: Began::Either,
            }),
            ports: BTreeSet::new(),
            causes: [key].into(),
        };
        let leads = |one: &FloatingIp| (one.id, one.floating_ip, one.fixed_ip, one.centralized);
        let stays = |one: &FloatingIp| after.floating_ips.iter().any(|other| leads(other) == leads(one));
        for gone in before.floating_ips.iter().filter(|one| !stays(one)) {
            self.all.push(due(Reason::FloatingipRemoved, gone.centralized, gone.floating_ip, None));
        }
        for gone in before.port_forwardings.iter().filter(|one| !after.port_forwardings.contains(one)) {
            let service = crate::nat::Forwarding::new(gone).map(|one| {
                let ports = one.external.map(|(from, to)| purge::Ports { from, to });
                Service { ports, ..Service::all_of(one.protocol) }
            });
            self.all.push(due(Reason::ForwardingRemoved, true, gone.floating_ip, service));
        }
    }

    fn group_before(&self, id: SecurityGroupId) -> Option<Group> {
        let of = |part: &Part| match part {
            Part::Group(group) if group.id == id => Some(group.clone()),
            _ => None,
        };
        self.old.iter().find_map(of).or_else(|| self.want.get(Key::new(Kind::Group, id.0)).and_then(of))
    }

    pub fn by_network(&self, ports: impl IntoIterator<Item = Key>) -> BTreeMap<NetworkId, Together> {
        let mut by: BTreeMap<NetworkId, Together> = BTreeMap::new();
        for key in ports {
            if let Some(Part::Port(port)) = self.want.get(key) {
                let together = by.entry(port.network_id).or_default();
                together.ids.insert(port.id);
                together.addresses.extend(addresses(port));
            }
        }
        by
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one job")]
    fn add(
        &mut self,
        reason: Reason,
        network: NetworkId,
        removed: BTreeSet<IpNet>,
        peers: Peers,
        service: Option<Service>,
        began: Began,
        ports: BTreeSet<PortId>,
        causes: BTreeSet<Key>,
    ) {
        // A network without a zone has no connections; one that loses it loses them all.
        let Some(zone) = self.zones.get(&names::bridge(network)) else { return };
        if !self.want.secgroups.has_filtered(network) {
            return;
        }
        // All of a family is said as its halves.
        let halves = |net: IpNet| net.subnets(net.prefix_len().max(1)).into_iter().flatten();
        let removed: Vec<IpNet> = removed.into_iter().flat_map(halves).collect();
        for removed in removed.chunks(ADDRESSES) {
            let v4 = |nets: &mut dyn Iterator<Item = &IpNet>| {
                let (mut four, mut six) = (false, false);
                nets.for_each(|net| if net.addr().is_ipv4() { four = true } else { six = true });
                (four, six)
            };
            if let Peers::Of(of) = &peers {
                let (ours, theirs) = (v4(&mut removed.iter()), v4(&mut of.iter()));
                if !(ours.0 && theirs.0 || ours.1 && theirs.1) {
                    continue;
                }
            }
            let pairs = Pairs {
                zone: Some(*zone),
                removed: removed.iter().copied().collect(),
                peers: peers.clone(),
                service,
                began,
            };
            let (what, ports, causes) = (What::Pairs(pairs), ports.clone(), causes.clone());
            self.all.push(Due { reason, place: Place::Host, what, ports, causes });
        }
    }
}

pub fn addresses(port: &Port) -> BTreeSet<IpNet> {
    let pairs = port.allowed.iter().flatten().map(|pair| pair.net.trunc());
    port.fixed_ips.iter().map(|ip| IpNet::from(*ip)).chain(pairs).collect()
}

/// Peers by name, or, of very many, anybody.
fn few(nets: BTreeSet<IpNet>) -> Peers {
    let all = nets.iter().any(|net| net.prefix_len() == 0);
    if all || nets.is_empty() || nets.len() > ADDRESSES {
        Peers::Any
    } else {
        Peers::Of(nets.into_iter().collect())
    }
}

fn service(rule: &GroupRule) -> Option<Service> {
    let protocol = match (rule.ethertype, rule.protocol?) {
        (Ethertype::V6, ICMP) => ICMPV6,
        (_, protocol) => protocol,
    };
    let all = Service::all_of(protocol);
    Some(match rule.ports {
        Ports::Any => all,
        Ports::Range { first, last } => {
            Service { ports: Some(purge::Ports { from: first, to: last }), ..all }
        }
        Ports::Icmp { kind, code } => Service { icmp_type: Some(kind), icmp_code: code, ..all },
    })
}
