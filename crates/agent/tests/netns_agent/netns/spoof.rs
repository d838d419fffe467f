//! What a port may not send, and where no port may reach.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::report::State;
use wire::Mac;

use crate::netns::frames::{Cut, arp, arrivals, ethernet, fragment6, icmp6, tagged, udp4, udp6, v4, v6};
use crate::netns::place::{Guest, Place, Running, network, under};
use crate::netns::wait::eventually;

const OTHER: Mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 0x77]);
const PAIR: Mac = Mac([0, 0, 0x5e, 0, 1, 0x0a]);
const PAIR_IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 100));

/// Two guests on host one, wired.
async fn neighbours(place: &Place, guests: [Guest; 2]) -> ([Guest; 2], Running) {
    place.server.put("one", [network(&[])]);
    for guest in &guests {
        place.plug("one", guest);
        place.server.put("one", [guest.part()]);
    }
    let agent = place.run(place.config("one"));
    for guest in &guests {
        let key = guest.part().key();
        eventually("port up", || place.server.state("one", key), |s| *s == Some(State::Up)).await;
    }
    // A bridge port forwards from when the kernel has noticed its carrier.
    let [a, b] = &guests;
    eventually("ping", || place.ping(a, b.v4()) && place.ping(b, a.v6()), |ok| *ok).await;
    (guests, agent)
}

/// Frames by name, and whether a secured port may send them.
fn frames(a: &Guest, b: &Guest) -> Vec<(&'static str, Vec<u8>, bool)> {
    let (mac, to, all) = (a.port.mac, b.port.mac, Mac::BROADCAST);
    let link_local = v6("fe80::f816:3eff:fe00:1");
    let (nodes, unspecified) = (v6("ff02::1"), v6("::"));
    let part = |next, at, more, payload: &[u8]| {
        let cut = Cut { id: u16::from(next), at, more };
        fragment6((mac, to), link_local, b.v6(), next, cut, payload)
    };
    // Options of 16 bytes; and what follows them is not in the first part.
    let options = |next| [next, 1, 1, 12, 0, 0, 0, 0];
    let behind = |what: &[u8]| [&[0; 8], what].concat();
    let advertises = behind(&icmp6(mac, to, link_local, nodes, 134, unspecified)[54..]);
    let answers = behind(&udp6(mac, to, link_local, b.v6(), 547, 546)[54..]);
    vec![
        ("part of UDP", part(17, 0, true, &udp6(mac, to, link_local, b.v6(), 5, 5)[54..62]), true),
        ("another part of UDP", part(17, 8, false, &[7; 16]), true),
        ("part of ESP", part(50, 0, true, &[9; 16]), true),
        ("another part of ESP", part(50, 16, false, &[8; 16]), true),
        ("part of an RA, seen", part(58, 0, true, &[134; 8]), false),
        ("part of an advertisement", part(58, 0, true, &[136, 0, 0, 0, 0, 0, 0, 1]), false),
        ("part of options", part(60, 0, true, &options(58)), false),
        ("an RA behind options", part(60, 8, false, &advertises), false),
        ("part of a hop's options", part(0, 0, true, &options(17)), false),
        ("DHCPv6 behind a hop's options", part(0, 8, false, &answers), false),
        ("part of a part", part(44, 0, true, &[17, 0, 0, 1, 0, 0, 0, 9]), false),
        ("a part of routing", part(43, 8, false, &answers), false),
        ("a part of AH", part(51, 8, false, &answers), false),
        ("own IPv4", udp4(mac, to, a.v4(), b.v4(), 5, 5), true),
        ("own IPv6", udp6(mac, to, a.v6(), b.v6(), 5, 5), true),
        ("own link-local", udp6(mac, to, link_local, b.v6(), 5, 5), true),
        ("own ARP", arp(mac, all, (mac, a.v4()), b.v4()), true),
        ("ARP probe", arp(mac, all, (mac, v4([0; 4])), a.v4()), true),
        ("DHCP discover", udp4(mac, all, v4([0; 4]), v4([255; 4]), 68, 67), true),
        ("DAD", icmp6(mac, to, unspecified, nodes, 135, a.v6()), true),
        ("own advertisement", icmp6(mac, to, a.v6(), nodes, 136, a.v6()), true),
        ("router solicitation", icmp6(mac, to, link_local, nodes, 133, unspecified), true),
        ("another MAC", udp4(OTHER, to, a.v4(), b.v4(), 5, 5), false),
        ("another MAC's ARP", arp(OTHER, all, (OTHER, a.v4()), b.v4()), false),
        ("ARP for another MAC", arp(mac, all, (OTHER, a.v4()), b.v4()), false),
        ("ARP for another IP", arp(mac, all, (mac, v4([10, 1, 0, 9])), b.v4()), false),
        ("another IPv4", udp4(mac, to, v4([10, 1, 0, 9]), b.v4(), 5, 5), false),
        ("another IPv6", udp6(mac, to, v6("fd00::9"), b.v6(), 5, 5), false),
        ("another link-local", udp6(mac, to, v6("fe80::9"), b.v6(), 5, 5), false),
        ("no IPv4, not DHCP", udp4(mac, to, v4([0; 4]), b.v4(), 5, 5), false),
        ("no IPv6, not ND", udp6(mac, to, unspecified, b.v6(), 5, 5), false),
        ("DHCP offer", udp4(mac, to, a.v4(), b.v4(), 67, 68), false),
        ("DHCPv6 advertise", udp6(mac, to, link_local, b.v6(), 547, 546), false),
        ("router advertisement", icmp6(mac, to, link_local, nodes, 134, unspecified), false),
        ("redirect", icmp6(mac, to, link_local, nodes, 137, b.v6()), false),
        ("another's advertisement", icmp6(mac, to, a.v6(), nodes, 136, v6("fd00::9")), false),
        ("VLAN tag", tagged(&udp4(mac, to, a.v4(), b.v4(), 5, 6), 7), false),
        ("priority tag", tagged(&udp4(mac, to, a.v4(), b.v4(), 5, 7), 0), false),
        ("LLDP", ethernet(mac, to, 0x88cc, &[0; 40]), false),
        ("the pair", udp4(PAIR, to, PAIR_IP, b.v4(), 5, 5), false),
        ("the pair's ARP", arp(PAIR, all, (PAIR, PAIR_IP), b.v4()), false),
        ("the pair's MAC, own IP", udp4(PAIR, to, a.v4(), b.v4(), 5, 5), false),
    ]
}

async fn arrived(place: &Place, [a, b]: &[Guest; 2]) -> BTreeSet<String> {
    let frames: Vec<(&str, Vec<u8>)> =
        frames(a, b).into_iter().map(|(name, frame, _)| (name, frame)).collect();
    arrivals(place, a, b, &frames).await
}

fn names(frames: Vec<(&'static str, Vec<u8>, bool)>, also: &[&str]) -> BTreeSet<String> {
    let allowed = frames.into_iter().filter(|(name, _, ok)| *ok || also.contains(name));
    allowed.map(|(name, ..)| name.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secured_port_sends_only_what_is_its_own() {
    let Some(place) = Place::new() else { return };
    let (guests, _agent) = neighbours(&place, [Guest::nth(1), Guest::nth(2)]).await;
    let expected = names(frames(&guests[0], &guests[1]), &[]);
    assert_eq!(arrived(&place, &guests).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_pair_may_be_used() {
    let Some(place) = Place::new() else { return };
    let with_pair = Guest::nth(1).with_pair(PAIR, PAIR_IP.into());
    let (guests, _agent) = neighbours(&place, [with_pair, Guest::nth(2)]).await;
    let expected = names(frames(&guests[0], &guests[1]), &["the pair", "the pair's ARP"]);
    assert_eq!(arrived(&place, &guests).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_without_security_sends_anything() {
    let Some(place) = Place::new() else { return };
    let mut free = Guest::nth(1);
    free.port.allowed = None;
    let (guests, _agent) = neighbours(&place, [free, Guest::nth(2)]).await;
    let all = frames(&guests[0], &guests[1]).into_iter().map(|(name, ..)| name.to_owned());
    // A bridge passes no frames to the link's own groups: LLDP has another destination here.
    assert_eq!(arrived(&place, &guests).await, all.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_turns_security_on_is_filtered() {
    let Some(place) = Place::new() else { return };
    let mut free = Guest::nth(1);
    free.port.allowed = None;
    let (mut guests, _agent) = neighbours(&place, [free, Guest::nth(2)]).await;
    guests[0].port.allowed = Some(Vec::new());
    place.server.put("one", [guests[0].part()]);
    let expected = names(frames(&guests[0], &guests[1]), &[]);
    let list = || String::from_utf8_lossy(&place.exec("one", "nft list tables").stdout).into_owned();
    eventually("table", list, |tables| tables.contains(&guests[0].tap())).await;
    assert_eq!(arrived(&place, &guests).await, expected);
}

/// The host would answer by every address it has, on any device: the wall keeps it from that.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_does_not_reach_the_host() {
    let Some(place) = Place::new() else { return };
    let (guests, agent) = neighbours(&place, [Guest::nth(1), Guest::nth(2)]).await;
    let bridge = host::names::bridge(crate::netns::place::NET);
    let host = under(1);
    let guest = &guests[0];
    // As a tenant who knows the bridge's MAC would; the way back is made as well.
    let link = place.ip("one", &format!("-o link show {bridge}"));
    let mac = link.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next()).expect("MAC");
    place.ip(&guest.name, &format!("route add {host}/32 dev eth0"));
    assert!(!place.ping(guest, host), "ARP for an address of the host is answered");
    place.ip(&guest.name, &format!("neigh replace {host} lladdr {mac} dev eth0 nud permanent"));
    place.ip("one", &format!("route add {}/32 dev {bridge}", guest.v4()));
    let back = format!("neigh replace {} lladdr {} dev {bridge} nud permanent", guest.v4(), guest.port.mac);
    place.ip("one", &back);
    assert!(!place.ping(guest, host), "the host answers a tenant");
    // What keeps it so is the wall: without it, the same ping is answered.
    agent.stop().await;
    let wall = host::names::table(&bridge);
    let gone = place.exec("one", &format!("nft delete table netdev {wall}"));
    assert!(gone.status.success(), "{gone:?}");
    assert!(place.ping(guest, host), "this test would not notice a missing wall");
}
