//! Local IPs: addresses that are another port's on each host.
//!
//! What a port sends to one goes to the port of this host that answers for it, and the answers come as if
//! from the address asked. Both are done at the device of who asks, so that nobody else's frames are looked
//! at, no host answers another, and groups and connections know the addresses that ports have. Which
//! answers are to be turned back is remembered by the table, for as long as connections may rest.
//!
//! Each has a table of its own: one more, or one less, leaves open connections of the others as they are.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use model::desired::{Part, Port};
use model::{NetworkId, PortId};
use wire::Mac;

use crate::names;
use crate::nft::{Asked, Chain, EGRESS, INGRESS, Match, Rule, Table, Verdict};
use crate::wanted::Wanted;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;

/// How long what is asked is remembered. RFC 5382, REQ-5; RFC 4787, REQ-5; RFC 5508, REQ-2.
const ESTABLISHED_S: u32 = 2 * 3600 + 4 * 60;
const EDGE_S: u32 = 4 * 60;
const UDP_S: u32 = 5 * 60;
/// Of questions that one answer ends.
const WELL_KNOWN_S: u32 = 60;
const ECHO_S: u32 = 60;

/// Who answers for an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stand {
    pub port: PortId,
    pub mac: Mac,
    pub fixed_ip: Option<Ipv4Addr>,
}

/// Who answers on this host, for a port that may ask: the first of several, and nobody for itself.
pub(crate) fn stands(want: &Wanted, asker: &Port) -> BTreeMap<Ipv4Addr, Stand> {
    let mut stands = BTreeMap::new();
    // What the cloud itself puts there asks nobody.
    if asker.trusted {
        return stands;
    }
    for port in answering(want, asker.network_id).filter(|port| port.admin_state_up) {
        for local in &port.local_ips {
            let stand = Stand { port: port.id, mac: port.mac, fixed_ip: local.fixed_ip };
            stands.entry(local.address).or_insert(stand);
        }
    }
    // Nor is who has an address led away from it: he would find that somebody else has it, too (RFC 5227).
    let is_own = |address: &Ipv4Addr| {
        asker.local_ips.iter().any(|local| local.address == *address)
            || asker.fixed_ips.contains(&IpAddr::V4(*address))
    };
    stands.retain(|address, _| !is_own(address));
    stands
}

/// Addresses that a port's tables may be about, now or before.
pub(crate) fn addresses(want: &Wanted, network: NetworkId, old: &[Part]) -> Vec<Ipv4Addr> {
    let before = old.iter().filter_map(|part| match part {
        Part::Port(port) if port.network_id == network => Some(port),
        _ => None,
    });
    let all = answering(want, network).chain(before);
    all.flat_map(|port| port.local_ips.iter().map(|local| local.address)).collect()
}

fn answering(want: &Wanted, network: NetworkId) -> impl Iterator<Item = &Port> {
    want.answering(network).filter_map(|key| match want.get(key) {
        Some(Part::Port(port)) => Some(port),
        _ => None,
    })
}

/// The table of who asks for an address.
pub(crate) fn table(asker: &Port, address: Ipv4Addr, stand: Stand) -> Table {
    let device = names::tap(asker.id);
    let answer = Verdict::AnswerArp { device: device.clone(), ip: address, mac: stand.mac };
    let arp = rule([Match::ArpRequest, Match::ArpTargetIp(host(address))], answer);
    let Some(fixed_ip) = stand.fixed_ip else {
        let lead = rule([Match::Destination(host(address))], Verdict::SetEtherDestination(stand.mac));
        let chains = vec![Chain { name: INGRESS.to_owned(), rules: vec![arp, lead] }];
        return Table { device, remembers: false, chains };
    };
    let asks = [arp].into_iter().chain(asks(address, stand.mac, fixed_ip)).collect();
    let chains = vec![
        Chain { name: INGRESS.to_owned(), rules: asks },
        Chain { name: EGRESS.to_owned(), rules: answers(address, fixed_ip).to_vec() },
    ];
    Table { device, remembers: true, chains }
}

fn asks(address: Ipv4Addr, mac: Mac, ip: Ipv4Addr) -> [Rule; 8] {
    let divert = |asked, timeout_s| Verdict::Divert { asked, timeout_s, mac, ip };
    let to = || Match::Destination(host(address));
    let tcp = || Match::Transport(TCP);
    let ends = Verdict::Remember { asked: Asked::Ending, timeout_s: EDGE_S };
    [
        // Whoever ends a connection says one thing more: that its end was heard.
        rule([to(), tcp(), Match::TcpOpens], Verdict::Forget(Asked::Ending)),
        rule([to(), tcp(), Match::TcpCloses], ends),
        rule([to(), tcp(), Match::Asks(Asked::Ending)], divert(Asked::Ports, EDGE_S)),
        rule([to(), tcp(), Match::TcpOpens], divert(Asked::Ports, EDGE_S)),
        rule([to(), tcp()], divert(Asked::Ports, ESTABLISHED_S)),
        rule([to(), Match::Transport(UDP), Match::UdpWellKnown], divert(Asked::Ports, WELL_KNOWN_S)),
        rule([to(), Match::Transport(UDP)], divert(Asked::Ports, UDP_S)),
        rule([to(), Match::Transport(ICMP), Match::Icmp(ECHO_REQUEST)], divert(Asked::Id, ECHO_S)),
    ]
}

fn answers(address: Ipv4Addr, ip: Ipv4Addr) -> [Rule; 2] {
    let from = || Match::Source(host(ip));
    let turned = || Verdict::SetSource(address);
    [
        rule([from(), Match::Transport(ICMP), Match::Icmp(ECHO_REPLY), Match::Answers(Asked::Id)], turned()),
        rule([from(), Match::Answers(Asked::Ports)], turned()),
    ]
}

fn host(ip: Ipv4Addr) -> IpNet {
    IpNet::from(IpAddr::V4(ip))
}

fn rule<const N: usize>(matches: [Match; N], verdict: Verdict) -> Rule {
    Rule { matches: matches.to_vec(), verdict }
}
