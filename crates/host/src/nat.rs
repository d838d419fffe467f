//! Address translation of a router: what is translated, and the nftables table that does it.
//!
//! Owns which rules and maps there are and their order; `tree` is what they look like as data and
//! as text, `kernel` writes that tree straight into the kernel. Which addresses and devices a
//! router has is `router`'s to say. Only IPv4 is translated; what of IPv6 is reached is said here too.
//!
//! Floating IPs and forwardings are maps, so a packet costs the same however many there are. The
//! one connection of a hairpin is translated on both sides: its target would answer its source
//! directly otherwise, and the source would not know the answer.

pub mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use model::desired::{self, Limit, Packets, Qos, SHIFTED_PORTS};
use serde::{Deserialize, Serialize};

use crate::{names, qos};
use tree::{Act, Chain, Datum, Element, Field, Hook, Map, Match, Rule, Tree};

/// What is translated in one namespace.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Nat {
    /// The device towards the outside: `qg-`, or `rfp-` of a router that has another namespace
    /// before it.
    pub outside: String,
    /// The router's own address outside.
    #[serde(default)]
    pub address: Option<Ipv4Addr>,
    /// What leaves by `outside` and has no floating IP takes the router's own address.
    #[serde(default)]
    pub enable_snat: bool,
    /// Floating IPs are translated for who is inside as well. Otherwise what is inside reaches
    /// them by the way of everybody else: out by `outside`, and in again.
    #[serde(default)]
    pub hairpin: bool,
    /// Floating IP to fixed address.
    #[serde(default)]
    pub floating_ips: BTreeMap<Ipv4Addr, Ipv4Addr>,
    #[serde(default)]
    pub forwardings: BTreeSet<Forwarding>,
    /// What addresses outside are held to.
    #[serde(default)]
    pub limits: BTreeMap<Ipv4Addr, Qos>,
    /// What of nets inside is reached from outside.
    #[serde(default)]
    pub wall: Wall,
}

/// Nets inside that nobody outside reaches, but for some addresses.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wall {
    pub nets: BTreeSet<Ipv6Net>,
    pub open: BTreeSet<Ipv6Addr>,
}

/// Ports of a floating IP that lead elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Forwarding {
    /// Its number in IP.
    pub protocol: u8,
    pub floating_ip: Ipv4Addr,
    /// First and last; `None` of protocols without ports.
    pub external: Option<(u16, u16)>,
    pub internal_ip: Ipv4Addr,
    /// As many as the external ones, or one.
    pub internal: Option<(u16, u16)>,
}

impl Nat {
    /// Of the namespace that has the gateway's device.
    pub fn of_gateway(
        device: String,
        gateway: &desired::Gateway,
        floating_ips: &[desired::FloatingIp],
        forwardings: &[desired::PortForwarding],
        interfaces: &[desired::Interface],
    ) -> Nat {
        let address = gateway.port.addresses.iter().find_map(|net| ipv4(net.addr()));
        let enable_snat = gateway.enable_snat && address.is_some();
        let mut limits = limits(floating_ips);
        limits.extend(forwardings.iter().filter_map(|one| Some((ipv4(one.floating_ip)?, one.qos?))));
        let forwardings = forwardings.iter().filter_map(Forwarding::new).collect();
        limits.extend(address.zip(gateway.qos));
        let floating_ips = pairs(floating_ips);
        let wall = Wall::new(gateway, interfaces);
        Nat { outside: device, address, enable_snat, hairpin: true, floating_ips, forwardings, limits, wall }
    }

    /// Of a distributed router's namespace, for the floating IPs that its host carries.
    pub fn of_host(device: String, floating_ips: &[desired::FloatingIp]) -> Nat {
        let (limits, floating_ips) = (limits(floating_ips), pairs(floating_ips));
        Nat { outside: device, floating_ips, limits, ..Nat::default() }
    }

    /// Recognises the table's content.
    pub fn hash(&self) -> u64 {
        names::content_hash(&self.tree().to_string())
    }

    /// Forwardings that are not carried: there are too many ports before them, or another has a
    /// port of theirs.
    pub fn left_out(&self) -> Vec<Forwarding> {
        self.sort().left_out
    }

    /// The table, spelled out.
    pub fn tree(&self) -> Tree {
        let sorted = self.sort();
        let fixed = self.floating_ips.iter().map(|(floating, fixed)| (*fixed, *floating));
        // Of two floating IPs of one address, one is what it leaves with.
        let fixed: BTreeMap<Ipv4Addr, Ipv4Addr> = fixed.collect();
        let mut maps = vec![
            map(FLOATING, &[Field::Ip], &[Field::Ip], of_pairs(&self.floating_ips)),
            map(FIXED, &[Field::Ip], &[Field::Ip], of_pairs(&fixed)),
            map(PORTS, &[Field::Protocol, Field::Ip, Field::Port], &[Field::Ip, Field::Port], sorted.ports),
            map(RANGES, &[Field::Protocol, Field::Ip, Field::Port], &[Field::Ip], sorted.ranges),
            map(PROTOCOLS, &[Field::Protocol, Field::Ip], &[Field::Ip], sorted.protocols),
        ];
        maps.retain(|map| !map.elements.is_empty());
        let has = |name: &str| maps.iter().any(|map| map.name == name);
        let mut chains = vec![
            Chain { hook: Hook::Destination, rules: self.destination(&has) },
            Chain { hook: Hook::Source, rules: self.source(&has) },
            Chain { hook: Hook::Input, rules: self.input() },
            Chain { hook: Hook::Forward, rules: self.forward() },
            Chain { hook: Hook::Arrival, rules: self.arrival() },
            Chain { hook: Hook::Departure, rules: self.departure() },
        ];
        chains.retain(|chain| !chain.rules.is_empty());
        Tree { maps, chains }
    }

    fn destination(&self, has: &impl Fn(&str) -> bool) -> Vec<Rule> {
        let from = || if self.hairpin { Vec::new() } else { vec![Match::From(self.outside.clone())] };
        let names = [FLOATING, PORTS, RANGES, PROTOCOLS].into_iter().filter(|name| has(name));
        names.map(|name| Rule { matches: from(), act: Act::DestinationBy(name) }).collect()
    }

    fn source(&self, has: &impl Fn(&str) -> bool) -> Vec<Rule> {
        let leaving = || vec![Match::To(self.outside.clone())];
        // What came from outside keeps its source, for its target to see.
        let turned = || vec![Match::NotFrom(self.outside.clone()), Match::DestinationTranslated];
        let mut rules = Vec::new();
        let is_turned = self.hairpin && [FLOATING, PORTS, RANGES, PROTOCOLS].into_iter().any(has);
        if has(FIXED) {
            rules.push(Rule { matches: leaving(), act: Act::SourceBy(FIXED) });
            if is_turned {
                rules.push(Rule { matches: turned(), act: Act::SourceBy(FIXED) });
            }
        }
        if let Some(address) = self.address {
            if self.enable_snat {
                rules.push(Rule { matches: leaving(), act: Act::Source(address) });
            }
            if is_turned {
                rules.push(Rule { matches: turned(), act: Act::Source(address) });
            }
        }
        rules
    }

    /// The namespace itself serves nobody outside.
    fn input(&self) -> Vec<Rule> {
        let from = |more: Option<Match>| {
            let mut matches = vec![Match::From(self.outside.clone())];
            matches.extend(more);
            matches
        };
        vec![
            Rule { matches: from(Some(Match::Established)), act: Act::Accept },
            Rule { matches: from(Some(Match::Icmp)), act: Act::Accept },
            Rule { matches: from(Some(Match::Icmpv6)), act: Act::Accept },
            Rule { matches: from(None), act: Act::Drop },
        ]
    }

    /// A packet of no connection is not translated, and would leave with an address that nobody
    /// outside knows. What is behind the wall is reached where it is open.
    fn forward(&self) -> Vec<Rule> {
        let from = |to| vec![Match::From(self.outside.clone()), to];
        let open = self.wall.open.iter().map(|ip| Ipv6Net::from(*ip));
        let open = open.map(|net| Rule { matches: from(Match::ReceiverIn(net)), act: Act::Accept });
        let nets = self.wall.nets.iter();
        let shut = nets.map(|net| Rule { matches: from(Match::ReceiverIn(*net)), act: Act::Drop });
        let invalid = self.enable_snat.then(|| Rule {
            matches: vec![Match::To(self.outside.clone()), Match::Ipv4, Match::Invalid],
            act: Act::Drop,
        });
        invalid.into_iter().chain(open).chain(shut).collect()
    }

    fn arrival(&self) -> Vec<Rule> {
        let from = |ip| vec![Match::From(self.outside.clone()), Match::Receiver(ip)];
        self.limits.iter().flat_map(|(ip, qos)| over(qos.ingress, qos.ingress_packets, &from(*ip))).collect()
    }

    fn departure(&self) -> Vec<Rule> {
        let to = |ip| vec![Match::To(self.outside.clone()), Match::Sender(ip)];
        self.limits.iter().flat_map(|(ip, qos)| over(qos.egress, qos.egress_packets, &to(*ip))).collect()
    }

    fn sort(&self) -> Sorted {
        let mut sorted = Sorted::default();
        let mut ports = BTreeMap::new();
        let mut shifted = 0;
        for one in &self.forwardings {
            let held = sorted.last.is_some_and(|last| last.holds(one));
            let taken = match one.kind() {
                _ if held => false,
                Kind::Whole => {
                    sorted.protocols.push(one.element(None));
                    true
                }
                Kind::Range(range) => {
                    sorted.ranges.push(one.element(Some(range)));
                    true
                }
                Kind::Shifted { from, to, count } if shifted + count <= SHIFTED_PORTS => {
                    shifted += count;
                    ports.extend(one.pairs(from, to));
                    true
                }
                Kind::Shifted { .. } | Kind::Misfit => false,
            };
            match taken {
                true => sorted.last = Some(*one),
                false => sorted.left_out.push(*one),
            }
        }
        let element = |(key, value): (PortKey, (Ipv4Addr, u16))| Element {
            key: vec![Datum::Protocol(key.0), Datum::Ip(key.1), Datum::Port(key.2)],
            value: vec![Datum::Ip(value.0), Datum::Port(value.1)],
        };
        sorted.ports = ports.into_iter().map(element).collect();
        sorted
    }
}

const FLOATING: &str = "floating";
const FIXED: &str = "fixed";
const PORTS: &str = "ports";
const RANGES: &str = "ranges";
const PROTOCOLS: &str = "protocols";

/// Protocol, address and port.
type PortKey = (u8, Ipv4Addr, u16);

/// Forwardings by the map that they are in.
#[derive(Default)]
struct Sorted {
    ports: Vec<Element>,
    ranges: Vec<Element>,
    protocols: Vec<Element>,
    left_out: Vec<Forwarding>,
    last: Option<Forwarding>,
}

enum Kind {
    /// All of the protocol.
    Whole,
    /// Many ports that keep their numbers.
    Range((u16, u16)),
    Shifted {
        from: (u16, u16),
        to: (u16, u16),
        count: usize,
    },
    Misfit,
}

impl Wall {
    fn new(gateway: &desired::Gateway, interfaces: &[desired::Interface]) -> Wall {
        let Some(open) = gateway.ndp_proxies.clone() else { return Wall::default() };
        let subnets = interfaces.iter().flat_map(|interface| &interface.subnets);
        let nets = subnets.filter_map(|subnet| match subnet.cidr {
            IpNet::V6(net) => Some(net.trunc()),
            IpNet::V4(_) => None,
        });
        Wall { nets: nets.collect(), open }
    }
}

impl Forwarding {
    /// `None` for a protocol that nobody knows, or addresses that are not IPv4.
    pub fn new(part: &desired::PortForwarding) -> Option<Forwarding> {
        let (name, number) = (part.protocol.as_str(), part.protocol.parse().ok());
        let known = PROTOCOL_NUMBERS.iter().find(|(known, _)| *known == name);
        Some(Forwarding {
            protocol: known.map(|(_, number)| *number).or(number)?,
            floating_ip: ipv4(part.floating_ip)?,
            external: part.external_ports,
            internal_ip: ipv4(part.internal_ip)?,
            internal: part.internal_ports,
        })
    }

    fn kind(&self) -> Kind {
        let (Some(from), Some(to)) = (self.external, self.internal) else {
            return match (self.external, self.internal) {
                (None, None) => Kind::Whole,
                _ => Kind::Misfit,
            };
        };
        let count =
            |(first, last): (u16, u16)| usize::from(last).checked_sub(usize::from(first)).map(|n| n + 1);
        match (count(from), count(to)) {
            (Some(n), Some(_)) if n > 1 && from == to => Kind::Range(from),
            (Some(n), Some(m)) if n == m || m == 1 => Kind::Shifted { from, to, count: n },
            _ => Kind::Misfit,
        }
    }

    /// Forwardings are looked at in order of their first ports.
    fn holds(&self, next: &Forwarding) -> bool {
        (self.protocol, self.floating_ip) == (next.protocol, next.floating_ip)
            && match (self.external, next.external) {
                (Some((_, last)), Some((first, _))) => first <= last,
                _ => true,
            }
    }

    fn element(&self, range: Option<(u16, u16)>) -> Element {
        let mut key = vec![Datum::Protocol(self.protocol), Datum::Ip(self.floating_ip)];
        key.extend(range.map(|(first, last)| Datum::Ports(first, last)));
        Element { key, value: vec![Datum::Ip(self.internal_ip)] }
    }

    fn pairs(
        &self,
        from: (u16, u16),
        to: (u16, u16),
    ) -> impl Iterator<Item = (PortKey, (Ipv4Addr, u16))> + use<> {
        let Forwarding { protocol, floating_ip, internal_ip, .. } = *self;
        (from.0..=from.1).map(move |port| {
            let inner = if to.0 == to.1 { to.0 } else { to.0 + (port - from.0) };
            ((protocol, floating_ip, port), (internal_ip, inner))
        })
    }
}

/// The API's words.
const PROTOCOL_NUMBERS: [(&str, u8); 7] =
    [("icmp", 1), ("tcp", 6), ("udp", 17), ("dccp", 33), ("sctp", 132), ("udplite", 136), ("ipip", 4)];

fn map(name: &'static str, key: &'static [Field], value: &'static [Field], elements: Vec<Element>) -> Map {
    Map { name, key, value, elements }
}

fn of_pairs(pairs: &BTreeMap<Ipv4Addr, Ipv4Addr>) -> Vec<Element> {
    let element = |(key, value): (&Ipv4Addr, &Ipv4Addr)| Element {
        key: vec![Datum::Ip(*key)],
        value: vec![Datum::Ip(*value)],
    };
    pairs.iter().map(element).collect()
}

fn over(bytes: Option<Limit>, packets: Option<Packets>, of: &[Match]) -> Vec<Rule> {
    let bytes = bytes.and_then(qos::bytes).map(|(rate, burst)| Match::OverBytes(rate, burst));
    let packets = packets.and_then(qos::packets).map(|(rate, burst)| Match::OverPackets(rate, burst));
    let rule = |limit| Rule { matches: [of, &[limit]].concat(), act: Act::Drop };
    bytes.into_iter().chain(packets).map(rule).collect()
}

fn limits(floating_ips: &[desired::FloatingIp]) -> BTreeMap<Ipv4Addr, Qos> {
    floating_ips.iter().filter_map(|ip| Some((ipv4(ip.floating_ip)?, ip.qos?))).collect()
}

fn pairs(floating_ips: &[desired::FloatingIp]) -> BTreeMap<Ipv4Addr, Ipv4Addr> {
    let pair = |ip: &desired::FloatingIp| Some((ipv4(ip.floating_ip)?, ipv4(ip.fixed_ip)?));
    floating_ips.iter().filter_map(pair).collect()
}

const fn ipv4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests;
