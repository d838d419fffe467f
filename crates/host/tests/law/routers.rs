//! Routers over the same few networks, ports, MACs and addresses.

use ipnet::IpNet;
use model::PortId;
use model::desired::{
    Centralized, ConntrackHelper, Direction, Fip, FloatingIp, Gateway, Ha, HostRoute, Interface, L3Mode,
    Meter, MeterRule, PortForwarding, Router, RouterPort, RouterSubnet,
};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use super::{mac, network_of, port_id, router_id};

pub fn ports(router: &Router) -> Vec<RouterPort> {
    let interfaces = router.interfaces.iter().map(|interface| interface.port.clone());
    let snat = router.interfaces.iter().filter_map(|interface| interface.snat.clone());
    let gateway = router.gateway.iter().map(|gateway| gateway.port.clone());
    let ha = router.ha.iter().map(|ha| ha.port.clone());
    interfaces.chain(snat).chain(gateway).chain(ha).collect()
}

pub fn router() -> impl Strategy<Value = Router> {
    let mode = select(L3Mode::ALL.to_vec());
    let often = || prop::bool::weighted(0.7);
    let flags = [often(), often(), often(), often(), often()];
    let interfaces = prop::collection::vec(interface(), 0..3);
    let routes = prop::option::of(select(vec![("10.9.0.0/16", "10.0.0.77"), ("fd09::/64", "fd00::77")]));
    let floating =
        prop::collection::btree_map(select(vec![9u8, 10]), (5..7u8, prop::bool::weighted(0.3)), 0..3);
    let gateway = prop::option::weighted(0.7, gateway().prop_map(Box::new));
    let led = (
        prop::option::weighted(0.2, Just(forwarding())),
        prop::option::weighted(0.2, helper()),
        prop::collection::vec(meter(), 0..2),
    );
    let ha = prop::option::weighted(0.2, port());
    (router_id(), mode, flags, interfaces, gateway, floating, routes, led, ha).prop_map(
        |(id, mode, flags, interfaces, gateway, floating, routes, (forwarding, helper, meters), ha)| {
            let [may_be_lazy, distributed, central, serves_here, has_host_mac] = flags;
            Router {
                id,
                mode,
                may_be_lazy,
                distributed,
                central,
                serves_here,
                counts: Centralized::default(),
                interfaces,
                gateway,
                floating_ips: floating
                    .into_iter()
                    .map(|(floating, (fixed, centralized))| FloatingIp {
                        id: Uuid::from_u128(floating.into()).into(),
                        floating_ip: [203, 0, 113, floating].into(),
                        fixed_ip: [10, 0, 0, fixed].into(),
                        centralized,
                        qos: None,
                    })
                    .collect(),
                port_forwardings: forwarding.into_iter().collect(),
                conntrack_helpers: helper.into_iter().collect(),
                meters,
                routes: routes.into_iter().map(route).collect(),
                host_mac: has_host_mac.then_some(wire::Mac([0xfa, 0x16, 0x3f, 0, 0, 1])),
                ha: ha.map(|port| Ha { port, vr_id: 1, priority: 50, advert_int_s: 2 }),
            }
        },
    )
}

pub fn fip() -> impl Strategy<Value = Fip> {
    (external_port(), select(vec!["203.0.113.1", "198.51.100.1"])).prop_map(|(port, via)| Fip {
        network_id: port.network_id,
        port,
        nexthops: vec![via.parse().expect("address")],
    })
}

fn route((destination, nexthop): (&str, &str)) -> HostRoute {
    HostRoute { destination: net(destination), nexthop: nexthop.parse().expect("address") }
}

fn forwarding() -> PortForwarding {
    PortForwarding {
        id: Uuid::from_u128(1).into(),
        floating_ip: [203, 0, 113, 20].into(),
        protocol: "tcp".into(),
        external_ports: Some((80, 80)),
        internal_ip: [10, 0, 0, 5].into(),
        internal_ports: Some((8080, 8080)),
        qos: None,
    }
}

fn helper() -> impl Strategy<Value = ConntrackHelper> {
    select(vec![21, 2121]).prop_map(|port| ConntrackHelper {
        protocol: "tcp".into(),
        port,
        helper: "ftp".into(),
    })
}

fn meter() -> impl Strategy<Value = Meter> {
    (select(vec![1, 2]), any::<bool>()).prop_map(|(label, excluded)| {
        let rule = MeterRule {
            direction: Direction::Egress,
            excluded,
            source: Some(net("10.0.0.0/24")),
            destination: None,
        };
        Meter { label: Uuid::from_u128(label).into(), rules: vec![rule] }
    })
}

fn gateway() -> impl Strategy<Value = Gateway> {
    let nexthop = select(vec!["203.0.113.1", "fd00::99"]);
    let proxies = prop::option::of(prop::collection::btree_set(select(vec!["fd00::7", "fd00::8"]), 0..3));
    let all = (external_port(), prop::option::of(nexthop), any::<bool>(), proxies);
    all.prop_map(|(port, nexthop, enable_snat, proxies)| {
        let address = |ip: &str| ip.parse().expect("address");
        Gateway {
            port,
            nexthops: nexthop.into_iter().map(|ip| ip.parse().expect("address")).collect(),
            enable_snat,
            qos: None,
            ndp_proxies: proxies.map(|proxies| proxies.into_iter().map(address).collect()),
        }
    })
}

fn interface() -> impl Strategy<Value = Interface> {
    (port(), prop::option::of(port())).prop_map(|(port, snat)| {
        let subnet = RouterSubnet {
            id: Uuid::from_u128(7).into(),
            cidr: net("10.0.0.0/24"),
            ipv6_ra_mode: None,
            dns_nameservers: Vec::new(),
        };
        // In the same network, as the interface.
        let snat = snat.filter(|snat| snat.network_id == port.network_id);
        Interface { port, subnets: vec![subnet], snat }
    })
}

/// Mostly of one network, so that hosts have ways to where routers lead.
fn external_port() -> impl Strategy<Value = RouterPort> {
    let ids = select(vec![2u128, 5]).prop_map(|n| PortId(Uuid::from_u128((0xf0 + n) << 120 | 0xbb)));
    let most = (ids, port()).prop_map(|(port_id, port)| RouterPort {
        port_id,
        network_id: network_of(port_id),
        ..port
    });
    prop_oneof![4 => most, 1 => port()]
}

fn port() -> impl Strategy<Value = RouterPort> {
    let addresses = select(vec!["10.0.0.1/24", "10.0.0.2/24", "203.0.113.5/24", "fd00::1/64"]);
    (port_id(), mac(), prop::collection::btree_set(addresses, 0..3)).prop_map(|(port_id, mac, addresses)| {
        RouterPort {
            port_id,
            network_id: network_of(port_id),
            mac,
            addresses: addresses.into_iter().map(net).collect(),
        }
    })
}

fn net(text: &str) -> IpNet {
    text.parse().expect("net")
}
