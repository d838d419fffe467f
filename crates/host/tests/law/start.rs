//! Hosts to start from: devices of ours and of others in any state the kernel allows.

use std::collections::{BTreeMap, BTreeSet};

use host::Wanted;
use host::names::{self, Mark};
use host::observed::{InnerLink, Ipv6, Link, LinkKind, Namespace, Observed, TableMark};
use host::op::PortFlags;
use proptest::prelude::*;
use proptest::sample::select;
use wire::Mac;

use crate::want::{ip, mac, network_id, port_id, tunnel_ip};

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
    let netns = network_id().prop_map(names::dhcp_netns);
    let namespaces = prop::collection::btree_map(netns, namespace(), 0..3);
    (links, fdb, tunnels, floods, neighbours, tables, namespaces).prop_map(
        |(links, fdb, tunnels, floods, neighbours, tables, namespaces)| {
            let mut seen = Observed { links, tables, namespaces, ..Observed::default() };
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
    let device = port_id().prop_map(names::dhcp_device);
    prop::collection::btree_map(device, inner, 0..2).prop_map(|links| Namespace {
        id: 1,
        links,
        ..Namespace::default()
    })
}
