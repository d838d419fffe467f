//! What security groups let pass and what they hold back, on one host and across two.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::desired::{
    Addresses, Direction, Ethertype, Group, GroupRule, Key, Kind, Member, Part, Ports, RemoteSide,
};
use model::report::State;
use model::{AddressGroupId, PortId, SecurityGroupId};
use uuid::Uuid;

use crate::netns::frames::{arrivals, echo, icmp6, packet, sctp, syn, udp4, udp6};
use crate::netns::place::{Guest, Place, Running, network};
use crate::netns::wait::eventually;

/// Of the guest that is looked at; of the other one; of nobody but who a rule is about.
pub const OWN: SecurityGroupId = SecurityGroupId(Uuid::from_u128(0xa1));
pub const OTHER: SecurityGroupId = SecurityGroupId(Uuid::from_u128(0xa2));
const NAMED: SecurityGroupId = SecurityGroupId(Uuid::from_u128(0xa3));
pub const LISTED: AddressGroupId = AddressGroupId(Uuid::from_u128(0xa4));

pub fn rule(direction: Direction, ethertype: Ethertype) -> GroupRule {
    GroupRule { direction, ethertype, protocol: None, ports: Ports::Any, remote: RemoteSide::Any }
}

/// A port of a protocol of IPv4.
pub fn service(direction: Direction, protocol: u8, port: u16) -> GroupRule {
    let ports = Ports::Range { first: port, last: port };
    GroupRule { protocol: Some(protocol), ports, ..rule(direction, Ethertype::V4) }
}

/// All that there is, either way.
pub fn any() -> Vec<GroupRule> {
    let ways = [Direction::Ingress, Direction::Egress];
    ways.into_iter().flat_map(|way| [rule(way, Ethertype::V4), rule(way, Ethertype::V6)]).collect()
}

pub fn group(id: SecurityGroupId, rules: impl IntoIterator<Item = GroupRule>) -> Part {
    Part::Group(Group { id, stateful: true, rules: rules.into_iter().collect() })
}

pub fn group_key(id: SecurityGroupId) -> Key {
    Key::new(Kind::Group, id.0)
}

pub async fn settled(place: &Place, host: &str, key: Key) {
    let state = || (place.server.is_settled(host, key), place.server.state(host, key));
    eventually(&format!("{key} in place"), state, |(settled, _)| *settled).await;
}

/// One packet of each kind, by name. Every packet begins something, which no round before did.
fn packets(a: &Guest, b: &Guest, round: u16) -> Vec<(&'static str, Vec<u8>)> {
    let (from, to) = (a.port.mac, b.port.mac);
    let (number, base) = (round as u8, 5000 + 20 * round);
    let make = |v6: bool, protocol: u8, payload: &dyn Fn(IpAddr, IpAddr) -> Vec<u8>| {
        let (src, dst) = if v6 { (a.v6(), b.v6()) } else { (a.v4(), b.v4()) };
        packet(from, to, src, dst, protocol, &payload(src, dst))
    };
    vec![
        ("tcp 80", make(false, 6, &|src, dst| syn(src, dst, base + 1, 80))),
        ("tcp 443", make(false, 6, &|src, dst| syn(src, dst, base + 2, 443))),
        ("udp 80", udp4(from, to, a.v4(), b.v4(), base + 3, 80)),
        ("udp 65535", udp4(from, to, a.v4(), b.v4(), base + 4, 65535)),
        ("sctp 80", make(false, 132, &|_, _| sctp(base + 5, 80))),
        ("echo", make(false, 1, &|src, dst| echo(src, dst, 8, 0, number))),
        ("timestamp", make(false, 1, &|src, dst| echo(src, dst, 13, 0, number))),
        ("253", make(false, 253, &|_, _| vec![7; 30])),
        ("tcp6 80", make(true, 6, &|src, dst| syn(src, dst, base + 11, 80))),
        ("tcp6 443", make(true, 6, &|src, dst| syn(src, dst, base + 12, 443))),
        ("udp6 80", udp6(from, to, a.v6(), b.v6(), base + 13, 80)),
        ("sctp6 80", make(true, 132, &|_, _| sctp(base + 15, 80))),
        ("echo6", make(true, 58, &|src, dst| echo(src, dst, 128, 0, number))),
        ("253 6", make(true, 253, &|_, _| vec![8; 30])),
    ]
}

type Case = (&'static str, Vec<GroupRule>, Vec<&'static str>);

/// Every kind of rule, and what of the packets it lets pass.
fn cases(way: Direction, other: &Guest) -> Vec<Case> {
    let v4 = |protocol, ports| GroupRule { protocol, ports, ..rule(way, Ethertype::V4) };
    let v6 = |protocol, ports| GroupRule { protocol, ports, ..rule(way, Ethertype::V6) };
    let range = |first, last| Ports::Range { first, last };
    let icmp = |kind, code| Ports::Icmp { kind, code };
    let about = |remote, of| GroupRule { remote, ..rule(way, of) };
    let net = |text: &str| RemoteSide::Prefix(text.parse().expect("net"));
    let host = RemoteSide::Prefix(other.v4().into());
    let all4 = vec!["tcp 80", "tcp 443", "udp 80", "udp 65535", "sctp 80", "echo", "timestamp", "253"];
    let all6 = vec!["tcp6 80", "tcp6 443", "udp6 80", "sctp6 80", "echo6", "253 6"];
    let (four, six) = (Ethertype::V4, Ethertype::V6);
    vec![
        ("nothing", vec![], vec![]),
        ("IPv4", vec![rule(way, four)], all4.clone()),
        ("IPv6", vec![rule(way, six)], all6.clone()),
        ("TCP", vec![v4(Some(6), Ports::Any)], vec!["tcp 80", "tcp 443"]),
        ("a TCP port", vec![v4(Some(6), range(80, 80))], vec!["tcp 80"]),
        ("TCP ports", vec![v4(Some(6), range(81, 443))], vec!["tcp 443"]),
        ("TCP ports of IPv6", vec![v6(Some(6), range(1, 442))], vec!["tcp6 80"]),
        ("UDP", vec![v4(Some(17), Ports::Any)], vec!["udp 80", "udp 65535"]),
        ("UDP ports", vec![v4(Some(17), range(81, 65535))], vec!["udp 65535"]),
        ("UDP of IPv6", vec![v6(Some(17), Ports::Any)], vec!["udp6 80"]),
        ("an SCTP port", vec![v4(Some(132), range(80, 80))], vec!["sctp 80"]),
        ("another SCTP port", vec![v4(Some(132), range(81, 99))], vec![]),
        ("SCTP of IPv6", vec![v6(Some(132), Ports::Any)], vec!["sctp6 80"]),
        ("ICMP", vec![v4(Some(1), Ports::Any)], vec!["echo", "timestamp"]),
        ("a type of ICMP", vec![v4(Some(1), icmp(8, None))], vec!["echo"]),
        ("a code of ICMP", vec![v4(Some(1), icmp(13, Some(0)))], vec!["timestamp"]),
        ("another code", vec![v4(Some(1), icmp(13, Some(1)))], vec![]),
        ("ICMPv6 by its own name", vec![v6(Some(58), icmp(128, None))], vec!["echo6"]),
        ("ICMPv6 by ICMP's name", vec![v6(Some(1), Ports::Any)], vec!["echo6"]),
        ("a protocol by number", vec![v4(Some(253), Ports::Any)], vec!["253"]),
        ("the same of IPv6", vec![v6(Some(253), Ports::Any)], vec!["253 6"]),
        ("an address", vec![about(host, four)], all4.clone()),
        ("a net", vec![about(net("10.1.0.0/24"), four)], all4.clone()),
        ("another net", vec![about(net("10.1.1.0/24"), four)], vec![]),
        ("a net of IPv6", vec![about(net("fd00::/64"), six)], all6.clone()),
        ("a group", vec![about(RemoteSide::Group(OTHER), four)], all4.clone()),
        ("a group of IPv6", vec![about(RemoteSide::Group(OTHER), six)], all6.clone()),
        ("another group", vec![about(RemoteSide::Group(NAMED), four)], vec![]),
        ("addresses", vec![about(RemoteSide::Addresses(LISTED), four)], all4.clone()),
        ("other addresses", vec![about(RemoteSide::Addresses(LISTED), six)], vec![]),
        (
            "a group's TCP port, and ICMPv6",
            vec![
                GroupRule { remote: RemoteSide::Group(OTHER), ..v4(Some(6), range(80, 80)) },
                v6(Some(58), Ports::Any),
            ],
            vec!["tcp 80", "echo6"],
        ),
        ("all", any(), [all4, all6].concat()),
    ]
}

/// What guests and hosts are told besides the group that is looked at.
fn told(guests: &[&Guest]) -> Vec<Part> {
    let stranger = Member {
        port_id: PortId(Uuid::from_u128(0xbb)),
        groups: [NAMED].into(),
        addresses: ["10.1.0.77/32".parse().expect("net"), "fd00::77/128".parse().expect("net")].into(),
    };
    let nets = ["10.1.0.0/28", "192.0.2.0/24", "fd99::/16"].map(|net| net.parse().expect("net"));
    let mut parts = vec![
        group(OTHER, any()),
        Part::Member(stranger),
        Part::Addresses(Addresses { id: LISTED, nets: nets.into() }),
    ];
    parts.extend(guests.iter().map(|guest| guest.member()));
    parts
}

pub async fn wired(place: &Place, guests: &[(&str, &Guest)]) -> Vec<Running> {
    let hosts: BTreeSet<&str> = guests.iter().map(|(host, _)| *host).collect();
    let all: Vec<&Guest> = guests.iter().map(|(_, guest)| *guest).collect();
    for host in &hosts {
        let peers: Vec<&str> = hosts.iter().copied().filter(|other| other != host).collect();
        place.server.put(host, [network(&peers)].into_iter().chain(told(&all)));
        place.server.put(host, [group(OWN, any())]);
    }
    for (at, guest) in guests {
        place.plug(at, guest);
        place.server.put(at, [guest.part()]);
        for host in hosts.iter().filter(|host| *host != at) {
            place.server.put(host, [guest.remote(at)]);
        }
    }
    let agents = hosts.iter().map(|host| place.run(place.config(host))).collect();
    for (host, guest) in guests {
        settled(place, host, guest.part().key()).await;
    }
    let [(_, a), (_, b)] = guests else { return agents };
    eventually("ping", || place.ping(a, b.v4()) && place.ping(b, a.v6()), |ok| *ok).await;
    agents
}

/// From the other to the one whose group is looked at, or the other way.
async fn every_kind(place: &Place, host: &str, way: Direction, own: &Guest, other: &Guest) {
    let (from, to) = if way == Direction::Ingress { (other, own) } else { (own, other) };
    // What shows that all before it was judged; either way, for it is one connection.
    let marker = |way| service(way, 17, 9);
    let markers = [marker(Direction::Ingress), marker(Direction::Egress)];
    for ((what, rules, expected), round) in cases(way, other).into_iter().zip(1..) {
        place.server.put(host, [group(OWN, rules.into_iter().chain(markers.clone()))]);
        settled(place, host, group_key(OWN)).await;
        let seen = arrivals(place, from, to, &packets(from, to, round)).await;
        let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(seen, expected, "{way:?} of {what}");
    }
}

pub fn guests() -> (Guest, Guest) {
    (Guest::nth(1).in_groups(&[OWN]), Guest::nth(2).in_groups(&[OTHER]))
}

/// Each way on hosts of its own: some protocols have nothing by which a question differs from an answer.
async fn every_kind_at(hosts: [&str; 2]) {
    for way in [Direction::Ingress, Direction::Egress] {
        let Some(place) = Place::new() else { return };
        let (own, other) = guests();
        let _agents = wired(&place, &[(hosts[0], &own), (hosts[1], &other)]).await;
        every_kind(&place, hosts[0], way, &own, &other).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_rule_on_one_host() {
    every_kind_at(["one", "one"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_rule_across_two_hosts() {
    every_kind_at(["one", "two"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_whose_group_is_not_told_lets_nothing_pass() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    place.server.remove("one", [group_key(OWN)]);
    let key = own.part().key();
    let failed = |state: &Option<State>| matches!(state, Some(State::Failed { .. }));
    eventually("said so", || place.server.state("one", key), failed).await;
    assert!(!place.ping(&other, own.v4()) && !place.ping(&own, other.v6()));
    place.server.put("one", [group(OWN, any())]);
    eventually("ping", || place.ping(&other, own.v4()) && place.ping(&own, other.v6()), |ok| *ok).await;
}

/// Each port's own filter would not let them leave; behind it nobody does either.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_routers_say_is_held_back_whole() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    for agent in agents {
        agent.stop().await;
    }
    let table = host::names::table(&other.tap());
    let gone = place.exec("one", &format!("nft delete table netdev {table}"));
    assert!(gone.status.success(), "{gone:?}");
    let (from, to, src) = (other.port.mac, own.port.mac, other.v6());
    let said = |kind| icmp6(from, to, src, own.v6(), kind, own.v6());
    let frames = [
        ("router advertisement", said(134)),
        ("redirect", said(137)),
        ("DHCPv6 answer", udp6(from, to, src, own.v6(), 547, 546)),
        ("router solicitation", said(133)),
        ("neighbour solicitation", said(135)),
        ("UDP", udp6(from, to, src, own.v6(), 546, 547)),
    ];
    let passes = ["router solicitation", "neighbour solicitation", "UDP"].map(str::to_owned);
    assert_eq!(arrivals(&place, &other, &own, &frames).await, passes.into());
}
