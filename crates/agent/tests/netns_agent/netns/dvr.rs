//! Distributed routers: a compute host and a network node, each with its share.

use std::net::IpAddr;

use model::desired::{L3Mode, Network, Part, Remote, Router, RouterPort, Segment};
use model::{NetworkId, RouterId};
use uuid::Uuid;
use wire::Mac;

use crate::netns::outside::{
    EXTERNAL, NET_B, OTHER_EXTERNAL, OUTSIDE, ROUTER, distributed, external, fip, floating, gateway,
    interface, ip, network_b, on_b, other_external, sent_by,
};
use crate::netns::place::{Guest, NET, Place, Running, network, under};
use crate::netns::routers::up;
use crate::netns::server::failed;
use crate::netns::wait::eventually;

/// Guests of either network on either host.
pub struct Dvr {
    /// On the first network, on host one.
    pub a: Guest,
    /// On the second network, on host two.
    pub b: Guest,
    /// On the second network, on host one.
    pub c: Guest,
    /// On the first network, on host two.
    pub d: Guest,
    pub agents: [Running; 2],
}

/// Host one computes, host two is the network node and computes as well.
pub async fn dvr(place: &Place, first: fn(&[&str]) -> Part) -> Dvr {
    let (a, b, c, d) = (Guest::nth(1), on_b(2), on_b(3), Guest::nth(4));
    place.outside(&["one", "two"]);
    for (host, other, guests, remotes) in [("one", 2, [&a, &c], [&b, &d]), ("two", 1, [&b, &d], [&a, &c])] {
        guests.iter().for_each(|guest| place.plug_routed(host, guest));
        let peer = if other == 2 { "two" } else { "one" };
        let mut parts = vec![first(&[peer]), network_b(&[under(other)]), external()];
        parts.extend(guests.iter().map(|guest| guest.part()));
        parts.extend(remotes.iter().map(|guest| guest.remote(peer)));
        place.server.put(host, parts);
        place.server.put(host, [Part::Router(share(host))]);
    }
    let legs = share("one").interfaces.into_iter().filter_map(|interface| interface.snat);
    place.server.put("one", legs.map(|leg| remote(&leg, "two")));
    let agents =
        [place.run(place.routing("one", L3Mode::Dvr)), place.run(place.routing("two", L3Mode::DvrSnat))];
    for host in ["one", "two"] {
        up(place, host, &Part::Router(share(host))).await;
    }
    Dvr { a, b, c, d, agents }
}

/// A host's share of the router, before anybody has a floating IP.
pub fn share(host: &str) -> Router {
    let mode = if host == "one" { L3Mode::Dvr } else { L3Mode::DvrSnat };
    let host_mac = Some(Mac([0xfa, 0x16, 0x3f, 0, 0, if host == "one" { 1 } else { 2 }]));
    Router { serves_here: true, host_mac, ..distributed(mode, host == "two") }
}

/// A router's port on another host.
pub fn remote(port: &RouterPort, host: &str) -> Part {
    Part::Remote(Remote {
        port_id: port.port_id,
        network_id: port.network_id,
        mac: port.mac,
        fixed_ips: port.addresses.iter().map(|net| net.addr()).collect(),
        tunnel_ip: Some(under(if host == "one" { 1 } else { 2 })),
    })
}

/// Floating IPs of `a` on host one and of `b` on host two.
async fn with_floating_ips(place: &Place, dvr: &Dvr) {
    let floats = [("one", [203, 0, 113, 20], &dvr.a, 51), ("two", [203, 0, 113, 21], &dvr.b, 52)];
    for (host, address, guest, n) in floats {
        let own = fip(n, EXTERNAL, &format!("203.0.113.{n}/24"), [203, 0, 113, 1]);
        let share = Router { floating_ips: vec![floating(address, guest)], ..share(host) };
        place.server.put(host, [own.clone(), Part::Router(share.clone())]);
        up(place, host, &own).await;
        up(place, host, &Part::Router(share)).await;
        eventually("all well", || failed(&place.server.outcomes(host)), |f| f.is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_route_for_their_own_and_the_network_node_for_the_rest() {
    let Some(place) = Place::new() else { return };
    let dvr = dvr(&place, network).await;
    let Dvr { a, b, c, d, .. } = &dvr;
    for (from, to) in [(a, b), (b, a), (c, d), (d, c), (a, c), (b, d)] {
        let both = || place.ping(from, to.v4()) && place.ping(from, to.v6());
        eventually(&format!("{} to {}", from.name, to.name), both, |ok| *ok).await;
    }
    let outside = ip("203.0.113.1");
    for guest in [a, b, c, d] {
        eventually(&format!("{} out", guest.name), || place.ping(guest, outside), |ok| *ok).await;
        let seen = place.seen_from(&guest.name, (OUTSIDE, "br0"), outside).await;
        assert_eq!(seen, ip("203.0.113.10"), "{}", guest.name);
    }
    place.ip(OUTSIDE, "-6 route add fd00::/64 via 2001:db8::10");
    eventually("IPv6 by the network node", || place.ping(a, ip("2001:db8::1")), |ok| *ok).await;
    assert_eq!(place.netns_names("one"), [format!("qrouter-{ROUTER}")]);
    assert_eq!(place.netns_names("two"), [format!("qrouter-{ROUTER}"), format!("snat-{ROUTER}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn floating_ips_leave_by_the_host_of_their_instance() {
    let Some(place) = Place::new() else { return };
    let dvr = dvr(&place, network).await;
    with_floating_ips(&place, &dvr).await;
    let Dvr { a, b, c, .. } = &dvr;
    let (of_a, of_b, outside) = (ip("203.0.113.20"), ip("203.0.113.21"), ip("203.0.113.1"));
    for public in [of_a, of_b] {
        eventually("in", || place.pings(OUTSIDE, public), |ok| *ok).await;
    }
    assert_eq!(place.seen_from(&a.name, (OUTSIDE, "br0"), outside).await, of_a);
    assert_eq!(place.seen_from(&b.name, (OUTSIDE, "two0"), outside).await, of_b);
    assert_eq!(place.seen_from(&c.name, (OUTSIDE, "two0"), outside).await, ip("203.0.113.10"));
    eventually("floating IP to floating IP", || place.ping(a, of_b) && place.ping(b, of_a), |ok| *ok).await;
    assert_eq!(place.seen_from(&a.name, (OUTSIDE, "one0"), of_b).await, of_a);
    eventually("its own", || place.ping(a, of_a), |ok| *ok).await;
    eventually("from one without", || place.ping(c, of_a) && place.ping(c, of_b), |ok| *ok).await;
    let large = || {
        let output = place.exec(OUTSIDE, &format!("ping -M do -s 1472 -c 1 -W 1 {of_a}"));
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    eventually("path MTU", large, |said| said.contains("1450")).await;
    // What is removed under the agent comes back.
    let name = format!("fip-{EXTERNAL}");
    kernel::netns::delete(&place.netns_dir("one"), &name).expect("deleted");
    eventually("in again", || place.pings(OUTSIDE, of_a) && place.ping(a, outside), |ok| *ok).await;
    place.ip_inside("one", &format!("qrouter-{ROUTER}"), "rule del priority 32768");
    let seen = || place.ip_inside("one", &format!("qrouter-{ROUTER}"), "rule");
    eventually("rule again", seen, |rules| rules.contains("32768")).await;
    // The last floating IP takes the way with it.
    place.server.remove("one", [fip(51, EXTERNAL, "203.0.113.51/24", [203, 0, 113, 1]).key()]);
    place.server.put("one", [Part::Router(share("one"))]);
    eventually("fip- gone", || place.netns_names("one"), |names| !names.contains(&name)).await;
    eventually("by the network node", || place.ping(a, outside), |ok| *ok).await;
    let devices = place.ip_inside("one", &format!("qrouter-{ROUTER}"), "-o link");
    assert!(!devices.contains("rfp-"), "{devices}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_has_a_way_to_each_external_network() {
    const NET_C: NetworkId = NetworkId(Uuid::from_u128(0x33333333_2222_4333_8444_555555555555));
    let Some(place) = Place::new() else { return };
    let dvr = dvr(&place, network).await;
    with_floating_ips(&place, &dvr).await;
    let mut e = Guest::nth(5);
    e.port.network_id = NET_C;
    e.port.fixed_ips = vec![ip("10.3.0.5"), ip("fd03::5")];
    place.plug("one", &e);
    place.ip(&e.name, "route add default via 10.3.0.254");
    let segment = Segment::Vxlan { vni: 4003 };
    let third = Network { id: NET_C, mtu_bytes: 1450, segment, peers: [].into(), roaming: false };
    let second = Router {
        id: RouterId(Uuid::from_u128(0x88888888_2222_4333_8444_555555555555)),
        interfaces: vec![interface(0xc1, NET_C, &["10.3.0.254/24"])],
        gateway: Some(Box::new(gateway(0xe2, OTHER_EXTERNAL, &["198.51.100.10/24"]))),
        floating_ips: vec![floating([198, 51, 100, 20], &e)],
        ..distributed(L3Mode::Dvr, false)
    };
    let own = fip(61, OTHER_EXTERNAL, "198.51.100.61/24", [198, 51, 100, 1]);
    let parts = [Part::Network(third), other_external(), e.part(), own, Part::Router(second.clone())];
    place.server.put("one", parts);
    up(&place, "one", &Part::Router(second)).await;
    let (of_a, of_e) = (ip("203.0.113.20"), ip("198.51.100.20"));
    eventually("in by both", || place.pings(OUTSIDE, of_a) && place.pings(OUTSIDE, of_e), |ok| *ok).await;
    let forward = place.exec(OUTSIDE, "sysctl -w net.ipv4.ip_forward=1");
    assert!(forward.status.success(), "{forward:?}");
    eventually("from one to the other", || place.ping(&e, of_a) && place.ping(&dvr.a, of_e), |ok| *ok).await;
    assert_eq!(place.seen_from(&e.name, (OUTSIDE, "br1"), of_a).await, of_e);
}

/// On networks without tunnels, switches see a MAC of each host's own, and nobody but the host
/// itself answers for the router.
#[tokio::test(flavor = "multi_thread")]
async fn switches_never_see_the_router() {
    let Some(place) = Place::new() else { return };
    let flat = |_: &[&str]| {
        let segment = Segment::Flat { physical_network: "other".into() };
        Part::Network(Network { id: NET, mtu_bytes: 1450, segment, peers: [].into(), roaming: false })
    };
    place.netns("spare");
    let router_mac = share("one").interfaces[0].port.mac;
    let dvr = dvr(&place, flat).await;
    let Dvr { a, b, c, d, .. } = &dvr;
    let cables = ["one1", "two1"].map(|cable| sent_by(&place, OUTSIDE, cable, router_mac));
    let own = sent_by(&place, OUTSIDE, "one1", share("one").host_mac.expect("a MAC of its own"));
    for (from, to) in [(a, d), (d, a), (a, b), (b, a), (c, d), (d, c)] {
        let both = || place.ping(from, to.v4()) && place.ping(from, to.v6());
        eventually(&format!("{} to {}", from.name, to.name), both, |ok| *ok).await;
    }
    let mut buffer = [0; 2048];
    for cable in &cables {
        let seen = cable.try_receive(&mut buffer).expect("device");
        assert_eq!(seen.map(<[u8]>::to_vec), None, "the router's MAC on a cable");
    }
    assert!(own.try_receive(&mut buffer).expect("device").is_some(), "the host's own MAC");
    // Nobody answers a question from outside.
    place.ip(OUTSIDE, "addr add 10.1.0.99/24 dev br1");
    let gateway: IpAddr = ip("10.1.0.254");
    assert!(place.pings(OUTSIDE, a.v4()) && !place.pings(OUTSIDE, gateway));
    let _ = NET_B;
}
