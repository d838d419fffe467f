//! Packets through a router made of acts alone: two instances inside, one neighbour outside.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use host::Op;
use host::nat::{Forwarding, Nat};
use host::op::{Inside, MAIN_TABLE, Of, Route, Sysctl};
use kernel::netns;
use kernel::packet::PacketSocket;
use wire::ethernet::ethertype;
use wire::{Ethernet, Mac};

use crate::netns::inner::{QROUTER, done, inside, step};
use crate::netns::nat::TAKE_ALL;
use crate::netns::place::Place;

const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any test; what answers ends with the test's process.
const LIFETIME: Duration = Duration::from_secs(60);

/// Where packets come from and go to.
pub const FIRST: &str = "first";
pub const SECOND: &str = "second";
pub const OUTSIDE: &str = "outside";

pub const FLOATING: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
const FORWARDED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

pub fn nat(enable_snat: bool) -> Nat {
    let internal_ip = [10, 0, 0, 6].into();
    let forwarding = |external, internal| Forwarding {
        protocol: 17,
        floating_ip: FORWARDED,
        external: Some(external),
        internal_ip,
        internal: Some(internal),
    };
    Nat {
        outside: "qg-1".into(),
        address: Some(GATEWAY),
        enable_snat,
        hairpin: true,
        floating_ips: [(FLOATING, [10, 0, 0, 5].into())].into(),
        forwardings: [
            forwarding((53, 53), (7, 7)),
            forwarding((100, 110), (200, 210)),
            forwarding((7000, 7100), (7000, 7100)),
        ]
        .into(),
        limits: Default::default(),
        wall: Default::default(),
    }
}

/// The router, its two bridges, and who is on them.
pub async fn cloud() -> Option<Place> {
    let place = Place::new()?;
    place.ip("link add inner type bridge");
    place.ip("link add outer type bridge");
    let mut steps = vec![step(Op::AddNetns { netns: QROUTER.into() })];
    let name = |name| Inside::SetSysctl { name, value: 1 };
    steps.extend(inside([name(Sysctl::Ipv4Forward)]));
    let all = Sysctl::RpFilter(Of::All);
    steps.extend(inside([Inside::SetSysctl { name: all, value: 0 }]));
    for (at, bridge, peer, nets) in [
        (1, "inner", "qr-1", &["10.0.0.1/24"][..]),
        (2, "outer", "qg-1", &["203.0.113.2/24", "203.0.113.5/32", "203.0.113.9/32"][..]),
    ] {
        let (device, peer) = (format!("tap{at}"), peer.to_owned());
        let peer_mac = Mac([2, 0, 0, 0, 1, at]);
        let netns = QROUTER.into();
        steps.push(step(Op::AddVeth {
            device: device.clone(),
            netns,
            peer: peer.clone(),
            peer_mac,
            mtu_bytes: 1500,
        }));
        steps.push(step(Op::SetMaster { device: device.clone(), master: Some(bridge.into()) }));
        steps.push(step(Op::SetUp { device, up: true }));
        let add = |net: &&str| Inside::AddAddress { device: peer.clone(), net: net.parse().expect("net") };
        steps.extend(inside(nets.iter().map(add)));
        steps.extend(inside([Inside::SetUp { device: peer.clone() }]));
    }
    let to = "0.0.0.0/0".parse().expect("net");
    let via = Some("203.0.113.100".parse().expect("address"));
    let route = Route { table: MAIN_TABLE, to, via, device: "qg-1".into(), onlink: false };
    steps.extend(inside([Inside::AddRoute { route }]));
    done(&place, steps).await;
    for (name, bridge, net, gateway) in [
        (FIRST, "inner", "10.0.0.5/24", Some("10.0.0.1")),
        (SECOND, "inner", "10.0.0.6/24", Some("10.0.0.1")),
        (OUTSIDE, "outer", "203.0.113.100/24", None),
    ] {
        attach(&place, name, bridge, net, gateway);
    }
    place.inside(OUTSIDE, "ip route add 10.0.0.0/24 via 203.0.113.2");
    place.ip("link set inner up");
    place.ip("link set outer up");
    Some(place)
}

/// A neighbour on a bridge.
pub fn attach(place: &Place, name: &str, bridge: &str, net: &str, gateway: Option<&str>) {
    netns::create(&place.netns_dir(), name).expect("namespace");
    let path = place.netns_dir().join(name);
    place.ip(&format!("link add v-{name} type veth peer name eth0 netns {}", path.display()));
    place.ip(&format!("link set v-{name} master {bridge} up"));
    place.inside(name, &format!("ip address add {net} dev eth0"));
    place.inside(name, "ip link set eth0 up");
    if let Some(gateway) = gateway {
        place.inside(name, &format!("ip route add default via {gateway}"));
    }
}

/// Answers with who asked, and on which port.
pub fn answer(place: &Place, name: &str, port: u16) {
    let path = place.netns_dir().join(name);
    let open = || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).expect("socket");
    let socket = netns::within(&path, open).expect("namespace entered");
    let name = name.to_owned();
    socket.set_read_timeout(Some(LIFETIME)).expect("timeout");
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(format!("{name}:{port} for {}", from.ip()).as_bytes(), from);
        }
    });
}

/// What the asked said; an empty text when nobody did.
pub fn ask(place: &Place, name: &str, to: Ipv4Addr, port: u16) -> String {
    let path = place.netns_dir().join(name);
    let open = || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("socket");
    let socket = netns::within(&path, open).expect("namespace entered");
    socket.connect((to, port)).expect("a way there");
    socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
    socket.send(b"who am I").expect("sent");
    let mut buffer = [0; 64];
    match socket.recv(&mut buffer) {
        Ok(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => "refused".into(),
        Err(_) => String::new(),
    }
}

#[tokio::test]
async fn every_kind_of_translation_reaches_whom_it_should_from_whom_it_says() {
    let Some(place) = cloud().await else { return };
    let outside = [203, 0, 113, 100].into();
    for port in [7, 200, 205, 7050] {
        answer(&place, FIRST, port);
        answer(&place, SECOND, port);
    }
    answer(&place, OUTSIDE, 7);
    let replace = |enable_snat| inside([Inside::ReplaceTable { content: nat(enable_snat) }]);
    done(&place, replace(true)).await;
    let table = [
        // From outside, with its own address.
        (OUTSIDE, FLOATING, 7, "first:7 for 203.0.113.100"),
        (OUTSIDE, FORWARDED, 53, "second:7 for 203.0.113.100"),
        (OUTSIDE, FORWARDED, 105, "second:205 for 203.0.113.100"),
        (OUTSIDE, FORWARDED, 100, "second:200 for 203.0.113.100"),
        (OUTSIDE, FORWARDED, 7050, "second:7050 for 203.0.113.100"),
        // To the outside: with the floating IP, or the router's.
        (FIRST, outside, 7, "outside:7 for 203.0.113.5"),
        (SECOND, outside, 7, "outside:7 for 203.0.113.2"),
        // Hairpins, of which one comes back to where it began.
        (SECOND, FLOATING, 7, "first:7 for 203.0.113.2"),
        (FIRST, FLOATING, 7, "first:7 for 203.0.113.5"),
        (FIRST, FORWARDED, 53, "second:7 for 203.0.113.5"),
        (SECOND, FORWARDED, 105, "second:205 for 203.0.113.2"),
    ];
    for (from, to, port, said) in table {
        assert_eq!(ask(&place, from, to, port), said, "{from} to {to}:{port}");
    }
    // Without SNAT, who has no floating IP leaves as it is; the others' go on.
    done(&place, replace(false)).await;
    assert_eq!(ask(&place, SECOND, outside, 7), "outside:7 for 10.0.0.6");
    assert_eq!(ask(&place, FIRST, outside, 7), "outside:7 for 203.0.113.5");
    assert_eq!(ask(&place, SECOND, FLOATING, 7), "first:7 for 203.0.113.2");
}

/// The router's own addresses are no door to what runs in its namespace.
#[tokio::test]
async fn the_namespace_serves_nobody_outside() {
    let Some(place) = cloud().await else { return };
    answer(&place, QROUTER, 7);
    done(&place, inside([Inside::ReplaceTable { content: nat(true) }])).await;
    assert!(place.inside(OUTSIDE, "ping -c 1 -W 5 203.0.113.2").status.success());
    assert_eq!(ask(&place, FIRST, [10, 0, 0, 1].into(), 7), format!("{QROUTER}:7 for 10.0.0.5"));
    assert_eq!(ask(&place, OUTSIDE, GATEWAY, 7), "");
}

/// Neighbours that know another of the address are corrected, and more than once.
#[tokio::test]
async fn an_address_is_announced_thrice() {
    let Some(place) = cloud().await else { return };
    place.inside(OUTSIDE, "ip neighbour replace 203.0.113.5 lladdr 02:00:00:00:00:66 dev eth0 nud reachable");
    place.inside(OUTSIDE, "ip -6 neighbour replace fd00::5 lladdr 02:00:00:00:00:66 dev eth0 nud reachable");
    let path = place.netns_dir().join(OUTSIDE);
    let socket = PacketSocket::open(&path, "eth0", &[TAKE_ALL]).expect("socket");
    let begun = std::time::Instant::now();
    let announce = |ip: &str| Inside::Announce { device: "qg-1".into(), ip: ip.parse().expect("address") };
    done(&place, inside([announce("203.0.113.5"), announce("fd00::5")])).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "the turn waits for the first alone");
    // Each round is a question and an answer in ARP, and one advertisement.
    let mut heard = (0, 0);
    let mut buffer = [0; 2048];
    while heard != (6, 3) {
        let waited = tokio::time::timeout(Duration::from_secs(10), socket.readable()).await;
        waited.unwrap_or_else(|_| panic!("heard {heard:?}")).expect("frames");
        while let Some(frame) = socket.try_receive(&mut buffer).expect("frames") {
            match Ethernet::parse(frame) {
                Ok(head) if head.src != Mac([2, 0, 0, 0, 1, 2]) => {}
                Ok(Ethernet { ethertype: ethertype::ARP, .. }) => heard.0 += 1,
                // The type of a message right behind the header is an advertisement's.
                Ok(Ethernet { ethertype: ethertype::IPV6, .. }) if frame.get(54) == Some(&136) => {
                    heard.1 += 1
                }
                _ => {}
            }
        }
    }
    // A busy machine takes frames in a little after they were sent.
    for known in ["203.0.113.5", "fd00::5"] {
        let seen = place.inside(OUTSIDE, &format!("ip neighbour show {known}"));
        let text = String::from_utf8_lossy(&seen.stdout).into_owned();
        assert!(text.contains("02:00:00:00:01:02"), "{text}");
    }
}
