//! What distributed routers keep off an uplink: the same MAC and addresses live on every host.
//!
//! A switch that saw a router's MAC from several hosts would move it from port to port. So frames
//! leave with a MAC of the host's own, and nobody outside asks for or hears of the router's
//! addresses: each host answers for itself.

use model::NetworkId;
use model::desired::{Router, RouterPort};

use crate::lazy;
use crate::nft::{Chain, EGRESS, Ether, INGRESS, Match, Rule, Table, Verdict};

/// ICMPv6 types: router advertisement, neighbour solicitation and advertisement.
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// The table of the uplink of a network; `None` when no distributed router has a place there.
pub fn guard<'a>(
    device: &str,
    network: NetworkId,
    routers: impl Iterator<Item = &'a Router>,
) -> Option<Table> {
    let (mut ingress, mut egress) = (Vec::new(), Vec::new());
    for router in routers.filter(|router| lazy::pieces(router).distributed && !answers_outside(router)) {
        let Some(host_mac) = router.host_mac else { continue };
        let ports = router.interfaces.iter().map(|interface| &interface.port);
        for port in ports.filter(|port| port.network_id == network) {
            let questions = || asked(port);
            ingress.push(rule([Match::EtherDestination(port.mac)], Verdict::Drop));
            ingress.extend(questions());
            egress.extend(questions());
            egress.extend(said(port));
            egress.push(rule([Match::EtherSource(port.mac)], Verdict::SetEtherSource(host_mac)));
        }
    }
    let chain = |name: &str, rules| Chain { name: name.to_owned(), rules };
    (!egress.is_empty()).then(|| Table {
        device: device.to_owned(),
        remembers: false,
        chains: vec![chain(INGRESS, ingress), chain(EGRESS, egress)],
    })
}

/// The table of a tunnel, where switches see no MACs and hosts learn none: other hosts' instances do
/// not hear what a host advertises to its own, least of all that it advertises no more.
pub fn hush<'a>(
    device: &str,
    network: NetworkId,
    routers: impl Iterator<Item = &'a Router>,
) -> Option<Table> {
    let shared = routers.filter(|router| router.host_mac.is_some() && lazy::pieces(router).distributed);
    let interfaces = shared.flat_map(|router| &router.interfaces).map(|interface| &interface.port);
    let speaks = |port: &&RouterPort| {
        port.network_id == network && port.addresses.iter().any(|net| net.addr().is_ipv6())
    };
    let rules: Vec<Rule> = interfaces.filter(speaks).map(|port| spoken(port, ROUTER_ADVERTISEMENT)).collect();
    (!rules.is_empty()).then(|| Table {
        device: device.to_owned(),
        remembers: false,
        chains: vec![Chain { name: EGRESS.to_owned(), rules }],
    })
}

/// Bare-metal servers have no host that answers for itself: the network node does, as the only one.
fn answers_outside(router: &Router) -> bool {
    router.central && router.counts.baremetal > 0
}

/// Questions for the router's addresses.
fn asked(port: &RouterPort) -> Vec<Rule> {
    let question = |net: &ipnet::IpNet| {
        let host = ipnet::IpNet::from(net.addr());
        let matches = match host.addr().is_ipv4() {
            true => vec![Match::EtherType(Ether::Arp), Match::ArpTargetIp(host)],
            false => vec![
                Match::EtherType(Ether::Ip6),
                Match::Icmpv6(NEIGHBOUR_SOLICITATION),
                Match::NdTarget(host),
            ],
        };
        Rule { matches, verdict: Verdict::Drop }
    };
    port.addresses.iter().map(question).collect()
}

/// What the router itself says of itself.
fn said(port: &RouterPort) -> Vec<Rule> {
    let mut rules = vec![rule([Match::EtherType(Ether::Arp), Match::EtherSource(port.mac)], Verdict::Drop)];
    for kind in [ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT] {
        rules.push(spoken(port, kind));
    }
    rules
}

fn spoken(port: &RouterPort, kind: u8) -> Rule {
    let matches = [Match::EtherType(Ether::Ip6), Match::EtherSource(port.mac), Match::Icmpv6(kind)];
    rule(matches, Verdict::Drop)
}

fn rule(matches: impl IntoIterator<Item = Match>, verdict: Verdict) -> Rule {
    Rule { matches: matches.into_iter().collect(), verdict }
}
