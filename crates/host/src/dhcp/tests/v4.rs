//! DHCPv4, message by message.

use std::net::Ipv4Addr;

use model::desired::HostRoute;

use super::client::{Ask4, ask4, frame4};
use super::golden;
use super::network::{ALICE, BOB, MALLORY, SERVER, alice, lease, network, part};
use crate::dhcp::Network;

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const RELEASE: u8 = 7;
const INFORM: u8 = 8;

/// What dhclient asks for, roughly.
const LIST: &[u8] = &[55, 10, 1, 28, 2, 3, 15, 6, 12, 26, 121, 249];
const OWN: &[u8] = &[50, 4, 10, 0, 0, 5];
const FOREIGN: &[u8] = &[50, 4, 10, 0, 0, 77];
const US: &[u8] = &[54, 4, 10, 0, 0, 2];
const OTHER_SERVER: &[u8] = &[54, 4, 10, 0, 0, 3];
const CLIENT_ID: &[u8] = &[61, 3, 0, 1, 2];

#[test]
fn messages() {
    let cases: Vec<(&str, Ask4)> = vec![
        ("DISCOVER", ask4(DISCOVER, &[LIST])),
        ("DISCOVER with the broadcast flag", Ask4 { flags: 0x8000, ..ask4(DISCOVER, &[LIST]) }),
        ("DISCOVER asking for nothing in particular", ask4(DISCOVER, &[CLIENT_ID])),
        ("DISCOVER asking for the mask alone", ask4(DISCOVER, &[&[55, 1, 1]])),
        ("DISCOVER wishing another address", ask4(DISCOVER, &[&[55, 1, 1], FOREIGN])),
        ("DISCOVER on a subnet without gateway", ask4(DISCOVER, &[LIST]).by(BOB)),
        ("DISCOVER of a stranger", ask4(DISCOVER, &[LIST]).by(MALLORY)),
        ("REQUEST selecting", ask4(REQUEST, &[US, OWN, LIST])),
        ("REQUEST selecting another server", ask4(REQUEST, &[OTHER_SERVER, OWN, LIST])),
        ("REQUEST selecting a wrong address", ask4(REQUEST, &[US, FOREIGN, LIST, CLIENT_ID])),
        ("REQUEST after a reboot", ask4(REQUEST, &[OWN, &[55, 1, 3]])),
        ("REQUEST after a reboot elsewhere", ask4(REQUEST, &[FOREIGN, LIST])),
        ("REQUEST renewing", ask4(REQUEST, &[&[55, 1, 3]]).renewing([10, 0, 0, 5])),
        ("REQUEST renewing a wrong address", ask4(REQUEST, &[LIST]).renewing([10, 0, 0, 77])),
        (
            "REQUEST rebinding",
            Ask4 { dst: Ipv4Addr::BROADCAST, ..ask4(REQUEST, &[&[55, 1, 3]]).renewing([10, 0, 0, 5]) },
        ),
        ("REQUEST for no address", ask4(REQUEST, &[LIST])),
        ("INFORM", ask4(INFORM, &[LIST]).renewing([10, 0, 0, 5])),
        ("INFORM from elsewhere", ask4(INFORM, &[LIST]).renewing([172, 16, 0, 5])),
        ("RELEASE", ask4(RELEASE, &[US]).renewing([10, 0, 0, 5])),
        ("DECLINE", ask4(DECLINE, &[US, OWN])),
        ("an answer, as if from a server", ask4(2, &[US])),
    ];
    let cases: Vec<_> = cases.into_iter().map(|(title, ask)| (title, network(), ask.frame())).collect();
    golden("v4", &cases);
}

/// Whoever knows routes is led there beside all else (RFC 3442: the router option does not count then), and who
/// knows none has a router that leads nowhere else.
#[test]
fn clients_are_led_to_the_gateways() {
    let told = |network: Network, mac, option: &[u8]| {
        let frame = network.answer(&ask4(DISCOVER, &[LIST]).by(mac).frame()).expect("an offer");
        frame.windows(option.len()).any(|part| part == option)
    };
    let to = [32, 169, 254, 169, 254];
    let with = [&[121, 21, 16, 10, 9, 10, 0, 0, 9][..], &to, &[10, 0, 0, 2, 0, 10, 0, 0, 1]].concat();
    let alone = [&[121, 9][..], &to, &[10, 1, 0, 2]].concat();
    for (mac, routes, router) in [(ALICE, &with, [3, 4, 10, 0, 0, 1]), (BOB, &alone, [3, 4, 10, 1, 0, 2])] {
        let led = || network().leading_to_gateways();
        let microsoft = [&[249], &routes[1..]].concat();
        assert!(told(led(), mac, routes) && told(led(), mac, &microsoft) && told(led(), mac, &router));
        assert!(!told(network(), mac, routes));
    }
    assert!(!told(network(), BOB, &[3, 4, 10, 1, 0, 2]));
    // A route of the subnet's owner to the same place counts.
    let mut own = part();
    let route = "169.254.169.254/32".parse().expect("a prefix");
    own.subnets[1].host_routes =
        vec![HostRoute { destination: route, nexthop: "10.1.0.9".parse().expect("an address") }];
    let mut network = Network::new(&own).leading_to_gateways();
    network.set_lease(&lease(BOB, &[(11, "10.1.0.6")]));
    assert!(told(network, BOB, &[&[121, 9][..], &to, &[10, 1, 0, 9]].concat()));
}

#[test]
fn what_is_not_ours_to_answer() {
    let good = ask4(DISCOVER, &[LIST]);
    let raw = |options: &[u8]| Ask4 { options: options.to_vec(), ..good.clone() };
    let cases: Vec<(&str, Ask4)> = vec![
        ("chaddr of another", Ask4 { chaddr: BOB, ..good.clone() }),
        ("hlen 16", Ask4 { hlen: 16, ..good.clone() }),
        ("hlen 255", Ask4 { hlen: 255, ..good.clone() }),
        ("a relay", Ask4 { giaddr: Ipv4Addr::new(10, 0, 0, 9), ..good.clone() }),
        ("another host", Ask4 { dst: Ipv4Addr::new(10, 0, 0, 3), ..good.clone() }),
        ("no options: BOOTP", raw(&[])),
        ("no message type", raw(&[55, 1, 3, 255])),
        ("message type of two bytes", raw(&[53, 2, 1, 1, 255])),
        ("message type given twice", raw(&[53, 1, 1, 53, 1, 1, 255])),
        ("option overload", raw(&[53, 1, 1, 52, 1, 3, 255])),
        ("an option cut short", raw(&[53, 1, 1, 55, 9, 1])),
        ("an option without length", raw(&[53, 1, 1, 55])),
        ("requested address of three bytes", raw(&[53, 1, 1, 50, 3, 10, 0, 0, 255])),
        ("server id of none", raw(&[53, 1, 1, 54, 0, 255])),
        ("a client id in two parts", raw(&[&[53, 1, 1, 61, 255][..], &[1; 255], &[61, 1, 1]].concat())),
    ];
    for (title, ask) in cases {
        assert_eq!(network().answer(&ask.frame()), None, "{title}");
    }
    // Harmless: an end that is missing where the message ends, and an empty rapid commit or not.
    for options in [&[53, 1, 1][..], &[0, 0, 53, 1, 1, 0, 255, 53], &[53, 1, 1, 80, 1, 0, 255]] {
        assert!(network().answer(&raw(options).frame()).is_some(), "{options:?}");
    }
}

#[test]
fn frames_that_carry_it_wrongly() {
    let ask = ask4(DISCOVER, &[LIST]);
    let good = ask.frame();
    assert!(network().answer(&good).is_some());
    let change = |at: usize, value: u8| {
        let mut bad = good.clone();
        bad[at] = value;
        bad
    };
    for (title, frame) in [
        ("cut", good[..good.len() - 1].to_vec()),
        ("to another host's MAC", change(0, 0xfe)),
        ("from a multicast MAC", change(6, 0xfb)),
        ("VLAN tag", change(13, 0x01)),
        ("IP version", change(14, 0x65)),
        ("IP header checksum", change(24, !good[24])),
        ("UDP length zero", change(39, 0)),
        ("another port", frame4(ALICE, SERVER, ask.src, ask.dst, 68, &ask.message())),
    ] {
        assert_eq!(network().answer(&frame), None, "{title}");
    }
    let mut unfinished = good.clone();
    unfinished[40] ^= 0x55;
    assert!(network().answer(&unfinished).is_some(), "UDP checksums may be unfinished");
    let padded = [&good[..], &[0; 60]].concat();
    assert!(network().answer(&padded).is_some(), "frames may be padded");
}

#[test]
fn leases_come_and_go() {
    let mut network = Network::new(&part());
    let frame = ask4(DISCOVER, &[LIST]).frame();
    assert_eq!((network.lease_count(), network.answer(&frame)), (0, None));
    network.set_lease(&alice());
    network.set_lease(&alice());
    assert!(network.lease_count() == 1 && network.answer(&frame).is_some());

    // The port gets another MAC.
    let mut moved = alice();
    moved.mac = BOB;
    network.set_lease(&moved);
    assert_eq!((network.lease_count(), network.answer(&frame)), (1, None));
    assert!(network.answer(&ask4(DISCOVER, &[LIST]).by(BOB).frame()).is_some());

    // Another port takes over the MAC; the first port's end does not end it.
    network.set_lease(&lease(BOB, &[(11, "10.1.0.6")]));
    network.remove_lease(alice().port_id);
    assert!(network.answer(&ask4(DISCOVER, &[LIST]).by(BOB).frame()).is_some());
    network.remove_lease(lease(BOB, &[]).port_id);
    assert_eq!(network.lease_count(), 0);
}

#[test]
fn the_port_s_address_must_be_servable() {
    for (title, addresses) in [
        ("none", &[][..]),
        ("IPv6 only", &[(14, "2001:db8:3::5")]),
        ("subnet without DHCP", &[(99, "10.0.0.5")]),
        ("address outside its subnet", &[(10, "10.7.0.5")]),
    ] {
        let mut network = Network::new(&part());
        network.set_lease(&lease(ALICE, addresses));
        assert_eq!(network.answer(&ask4(DISCOVER, &[]).frame()), None, "{title}");
        assert_eq!(network.answer(&ask4(REQUEST, &[OWN]).frame()), None, "{title}");
    }
    let mut without_address = part();
    without_address.addresses.clear();
    let mut network = Network::new(&without_address);
    network.set_lease(&alice());
    assert_eq!(network.answer(&ask4(DISCOVER, &[]).frame()), None, "no address to answer from");
}
