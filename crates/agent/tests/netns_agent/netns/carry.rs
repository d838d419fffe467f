//! Frames between guests of two hosts.

use model::report::State;
use wire::Mac;

use crate::netns::frames::{Tap, arp, udp4, v4};
use crate::netns::place::{Place, network, two_guests};
use crate::netns::server::failed;
use crate::netns::wait::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn guests_of_two_hosts_ping_each_other() {
    let Some(place) = Place::new() else { return };
    let ([a, b], agents) = two_guests(&place).await;
    for (host, guest) in [("one", &a), ("two", &b)] {
        let key = guest.part().key();
        eventually("port up", || place.server.state(host, key), |s| *s == Some(State::Up)).await;
        eventually("no failures", || failed(&place.server.outcomes(host)), |f| f.is_empty()).await;
    }
    eventually("ping over IPv4", || place.ping(&a, b.v4()), |ok| *ok).await;
    eventually("ping over IPv6", || place.ping(&b, a.v6()), |ok| *ok).await;
    for agent in agents {
        agent.stop().await;
    }
    assert!(place.ping(&b, a.v4()), "the wiring stays when agents stop");
}

/// ARP and ND for remote ports are answered on the host: neither leaves it.
#[tokio::test(flavor = "multi_thread")]
async fn neighbours_are_resolved_on_the_host() {
    let Some(place) = Place::new() else { return };
    let ([a, b], _agents) = two_guests(&place).await;
    for (host, guest) in [("one", &a), ("two", &b)] {
        let key = guest.part().key();
        eventually("port up", || place.server.state(host, key), |s| *s == Some(State::Up)).await;
        eventually("no failures", || failed(&place.server.outcomes(host)), |f| f.is_empty()).await;
    }
    eventually("ping", || place.ping(&a, b.v4()) && place.ping(&a, b.v6()), |ok| *ok).await;
    let underlay = Tap::open(&place, "two", "under");
    for guest in [&a, &b] {
        place.ip(&guest.name, "neigh flush dev eth0");
    }
    assert!(place.ping(&a, b.v4()) && place.ping(&b, a.v6()), "after the caches were emptied");
    // Another echo, told apart by its size, ends what is looked at.
    let last = place.exec(&a.name, &format!("ping -c 1 -W 1 -s 777 {}", b.v4()));
    assert!(last.status.success(), "{last:?}");
    let mut resolved = Vec::new();
    loop {
        let frame = underlay.until("tunnel", |frame| inner(frame).is_some()).await;
        let inner = inner(&frame).expect("tunnel frame");
        let is_nd =
            inner[12..14] == [0x86, 0xdd] && inner[20] == 58 && matches!(inner.get(54), Some(135 | 136));
        if inner[12..14] == [0x08, 0x06] || is_nd && inner[22..24] != [0xfe, 0x80] {
            resolved.push(inner.to_vec());
        }
        if inner.len() > 777 {
            break;
        }
    }
    assert!(resolved.is_empty(), "left the host: {resolved:02x?}");
}

/// A network that only one host has is flooded nowhere; one that both have is flooded to both.
#[tokio::test(flavor = "multi_thread")]
async fn broadcast_goes_to_hosts_of_the_network_only() {
    let Some(place) = Place::new() else { return };
    let ([a, b], _agents) = two_guests(&place).await;
    let key = network(&[]).key();
    eventually("network up", || place.server.state("one", key), |s| *s == Some(State::Up)).await;
    eventually("ping", || place.ping(&a, b.v4()), |ok| *ok).await;
    let at_b = Tap::open(&place, &b.name, "eth0");
    let from_a = Tap::open(&place, &a.name, "eth0");
    let ask = arp(a.port.mac, Mac::BROADCAST, (a.port.mac, a.v4()), v4([10, 1, 0, 250]));
    from_a.send(&ask);
    at_b.until("broadcast", |frame| *frame == ask).await;
    place.server.put("one", [network(&[])]);
    let floods = || place.exec("one", "bridge fdb show dev vxlan-4001").stdout;
    let none = |out: &Vec<u8>| !String::from_utf8_lossy(out).contains("00:00:00:00:00:00");
    eventually("no peers", floods, none).await;
    let other = arp(a.port.mac, Mac::BROADCAST, (a.port.mac, a.v4()), v4([10, 1, 0, 251]));
    from_a.send(&other);
    let marker = udp4(a.port.mac, b.port.mac, a.v4(), b.v4(), 9, 9);
    from_a.send(&marker);
    let first = at_b.until("marker", |frame| *frame == marker || *frame == other).await;
    assert_eq!(first, marker, "broadcast went to a host without the network");
}

/// The frame inside a VXLAN packet over IPv4.
fn inner(frame: &[u8]) -> Option<&[u8]> {
    let is_vxlan =
        frame.get(12..14)? == [0x08, 0x00] && frame[23] == 17 && frame.get(36..38)? == 4789u16.to_be_bytes();
    frame.get(50..).filter(|inner| is_vxlan && inner.len() >= 42)
}
