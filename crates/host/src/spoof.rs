//! What a port may send: its anti-spoofing table, and the wall between a bridge and its host.
//!
//! ```text
//! ingress -> from_arp -> accept, or drop
//!         -> from_ip  -> accept, or drop
//!         -> from_ip6 -> part_ip6 -> any_ip6, or drop
//!                     -> any_ip6 -> from_nd -> own_ip6, or drop
//!                                -> own_ip6 -> accept, or drop
//! ```
//! What the port is held to comes first in `ingress` (`qos`). Every chain ends in a drop. The size of a table depends on its port alone, and grows by a few
//! rules with each address.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use model::desired::{Port, Trunked};
use wire::Mac;

use crate::nft::{Chain, Ether, INGRESS, Match, Rule, Table, Verdict};
use crate::{names, qos};

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
pub const DHCPV6_SERVER: u16 = 547;

/// ICMPv6 types: router advertisement and redirect are a router's to send.
pub const ROUTER_ONLY: [u8; 2] = [134, 137];
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Headers of IPv6 that others follow: hop-by-hop options, routing, fragment, AH, destination options,
/// mobility, HIP, Shim6. In a part they would hide from it what the packet is.
const WITH_OTHERS_BEHIND: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];
/// Sent from `::` before an address is in use: MLD reports, router solicitation, DAD.
const UNSPECIFIED_SOURCE: [u8; 5] = [131, 132, 133, 135, 143];

/// The table of a port; `None` when the port may send anything, as fast as it can.
pub fn port_table(port: &Port) -> Option<Table> {
    let got = qos::got(port.qos.as_ref());
    let mut chains = match Allowed::new(port).filter(|_| !port.trusted) {
        Some(allowed) => judging(port, &allowed),
        None => {
            let sent = qos::sent(port.qos.as_ref());
            if sent.is_empty() && got.is_none() {
                return None;
            }
            vec![Chain { name: INGRESS.to_owned(), rules: sent }]
        }
    };
    chains.extend(got);
    Some(Table { device: names::tap(port.id), remembers: false, chains })
}

fn judging(port: &Port, allowed: &Allowed) -> Vec<Chain> {
    let mut first = ingress();
    first.rules.splice(0..0, of_others(port));
    first.rules.splice(0..0, qos::sent(port.qos.as_ref()));
    vec![
        first,
        from_arp(allowed),
        from_ip(allowed),
        from_ip6(),
        part_ip6(),
        any_ip6(allowed),
        from_nd(allowed),
        own_ip6(allowed),
    ]
}

/// What another port of its trunk sends is judged at that port's device.
fn of_others(port: &Port) -> Vec<Rule> {
    match &port.trunk {
        Some(Trunked::Parent { vids }) => {
            vids.iter().map(|vid| rule([Match::Vlan(*vid)], Verdict::Accept)).collect()
        }
        Some(Trunked::Tagged { .. }) | None => Vec::new(),
    }
}

/// Drops all that a bridge would hand to its own host.
pub fn wall(bridge: &str) -> Table {
    Table { device: bridge.to_owned(), remembers: false, chains: vec![chain("ingress", [])] }
}

/// Source addresses, each with the MAC it may be used with.
struct Allowed {
    macs: BTreeSet<Mac>,
    v4: BTreeSet<(Mac, IpNet)>,
    v6: BTreeSet<(Mac, IpNet)>,
}

impl Allowed {
    fn new(port: &Port) -> Option<Allowed> {
        let pairs = port.allowed.as_ref()?;
        let macs: BTreeSet<Mac> =
            std::iter::once(port.mac).chain(pairs.iter().map(|pair| pair.mac)).collect();
        let fixed = port.fixed_ips.iter().map(|ip| (port.mac, IpNet::from(*ip)));
        let paired = pairs.iter().map(|pair| (pair.mac, pair.net.trunc()));
        let link_local = macs.iter().map(|mac| (*mac, link_local(*mac)));
        let all: BTreeSet<(Mac, IpNet)> = fixed.chain(paired).chain(link_local).collect();
        let (v4, v6) = all.into_iter().partition(|(_, net)| net.addr().is_ipv4());
        Some(Allowed { macs, v4, v6 })
    }
}

fn ingress() -> Chain {
    // The outer type decides: a VLAN tag is none of the three.
    let types = [(Ether::Arp, "from_arp"), (Ether::Ip, "from_ip"), (Ether::Ip6, "from_ip6")];
    chain("ingress", types.map(|(ether, to)| rule([Match::EtherType(ether)], goto(to))))
}

fn from_arp(allowed: &Allowed) -> Chain {
    // Probes carry no sender address (RFC 5227).
    let probes = allowed.macs.iter().map(|mac| (*mac, unspecified_v4()));
    let sender = |(mac, net): (Mac, IpNet)| Rule {
        matches: [Match::EtherSource(mac), Match::ArpSenderMac(mac)]
            .into_iter()
            .chain(limited(net).map(Match::ArpSenderIp))
            .collect(),
        verdict: Verdict::Accept,
    };
    chain("from_arp", allowed.v4.iter().copied().chain(probes).map(sender))
}

fn from_ip(allowed: &Allowed) -> Chain {
    let server = rule([Match::UdpSource(DHCP_SERVER)], Verdict::Drop);
    let client = allowed.macs.iter().map(|mac| {
        rule(
            [
                Match::EtherSource(*mac),
                Match::Source(unspecified_v4()),
                Match::UdpSource(DHCP_CLIENT),
                Match::UdpDestination(DHCP_SERVER),
            ],
            Verdict::Accept,
        )
    });
    let own = allowed.v4.iter().map(|(mac, net)| from(*mac, *net));
    chain("from_ip", std::iter::once(server).chain(own).chain(client))
}

fn from_ip6() -> Chain {
    chain("from_ip6", [rule([Match::Part], goto("part_ip6")), rule([], goto("any_ip6"))])
}

/// The first part of what is left says what the packet is, in its first eight bytes.
fn part_ip6() -> Chain {
    let hidden = WITH_OTHERS_BEHIND.map(|header| rule([Match::PartOf(header)], Verdict::Drop));
    chain("part_ip6", hidden.into_iter().chain([rule([], goto("any_ip6"))]))
}

fn any_ip6(allowed: &Allowed) -> Chain {
    let mut rules = ROUTER_ONLY.map(|kind| rule([Match::Icmpv6(kind)], Verdict::Drop)).to_vec();
    rules.push(rule([Match::UdpSource(DHCPV6_SERVER)], Verdict::Drop));
    rules.push(rule([Match::Icmpv6(NEIGHBOUR_ADVERTISEMENT)], goto("from_nd")));
    for mac in &allowed.macs {
        rules.extend(UNSPECIFIED_SOURCE.map(|kind| {
            let source = Match::Source(IpNet::from(IpAddr::V6(Ipv6Addr::UNSPECIFIED)));
            rule([Match::EtherSource(*mac), source, Match::Icmpv6(kind)], Verdict::Accept)
        }));
    }
    rules.push(rule([], goto("own_ip6")));
    chain("any_ip6", rules)
}

/// A neighbour may be advertised only at an address that is allowed, from such an address.
fn from_nd(allowed: &Allowed) -> Chain {
    let target = |(mac, net): &(Mac, IpNet)| Rule {
        matches: std::iter::once(Match::EtherSource(*mac))
            .chain(limited(*net).map(Match::NdTarget))
            .collect(),
        verdict: goto("own_ip6"),
    };
    chain("from_nd", allowed.v6.iter().map(target))
}

fn own_ip6(allowed: &Allowed) -> Chain {
    chain("own_ip6", allowed.v6.iter().map(|(mac, net)| from(*mac, *net)))
}

fn from(mac: Mac, net: IpNet) -> Rule {
    let source = limited(net).map(Match::Source);
    let matches = std::iter::once(Match::EtherSource(mac)).chain(source).collect();
    Rule { matches, verdict: Verdict::Accept }
}

/// `None` for every address there is: nothing to match.
fn limited(net: IpNet) -> Option<IpNet> {
    (net.prefix_len() > 0).then_some(net)
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

/// What no rule of a chain lets pass is dropped.
fn chain(name: &str, rules: impl IntoIterator<Item = Rule>) -> Chain {
    let rules = rules.into_iter().chain([rule([], Verdict::Drop)]).collect();
    Chain { name: name.to_owned(), rules }
}

fn rule<const N: usize>(matches: [Match; N], verdict: Verdict) -> Rule {
    Rule { matches: matches.to_vec(), verdict }
}

fn goto(chain: &str) -> Verdict {
    Verdict::Goto(chain.to_owned())
}
