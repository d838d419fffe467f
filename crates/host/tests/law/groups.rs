//! Groups over the same few ports, members and nets.

use std::collections::BTreeSet;

use ipnet::IpNet;
use model::desired::{Addresses, Direction, Ethertype, Group, GroupRule, Member, Part, Ports, RemoteSide};
use model::{AddressGroupId, SecurityGroupId};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use super::port_id;

pub fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => group().prop_map(Part::Group),
        3 => member().prop_map(Part::Member),
        1 => addresses().prop_map(Part::Addresses),
    ]
}

pub fn of_port() -> impl Strategy<Value = Option<BTreeSet<SecurityGroupId>>> {
    prop::option::of(prop::collection::btree_set(group_id(), 0..3))
}

fn group() -> impl Strategy<Value = Group> {
    (group_id(), any::<bool>(), prop::collection::btree_set(rule(), 0..5))
        .prop_map(|(id, stateful, rules)| Group { id, stateful, rules })
}

fn rule() -> impl Strategy<Value = GroupRule> {
    let direction = select(vec![Direction::Ingress, Direction::Egress]);
    let ethertype = select(vec![Ethertype::V4, Ethertype::V6]);
    let what = prop_oneof![
        2 => Just((None, Ports::Any)),
        1 => Just((Some(132), Ports::Any)),
        1 => Just((Some(6), Ports::Any)),
        3 => (0..4u16, 0..4u16).prop_map(|(first, more)| {
            (Some(6), Ports::Range { first: 80 + first, last: 80 + first + more })
        }),
        1 => Just((Some(1), Ports::Icmp { kind: 8, code: None })),
        1 => Just((Some(58), Ports::Icmp { kind: 128, code: Some(0) })),
        1 => Just((Some(1), Ports::Icmp { kind: 3, code: Some(4) })),
    ];
    let remote = prop_oneof![
        2 => Just(RemoteSide::Any),
        2 => net().prop_map(RemoteSide::Prefix),
        4 => group_id().prop_map(RemoteSide::Group),
        1 => addresses_id().prop_map(RemoteSide::Addresses),
    ];
    (direction, ethertype, what, remote).prop_map(|(direction, ethertype, (protocol, ports), remote)| {
        GroupRule { direction, ethertype, protocol, ports, remote }
    })
}

fn member() -> impl Strategy<Value = Member> {
    let groups = prop::collection::btree_set(group_id(), 0..3);
    (port_id(), groups, prop::collection::btree_set(net(), 0..4))
        .prop_map(|(port_id, groups, addresses)| Member { port_id, groups, addresses })
}

fn addresses() -> impl Strategy<Value = Addresses> {
    (addresses_id(), prop::collection::btree_set(net(), 0..5)).prop_map(|(id, nets)| Addresses { id, nets })
}

/// Hosts, and nets of which some are in others.
fn net() -> impl Strategy<Value = IpNet> {
    let nets = vec![
        "10.0.0.5/32",
        "10.0.0.6/32",
        "10.0.0.7/24",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "0.0.0.0/0",
        "192.0.2.0/25",
        "192.0.2.128/25",
        "255.255.255.0/24",
        "fd00::5/128",
        "fd00::/64",
        "fd00::/16",
        "::/0",
        "ff00::/8",
    ];
    select(nets).prop_map(|net| net.parse().expect("net"))
}

pub fn group_id() -> impl Strategy<Value = SecurityGroupId> {
    (0..3u128).prop_map(|n| SecurityGroupId(Uuid::from_u128((0xd0 + n) << 120 | 0xdd)))
}

fn addresses_id() -> impl Strategy<Value = AddressGroupId> {
    (0..2u128).prop_map(|n| AddressGroupId(Uuid::from_u128((0xc0 + n) << 120 | 0xee)))
}
