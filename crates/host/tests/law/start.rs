//! Hosts to start from: devices of ours and of others in any state the kernel allows.

use std::collections::{BTreeMap, BTreeSet};

use host::Wanted;
use host::names::{self, Mark, Netns};
use host::observed::{InnerLink, Ipv6, Link, LinkKind, Namespace, Observed, TableMark};
use host::op::{Of, PortFlags, Route, Rule, Sysctl};
use host::secgroup::{self, At, ChainMark, Filter, Item, Set, Value};
use model::desired::{Direction, Ethertype};
use proptest::prelude::*;
use proptest::sample::select;
use wire::Mac;

use crate::want::groups::group_id;
use crate::want::{ip, mac, network_id, port_id, router_id, tunnel_ip};

/// A host with its physical interface and the taps of two instances.
pub fn bare() -> Observed {
    let mut seen = Observed::default();
    let taps = [0xf0u128, 0xf1].map(|n| names::tap(model::PortId(uuid::Uuid::from_u128(n << 120 | 0xbb))));
    for (index, name) in taps.into_iter().chain(["eth1".to_owned()]).enumerate() {
        let index = 2 + index as u32;
        seen.links.insert(name, Link { index, ..plain_link() });
    }
    seen
}

pub fn observed() -> impl Strategy<Value = Observed> {
    let links = prop::collection::btree_map(name(), link(), 0..12);
    let fdb = prop::collection::vec((bridge(), mac(), name()), 0..8);
    let tunnels = prop::collection::vec((vxlan(), mac(), tunnel_ip()), 0..6);
    let floods = prop::collection::vec((vxlan(), tunnel_ip()), 0..4);
    let neighbours = prop::collection::vec((bridge(), ip(), mac()), 0..6);
    let table = prop_oneof![bridge(), tap()].prop_map(|device| names::table(&device));
    let mark = (0..3u64, 0..12u32).prop_map(|(hash, index)| TableMark { hash, index });
    let tables = prop::collection::btree_map(table, mark, 0..4);
    let netns = prop_oneof![
        2 => network_id().prop_map(Netns::Dhcp),
        2 => router_id().prop_map(Netns::Router),
        1 => router_id().prop_map(Netns::Snat),
        1 => network_id().prop_map(Netns::Fip),
    ];
    let netns = netns.prop_map(|netns| netns.to_string());
    let namespaces = prop::collection::btree_map(netns, namespace(), 0..5);
    let others = (namespaces, filter());
    (links, fdb, tunnels, floods, neighbours, tables, others).prop_map(
        |(links, fdb, tunnels, floods, neighbours, tables, (namespaces, filter))| {
            let mut seen = Observed { links, tables, namespaces, filter, ..Observed::default() };
            settle(&mut seen);
            let vxlans: BTreeSet<String> = vxlans(&seen);
            for (bridge, mac, port) in fdb {
                if seen.links.get(&port).is_some_and(|link| link.master.as_ref() == Some(&bridge)) {
                    seen.fdb.entry(bridge).or_default().insert(mac, port);
                }
            }
            for (device, mac, dst) in tunnels.into_iter().filter(|t| vxlans.contains(&t.0)) {
                seen.tunnels.entry(device).or_default().insert(mac, dst);
            }
            for (device, dst) in floods.into_iter().filter(|t| vxlans.contains(&t.0)) {
                seen.floods.entry(device).or_default().insert(dst);
            }
            let bridges = bridges(&seen);
            for (device, ip, mac) in neighbours.into_iter().filter(|t| bridges.contains(&t.0)) {
                seen.neighbours.entry(device).or_default().insert(ip, mac);
            }
            seen
        },
    )
}

/// What may be left in tables of ours.
fn filter() -> impl Strategy<Value = Filter> {
    let chain = prop_oneof![
        2 => select(secgroup::ground()).prop_map(|chain| chain.at),
        2 => port_id().prop_map(|id| At::bridge(names::port_chain(id, Direction::Ingress))),
        2 => group_id().prop_map(|id| At::bridge(format!("g-in-{id}"))),
        1 => Just(At::bridge("strange")),
    ];
    let mark = (0..2u64, 0..3usize).prop_map(|(hash, rules)| ChainMark { hash, rules });
    let net =
        select(vec!["10.0.0.5/32", "10.0.0.99/32"]).prop_map(|net| Item::Net(net.parse().expect("net")));
    let hosts = prop::collection::btree_map(net, Just(Value::None), 0..3);
    let device = prop_oneof![bridge(), tap()].prop_map(Item::Device);
    let zones = prop::collection::btree_map(device.clone(), (0..4u16).prop_map(Value::Zone), 0..4);
    let ways = prop::collection::btree_map(device, Just(Value::Goto("in-1".to_owned())), 0..3);
    let set = prop_oneof![
        (group_id(), hosts).prop_map(|(id, items)| (Set::Hosts(Ethertype::V4, id).at(), items)),
        zones.prop_map(|items| (Set::Zones.at(), items)),
        ways.prop_map(|items| (Set::WaysIn.at(), items)),
        Just((At::inet("strange"), BTreeMap::new())),
    ];
    let sets = prop::collection::btree_map(Just(()), set, 0..2);
    let chains = prop::collection::btree_map(chain, mark, 0..6);
    (chains, sets, prop::option::of(any::<bool>())).prop_map(|(chains, sets, bridged)| Filter {
        chains,
        sets: sets.into_values().collect(),
        bridged,
    })
}

/// Devices that are neither marked as ours nor wanted, and in no bridge that is.
pub fn foreign(want: &Wanted, seen: &Observed) -> BTreeMap<String, Link> {
    let ours = |name: &String| seen.links.get(name).is_some_and(|l| Mark::parse(&l.alias).is_some());
    let known = |name: &String| ours(name) || !want.keys_of_device(name).is_empty();
    seen.links
        .iter()
        .filter(|(name, link)| !known(name) && !link.master.as_ref().is_some_and(known))
        .map(|(name, link)| (name.clone(), link.clone()))
        .collect()
}

/// A host without what differs from making to making: indexes.
pub fn shape(seen: &Observed) -> Observed {
    let mut shape = seen.clone();
    shape.links.values_mut().for_each(|link| link.index = 0);
    shape.tables.values_mut().for_each(|mark| mark.index = 0);
    shape.namespaces.values_mut().for_each(|namespace| namespace.id = 0);
    // Zones differ by the order in which networks came, and the setting outlasts those it was for.
    for value in shape.filter.sets.values_mut().flat_map(BTreeMap::values_mut) {
        if let Value::Zone(zone) = value {
            *zone = 0;
        }
    }
    shape.filter.bridged = None;
    // A tap that was let go keeps what it was given; it is nobody's.
    shape.links.retain(|name, link| !names::is_tap(name) || link.master.is_some());
    if let Some(link) = shape.links.get_mut("eth1").filter(|link| link.master.is_none()) {
        *link = Link { index: 0, ..plain_link() };
    }
    shape
}

fn settle(seen: &mut Observed) {
    let bridges = bridges(seen);
    for (index, link) in seen.links.values_mut().enumerate() {
        link.index = 1 + index as u32;
        let bridge = matches!(link.kind, LinkKind::Bridge { .. });
        link.master = link.master.take().filter(|master| !bridge && bridges.contains(master));
        link.port = if link.master.is_some() { link.port.or(Some(PortFlags::OPEN)) } else { None };
    }
}

fn bridges(seen: &Observed) -> BTreeSet<String> {
    let links = seen.links.iter();
    links.filter(|(_, l)| matches!(l.kind, LinkKind::Bridge { .. })).map(|(name, _)| name.clone()).collect()
}

fn vxlans(seen: &Observed) -> BTreeSet<String> {
    let links = seen.links.iter();
    links.filter(|(_, l)| matches!(l.kind, LinkKind::Vxlan { .. })).map(|(name, _)| name.clone()).collect()
}

fn plain_link() -> Link {
    Link {
        index: 0,
        kind: LinkKind::Other,
        mac: Mac::ZERO,
        up: false,
        mtu_bytes: 1500,
        master: None,
        alias: String::new(),
        made: false,
        ipv6: Ipv6::On,
        port: None,
    }
}

fn bridge() -> impl Strategy<Value = String> {
    network_id().prop_map(names::bridge)
}

fn tap() -> impl Strategy<Value = String> {
    port_id().prop_map(names::tap)
}

fn vxlan() -> impl Strategy<Value = String> {
    (100u32..103).prop_map(names::vxlan)
}

fn name() -> impl Strategy<Value = String> {
    let others = vec!["eth1", "eth1.7", "docker0", "brq-mine", "vxlan-9"];
    prop_oneof![4 => bridge(), 4 => tap(), 4 => vxlan(), 3 => select(others).prop_map(str::to_owned)]
}

fn link() -> impl Strategy<Value = Link> {
    let alias = prop_oneof![
        3 => Just(String::new()),
        1 => Just("uplink to rack 4".to_owned()),
        3 => network_id().prop_map(|id| Mark::Network(id).to_string()),
        2 => network_id().prop_map(|id| Mark::Dhcp(id).to_string()),
        2 => router_id().prop_map(|id| Mark::Router(id).to_string()),
        1 => network_id().prop_map(|id| Mark::Fip(id).to_string()),
    ];
    let ipv6 = select(vec![Ipv6::Off, Ipv6::Silent, Ipv6::On]);
    let flags = any::<[bool; 5]>().prop_map(|[learning, flood, broadcast, hairpin, suppress]| PortFlags {
        learning,
        flood,
        broadcast,
        hairpin,
        suppress,
    });
    let master = prop::option::of(prop_oneof![3 => bridge(), 1 => Just("docker0".to_owned())]);
    (kind(), any::<bool>(), select(vec![576, 1450, 1500]), master, alias, ipv6, flags).prop_map(
        |(kind, up, mtu_bytes, master, alias, ipv6, flags)| Link {
            kind,
            up,
            mtu_bytes,
            master,
            alias,
            ipv6,
            port: Some(flags),
            ..plain_link()
        },
    )
}

fn kind() -> impl Strategy<Value = LinkKind> {
    let vxlan =
        (100u32..103, prop::option::of(tunnel_ip()), any::<bool>()).prop_map(|(vni, local, learning)| {
            LinkKind::Vxlan { vni, local, port: 4789, learning, proxy: false }
        });
    prop_oneof![
        3 => any::<bool>().prop_map(|plain| LinkKind::Bridge { plain }),
        3 => vxlan,
        1 => Just(LinkKind::Vlan { parent: "eth1".into(), vid: 7 }),
        2 => Just(LinkKind::Veth),
        2 => Just(LinkKind::Other),
    ]
}

fn namespace() -> impl Strategy<Value = Namespace> {
    let net = select(vec!["10.0.0.2/24", "10.0.0.9/24"]).prop_map(|net| net.parse().expect("net"));
    let inner = (mac(), any::<bool>(), prop::collection::btree_set(net, 0..2))
        .prop_map(|(mac, up, addresses)| InnerLink { index: 2, mac, up, mtu_bytes: 1500, addresses });
    let device = (port_id(), router_id(), 0..7u8).prop_map(|(port, router, kind)| match kind {
        0 => names::dhcp_device(port),
        1 => names::interface_device(port),
        2 => names::gateway_device(port),
        3 => names::snat_device(port),
        4 => names::fip_device(port),
        5 => names::to_fip_device(router),
        _ => names::to_router_device(router),
    });
    let links = prop::collection::btree_map(device, inner, 0..3);
    let route =
        (select(vec![16u32, 254]), select(vec!["0.0.0.0/0", "203.0.113.9/32", "fd00:9::/64"]), 0..3usize);
    let routes = prop::collection::vec(route, 0..3);
    let rule = (select(vec![32768u32, 32769]), select(vec!["10.0.0.5/32", "10.0.0.0/24"]));
    let rules = prop::collection::vec(rule, 0..3);
    let sysctls = prop::collection::vec((any::<bool>(), 0..2u32), 0..2);
    let table = prop::option::of(0..2u64);
    (links, routes, rules, sysctls, table).prop_map(|(links, routes, rules, sysctls, table)| {
        let devices: Vec<String> = links.keys().cloned().collect();
        let mut seen = Namespace { id: 1, links, table, ..Namespace::default() };
        for (table, to, device) in routes {
            let Some(device) = devices.get(device).cloned() else { continue };
            let to = to.parse().expect("net");
            seen.routes.retain(|route: &Route| (route.table, route.to) != (table, to));
            seen.routes.insert(Route { table, to, via: None, device, onlink: false });
        }
        for (priority, from) in rules {
            seen.rules.insert(Rule { priority, from: from.parse().expect("net"), table: 16 });
        }
        for (forward, value) in sysctls {
            seen.sysctls.insert(if forward { Sysctl::Ipv4Forward } else { Sysctl::RpFilter(Of::All) }, value);
        }
        for device in devices.iter().take(1) {
            let known = [("169.254.64.0".parse().expect("address"), Mac([6, 0, 0, 0, 0, 9]))];
            seen.neighbours.insert(device.clone(), known.into());
        }
        seen
    })
}
