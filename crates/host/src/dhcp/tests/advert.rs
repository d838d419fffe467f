//! Router solicitations and advertisements.

use std::net::Ipv6Addr;

use model::desired::{Interface, Ipv6Mode, RouterPort, RouterSubnet};
use wire::ipv6::{ALL_NODES, ALL_ROUTERS};

use super::client::router_solicitation;
use super::network::{ALICE, MALLORY, SERVER, ip, link_local, network, part, subnet, subnet6};
use super::{compare, golden};
use crate::dhcp::{Network, RouterLeg};

#[test]
fn solicitations() {
    let alice = link_local(ALICE);
    let nobody = Ipv6Addr::UNSPECIFIED;
    let cases = [
        ("multicast", router_solicitation(ALICE, alice, ALL_ROUTERS, 255)),
        ("unicast", router_solicitation(ALICE, alice, link_local(SERVER), 255)),
        ("without an address yet", router_solicitation(ALICE, nobody, ALL_ROUTERS, 255)),
        ("of a port without lease", router_solicitation(MALLORY, alice, ALL_ROUTERS, 255)),
        ("passed on by a router", router_solicitation(ALICE, alice, ALL_ROUTERS, 254)),
        ("to somebody else", router_solicitation(ALICE, alice, ALL_NODES, 255)),
    ];
    golden("advert", &cases.map(|(title, frame)| (title, network(), frame)));
}

#[test]
fn unsolicited() {
    let mut text = String::new();
    for (title, subnets) in [
        ("nothing to advertise", vec![subnet(1, "2001:db8:1::/64"), subnet(2, "10.0.0.0/24")]),
        ("slaac", vec![subnet6(1, "2001:db8:1::/64", Ipv6Mode::Slaac)]),
        ("dhcpv6-stateless", vec![subnet6(1, "2001:db8:1::/64", Ipv6Mode::Dhcpv6Stateless)]),
        ("dhcpv6-stateful", vec![subnet6(1, "2001:db8:1::/64", Ipv6Mode::Dhcpv6Stateful)]),
    ] {
        let mut part = part();
        part.subnets = subnets;
        let answer = Network::new(&part).advertisement();
        let answer = answer.map_or("nothing\n".into(), |answer| super::show(&answer));
        text += &format!("== {title}\n{answer}\n");
    }
    compare("advert_unsolicited", &text);
}

#[test]
fn an_advertisement_fits_the_least_mtu() {
    let mut part = part();
    part.subnets = (0..100).map(|n| subnet6(n, &format!("2001:db8:{n:x}::/64"), Ipv6Mode::Slaac)).collect();
    for (n, subnet) in part.subnets.iter_mut().enumerate() {
        subnet.dns_nameservers = vec![ip("::"), ip(&format!("2001:db8::{n:x}"))];
    }
    let frame = Network::new(&part).advertisement().expect("an RA");
    assert!((1200..=14 + 1280).contains(&frame.len()), "{} bytes", frame.len());
}

#[test]
fn a_router_says_that_it_is_one_until_it_ceases() {
    let subnet = |cidr: &str, mode| RouterSubnet {
        id: model::SubnetId(uuid::Uuid::from_u128(1)),
        cidr: cidr.parse().expect("net"),
        ipv6_ra_mode: mode,
        dns_nameservers: vec![ip("2001:db8::53"), ip("192.0.2.53")],
    };
    let interface = |subnets| Interface {
        port: RouterPort {
            port_id: model::PortId(uuid::Uuid::from_u128(2)),
            network_id: model::NetworkId(uuid::Uuid::from_u128(3)),
            mac: SERVER,
            addresses: vec![],
        },
        subnets,
        snat: None,
    };
    let silent = interface(vec![subnet("2001:db8:1::/64", None), subnet("10.0.0.0/24", None)]);
    assert_eq!(RouterLeg::new(&silent, 1450), None);
    let modes = [Some(Ipv6Mode::Slaac), Some(Ipv6Mode::Dhcpv6Stateful), None];
    let subnets =
        modes.iter().zip(1..).map(|(mode, n)| subnet(&format!("2001:db8:{n}::/64"), *mode)).collect();
    let leg = RouterLeg::new(&interface(subnets), 1450).expect("advertises");
    let asked = router_solicitation(ALICE, link_local(ALICE), ALL_ROUTERS, 255);
    let mut text = String::new();
    for (title, frame) in [
        ("unsolicited", leg.advertisement()),
        ("solicited", leg.answer(&asked)),
        ("its own", leg.answer(&router_solicitation(SERVER, link_local(SERVER), ALL_ROUTERS, 255))),
        ("farewell", leg.farewell()),
    ] {
        let frame = frame.map_or("nothing\n".into(), |frame| super::show(&frame));
        text += &format!("== {title}\n{frame}\n");
    }
    compare("advert_router", &text);
}
