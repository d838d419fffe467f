//! Desired states over few networks, MACs and addresses, so that they often meet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use host::{Settings, Wanted};
use ipnet::IpNet;
use model::desired::{
    AddressPair, Dhcp, Key, Kind, Limit, LocalIp, Log, Network, Packets, Part, Port, Qos, Remote, Segment,
    Trunked,
};
use model::{NetworkId, PortId, RouterId};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;
use wire::Mac;

#[path = "groups.rs"]
pub mod groups;
#[path = "routers.rs"]
pub mod routers;

pub type Parts = BTreeMap<Key, Part>;

pub fn want(parts: Parts) -> Wanted {
    let mut wanted = Wanted::new(settings());
    for part in parts.into_values() {
        wanted.put(part);
    }
    wanted
}

pub fn settings() -> Settings {
    Settings {
        tunneling_ip: Some(IpAddr::from([192, 0, 2, 1])),
        vxlan_port: 4789,
        interface_mappings: [("physnet".to_owned(), "eth1".to_owned())].into(),
        gateways: true,
    }
}

/// Parts by key; no two networks share a segment, as no server would have it.
pub fn parts() -> impl Strategy<Value = Parts> {
    together(prop::collection::vec(part(), 0..14))
}

/// Little but routers and what they need.
pub fn routed() -> impl Strategy<Value = Parts> {
    let part = prop_oneof![
        3 => network().prop_map(Part::Network),
        4 => routers::router().prop_map(Part::Router),
        2 => routers::fip().prop_map(Part::Fip),
    ];
    together(prop::collection::vec(part, 4..12))
}

/// Little but groups, who is in them, and ports that have them.
pub fn grouped() -> impl Strategy<Value = Parts> {
    let part = prop_oneof![
        1 => network().prop_map(Part::Network),
        2 => port().prop_map(Part::Port),
        5 => groups::part(),
    ];
    together(prop::collection::vec(part, 4..16))
}

fn together(parts: impl Strategy<Value = Vec<Part>>) -> impl Strategy<Value = Parts> {
    parts.prop_map(|parts| {
        let mut segments = BTreeSet::new();
        let mut macs: BTreeMap<(NetworkId, Mac, bool), PortId> = BTreeMap::new();
        let mut all = Parts::new();
        for part in parts {
            if all.contains_key(&part.key()) {
                continue;
            }
            let fresh = match &part {
                Part::Network(network) => segments.insert(format!("{:?}", network.segment)),
                // A MAC is one port's in its network: one here, the same or another elsewhere.
                Part::Port(Port { mac, id, network_id, .. })
                | Part::Remote(Remote { mac, port_id: id, network_id, .. })
                | Part::Dhcp(Dhcp { mac, port_id: id, network_id, .. }) => {
                    let is_remote = matches!(part, Part::Remote(_));
                    macs.entry((*network_id, *mac, is_remote)).or_insert(*id) == id
                }
                Part::Router(router) => routers::ports(router).into_iter().all(|port| {
                    macs.entry((port.network_id, port.mac, false)).or_insert(port.port_id) == &port.port_id
                }),
                Part::Fip(fip) => {
                    let at = (fip.network_id, fip.port.mac, false);
                    macs.entry(at).or_insert(fip.port.port_id) == &fip.port.port_id
                }
                Part::Lease(_) | Part::Group(_) | Part::Member(_) | Part::Addresses(_) => true,
            };
            if fresh {
                all.insert(part.key(), part);
            }
        }
        one_user_per_tap(all)
    })
}

/// What leads from one state to the other, in some order.
pub fn changes(before: &Parts, after: &Parts, order: u64) -> Vec<(Key, Option<Part>)> {
    let keys: BTreeSet<Key> = before.keys().chain(after.keys()).copied().collect();
    let changed = keys.into_iter().filter(|key| before.get(key) != after.get(key));
    let mut changes: Vec<_> = changed.map(|key| (key, after.get(&key).cloned())).collect();
    let mix = |key: &Key| (key.id.as_u128() as u64 ^ order).wrapping_mul(order | 1).rotate_left(17);
    changes.sort_by_key(|(key, _)| (mix(key), *key));
    // A segment is free before another network takes it.
    let is_network = |key: &&Key| key.kind == Kind::Network && before.get(key) != after.get(key);
    let freed = before.keys().filter(is_network).map(|key| (*key, None));
    freed.chain(changes).collect()
}

/// A port and a DHCP part share a device only if they are the same port of the same network.
fn one_user_per_tap(parts: Parts) -> Parts {
    let ports: BTreeMap<Uuid, (NetworkId, Mac)> = parts
        .values()
        .filter_map(|part| match part {
            Part::Port(port) => Some((port.id.0, (port.network_id, port.mac))),
            _ => None,
        })
        .collect();
    let mut taken = BTreeSet::new();
    let fits = |part: &Part, taken: &mut BTreeSet<Uuid>| match part {
        Part::Dhcp(dhcp) => {
            let port = ports.get(&dhcp.port_id.0);
            taken.insert(dhcp.port_id.0) && port.is_none_or(|port| *port == (dhcp.network_id, dhcp.mac))
        }
        // Ports of routers are nobody else's, but may be ports that are bound here.
        Part::Router(router) => {
            let mut own = BTreeSet::new();
            routers::ports(router).into_iter().all(|port| {
                let known = ports.get(&port.port_id.0);
                own.insert(port.port_id.0)
                    && taken.insert(port.port_id.0)
                    && known.is_none_or(|known| *known == (port.network_id, port.mac))
            })
        }
        Part::Fip(fip) => {
            let known = ports.get(&fip.port.port_id.0);
            taken.insert(fip.port.port_id.0)
                && known.is_none_or(|known| *known == (fip.network_id, fip.port.mac))
        }
        _ => true,
    };
    parts.into_iter().filter(|(_, part)| fits(part, &mut taken)).collect()
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => network().prop_map(Part::Network),
        4 => port().prop_map(Part::Port),
        4 => remote().prop_map(Part::Remote),
        2 => dhcp().prop_map(Part::Dhcp),
        3 => routers::router().prop_map(Part::Router),
        2 => routers::fip().prop_map(Part::Fip),
        4 => groups::part(),
    ]
}

fn network() -> impl Strategy<Value = Network> {
    let segment = prop_oneof![
        4 => (100u32..103).prop_map(|vni| Segment::Vxlan { vni }),
        1 => Just(Segment::Local),
        1 => Just(Segment::Flat { physical_network: "physnet".into() }),
        1 => Just(Segment::Flat { physical_network: "nowhere".into() }),
        1 => Just(Segment::Vlan { physical_network: "physnet".into(), vid: 7 }),
        1 => Just(Segment::Geneve { vni: 5 }),
    ];
    let peers = prop::collection::btree_set(tunnel_ip(), 0..3);
    (network_id(), select(vec![1000u32, 1450, 1500]), segment, peers, any::<bool>()).prop_map(
        |(id, mtu_bytes, segment, peers, roaming)| Network { id, mtu_bytes, segment, peers, roaming },
    )
}

pub fn port() -> impl Strategy<Value = Port> {
    let pair = (mac(), select(vec!["10.0.9.0/24", "0.0.0.0/0", "fd00::/16"]))
        .prop_map(|(mac, net)| AddressPair { mac, net: net.parse::<IpNet>().expect("net") });
    let allowed = prop::option::of(prop::collection::vec(pair, 0..2));
    let trusted = prop::bool::weighted(0.1);
    let ips = prop::collection::vec(ip(), 0..3);
    let other = (allowed, trusted, groups::of_port(), qos(), trunk(), local_ips(), logs());
    (port_id(), mac(), ips, any::<bool>(), other).prop_map(
        |(id, mac, fixed_ips, admin_state_up, (allowed, trusted, groups, qos, trunk, local_ips, logs))| {
            Port {
                id,
                network_id: network_of(id),
                mac,
                fixed_ips,
                admin_state_up,
                allowed,
                trusted,
                groups,
                qos,
                // Nobody is his own parent.
                trunk: trunk
                    .filter(|trunk| !matches!(trunk, Trunked::Tagged { parent, .. } if *parent == id)),
                local_ips,
                logs,
            }
        },
    )
}

fn logs() -> impl Strategy<Value = BTreeSet<Log>> {
    let one = (1u128..3, any::<bool>(), any::<bool>()).prop_map(|(id, accept, drop)| Log {
        id: Uuid::from_u128(id).into(),
        project_id: "p".into(),
        accept,
        drop,
    });
    prop_oneof![3 => Just(BTreeSet::new()), 1 => prop::collection::btree_set(one, 0..3)]
}

fn local_ips() -> impl Strategy<Value = BTreeSet<LocalIp>> {
    let one = (1u8..4, 1u8..4).prop_map(|(address, fixed_ip)| LocalIp {
        address: [10, 0, 100, address].into(),
        fixed_ip: (fixed_ip > 1).then_some([10, 0, 0, fixed_ip].into()),
    });
    prop_oneof![3 => Just(BTreeSet::new()), 1 => prop::collection::btree_set(one, 0..3)]
}

fn trunk() -> impl Strategy<Value = Option<Trunked>> {
    let vid = || 10u16..12;
    let of_parent = prop::collection::btree_set(vid(), 0..3).prop_map(|vids| Trunked::Parent { vids });
    let tagged = (port_id(), vid()).prop_map(|(parent, vid)| Trunked::Tagged { parent, vid });
    prop_oneof![6 => Just(None), 1 => of_parent.prop_map(Some), 2 => tagged.prop_map(Some)]
}

fn qos() -> impl Strategy<Value = Option<Qos>> {
    let limit = || {
        prop::option::of((0..20_000u32, 0..2u32).prop_map(|(kbps, n)| Limit { kbps, burst_kbits: n * 900 }))
    };
    let packets =
        || prop::option::weighted(0.2, (0..20_000u32).prop_map(|kpps| Packets { kpps, burst_kpackets: 0 }));
    let qos = (limit(), limit(), prop::option::of(select(vec![0u8, 46])), packets(), packets());
    prop::option::of(qos.prop_map(|(egress, ingress, dscp, egress_packets, ingress_packets)| Qos {
        egress,
        ingress,
        dscp,
        egress_packets,
        ingress_packets,
    }))
}

fn remote() -> impl Strategy<Value = Remote> {
    (port_id(), mac(), prop::collection::vec(ip(), 0..3), prop::option::weighted(0.9, tunnel_ip())).prop_map(
        |(port_id, mac, fixed_ips, tunnel_ip)| Remote {
            port_id,
            network_id: network_of(port_id),
            mac,
            fixed_ips,
            tunnel_ip,
        },
    )
}

fn dhcp() -> impl Strategy<Value = Dhcp> {
    let net = select(vec!["10.0.0.2/24", "10.0.0.3/24", "fd00::2/64"]);
    let addresses = prop::collection::vec(net, 0..3);
    (port_id(), mac(), addresses).prop_map(|(port_id, mac, addresses)| Dhcp {
        network_id: network_of(port_id),
        mtu_bytes: 1450,
        port_id,
        mac,
        addresses: addresses.into_iter().map(|net| net.parse().expect("net")).collect(),
        dns_domain: None,
        subnets: Vec::new(),
    })
}

/// A port stays in its network for life.
pub fn network_of(port: PortId) -> NetworkId {
    NetworkId(Uuid::from_u128((((port.0.as_u128() >> 120) % 3) << 120) | 0xaa))
}

pub fn network_id() -> impl Strategy<Value = NetworkId> {
    (0..3u128).prop_map(|n| NetworkId(Uuid::from_u128(n << 120 | 0xaa)))
}

pub fn port_id() -> impl Strategy<Value = PortId> {
    (0..6u128).prop_map(|n| PortId(Uuid::from_u128((0xf0 + n) << 120 | 0xbb)))
}

pub fn router_id() -> impl Strategy<Value = RouterId> {
    (0..2u128).prop_map(|n| RouterId(Uuid::from_u128((0xe0 + n) << 120 | 0xcc)))
}

pub fn mac() -> impl Strategy<Value = Mac> {
    (1..5u8).prop_map(|n| Mac([0xfa, 0x16, 0x3e, 0, 0, n]))
}

pub fn ip() -> impl Strategy<Value = IpAddr> {
    select(vec!["10.0.0.5", "10.0.0.6", "fd00::5", "fd00::6"]).prop_map(|ip| ip.parse().expect("address"))
}

pub fn tunnel_ip() -> impl Strategy<Value = IpAddr> {
    (2..5u8).prop_map(|n| IpAddr::from([192, 0, 2, n]))
}
