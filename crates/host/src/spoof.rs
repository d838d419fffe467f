//! What a port may send: its anti-spoofing table, and the wall between a bridge and its host.
//!
//! ```text
//! ingress -> from_arp -> accept, or drop
//!         -> from_ip  -> accept, or drop
//!         -> from_ip6 -> from_nd -> accept, or drop
//!                     -> accept, or drop
//! ```
//! Every chain ends in a drop. The size of a table depends on its port alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use model::desired::Port;
use wire::Mac;

use crate::names;
use crate::nft::{Chain, Ether, Match, Rule, Table, Verdict};

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCPV6_SERVER: u16 = 547;

/// ICMPv6 types: router advertisement and redirect are a router's to send.
const ROUTER_ONLY: &[u8] = &[134, 137];
const NEIGHBOUR_ADVERTISEMENT: &[u8] = &[136];
/// Sent from `::` before an address is in use: MLD reports, router solicitation, DAD.
const UNSPECIFIED_SOURCE: &[u8] = &[131, 132, 133, 135, 143];

/// The table of a port; `None` when the port may send anything.
pub fn port_table(port: &Port) -> Option<Table> {
    if port.trusted {
        return None;
    }
    let allowed = Allowed::new(port)?;
    let chains = vec![ingress(), arp(&allowed), ip(&allowed), ip6(&allowed), advertisements(&allowed)];
    Some(Table { device: names::tap(port.id), chains })
}

/// Drops all that a bridge would hand to its own host.
pub fn wall(bridge: &str) -> Table {
    let rules = vec![rule([], Verdict::Drop)];
    Table { device: bridge.to_owned(), chains: vec![Chain { name: "ingress", rules }] }
}

/// Source addresses by MAC.
struct Allowed {
    v4: BTreeMap<Mac, BTreeSet<IpNet>>,
    v6: BTreeMap<Mac, BTreeSet<IpNet>>,
}

impl Allowed {
    fn new(port: &Port) -> Option<Allowed> {
        let pairs = port.allowed.as_ref()?;
        let macs: BTreeSet<Mac> =
            std::iter::once(port.mac).chain(pairs.iter().map(|pair| pair.mac)).collect();
        let v4 = macs.iter().map(|mac| (*mac, BTreeSet::new())).collect();
        let v6 = macs.iter().map(|mac| (*mac, BTreeSet::from([link_local(*mac)]))).collect();
        let mut allowed = Allowed { v4, v6 };
        for ip in &port.fixed_ips {
            allowed.add(port.mac, IpNet::from(*ip));
        }
        for pair in pairs {
            allowed.add(pair.mac, pair.net.trunc());
        }
        Some(allowed)
    }

    fn add(&mut self, mac: Mac, net: IpNet) {
        let family = if matches!(net, IpNet::V4(_)) { &mut self.v4 } else { &mut self.v6 };
        family.entry(mac).or_default().insert(net);
    }
}

fn ingress() -> Chain {
    let types = [(Ether::Arp, "from_arp"), (Ether::Ip, "from_ip"), (Ether::Ip6, "from_ip6")];
    let jumps = types.map(|(ether, chain)| rule([Match::EtherType(ether)], Verdict::Goto(chain)));
    // The outer type decides: a VLAN tag is none of the three.
    let other = rule([Match::EtherTypeNot(&[Ether::Arp, Ether::Ip, Ether::Ip6])], Verdict::Drop);
    let rules = std::iter::once(other).chain(jumps).chain([drop_rest()]).collect();
    Chain { name: "ingress", rules }
}

fn arp(allowed: &Allowed) -> Chain {
    let mut rules = Vec::new();
    for (mac, nets) in &allowed.v4 {
        // Probes carry no sender address (RFC 5227).
        let nets = merge(nets.iter().copied().chain([unspecified_v4()]));
        let mut matches = vec![Match::EtherSource(*mac), Match::ArpSenderMac(*mac)];
        matches.extend(limited(nets).map(Match::ArpSenderIp));
        rules.push(Rule { matches, verdict: Verdict::Accept });
    }
    rules.push(drop_rest());
    Chain { name: "from_arp", rules }
}

fn ip(allowed: &Allowed) -> Chain {
    let mut rules = vec![rule([Match::UdpSource(DHCP_SERVER)], Verdict::Drop)];
    for (mac, nets) in &allowed.v4 {
        rules.push(rule(
            [
                Match::EtherSource(*mac),
                Match::Source(vec![unspecified_v4()]),
                Match::UdpSource(DHCP_CLIENT),
                Match::UdpDestination(DHCP_SERVER),
            ],
            Verdict::Accept,
        ));
        if !nets.is_empty() {
            rules.push(from(*mac, nets));
        }
    }
    rules.push(drop_rest());
    Chain { name: "from_ip", rules }
}

fn ip6(allowed: &Allowed) -> Chain {
    let mut rules = vec![
        rule([Match::Icmpv6(ROUTER_ONLY)], Verdict::Drop),
        rule([Match::UdpSource(DHCPV6_SERVER)], Verdict::Drop),
        rule([Match::Icmpv6(NEIGHBOUR_ADVERTISEMENT)], Verdict::Goto("from_nd")),
    ];
    for (mac, nets) in &allowed.v6 {
        let unspecified = IpNet::from(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        rules.push(rule(
            [Match::EtherSource(*mac), Match::Source(vec![unspecified]), Match::Icmpv6(UNSPECIFIED_SOURCE)],
            Verdict::Accept,
        ));
        rules.push(from(*mac, nets));
    }
    rules.push(drop_rest());
    Chain { name: "from_ip6", rules }
}

/// A neighbour may be advertised only at an address that is allowed, from such an address.
fn advertisements(allowed: &Allowed) -> Chain {
    let mut rules = Vec::new();
    for (mac, nets) in &allowed.v6 {
        let nets = merge(nets.iter().copied());
        for target in &nets {
            let mut matches = vec![Match::EtherSource(*mac)];
            matches.extend(limited(nets.clone()).map(Match::Source));
            matches.extend((target.prefix_len() > 0).then_some(Match::NdTarget(*target)));
            rules.push(Rule { matches, verdict: Verdict::Accept });
        }
    }
    rules.push(drop_rest());
    Chain { name: "from_nd", rules }
}

fn from(mac: Mac, nets: &BTreeSet<IpNet>) -> Rule {
    let mut matches = vec![Match::EtherSource(mac)];
    matches.extend(limited(merge(nets.iter().copied())).map(Match::Source));
    Rule { matches, verdict: Verdict::Accept }
}

/// `None` when every address is among them: there is nothing to match.
fn limited(nets: Vec<IpNet>) -> Option<Vec<IpNet>> {
    nets.iter().all(|net| net.prefix_len() > 0).then_some(nets)
}

/// nft refuses overlapping intervals in a set: a net inside another goes.
fn merge(nets: impl Iterator<Item = IpNet>) -> Vec<IpNet> {
    let nets: BTreeSet<IpNet> = nets.collect();
    let inside = |net: &IpNet| nets.iter().any(|other| other != net && other.contains(net));
    nets.iter().filter(|net| !inside(net)).copied().collect()
}

fn link_local(mac: Mac) -> IpNet {
    let mut octets = [0u8; 16];
    octets[..2].copy_from_slice(&[0xfe, 0x80]);
    octets[8..].copy_from_slice(&mac.eui64());
    IpNet::from(IpAddr::V6(Ipv6Addr::from(octets)))
}

fn unspecified_v4() -> IpNet {
    IpNet::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn rule<const N: usize>(matches: [Match; N], verdict: Verdict) -> Rule {
    Rule { matches: matches.to_vec(), verdict }
}

fn drop_rest() -> Rule {
    rule([], Verdict::Drop)
}
