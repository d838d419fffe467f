use std::net::IpAddr;

use model::api::port::{AddressPair, FixedIp};
use model::{NetworkId, PortId, SubnetId};
use uuid::Uuid;

use super::*;
use crate::port::test_port;

const ONE: SecurityGroupId = SecurityGroupId(Uuid::from_u128(1));
const TWO: SecurityGroupId = SecurityGroupId(Uuid::from_u128(2));

fn port(host: &str, groups: &[SecurityGroupId]) -> Port {
    let ip: IpAddr = [10, 0, 0, 5].into();
    let fixed = FixedIp { subnet_id: SubnetId(Uuid::nil()), ip_address: ip };
    Port {
        port_security_enabled: true,
        group_ids: Some(groups.iter().copied().collect()),
        host: host.into(),
        vif_type: if host.is_empty() { "unbound" } else { "tap" }.into(),
        ..test_port(PortId(Uuid::from_u128(9)), NetworkId(Uuid::nil()), vec![fixed])
    }
}

fn touches(before: Option<&Port>, after: Option<&Port>) -> Vec<String> {
    let mut out = Vec::new();
    of_port(&mut out, before, after);
    let text = |touch: Touch| match touch {
        Touch::Namers { named, key } => format!("namers of {} {}", named.as_u128(), key.kind.as_str()),
        Touch::Part { host, key } => format!("{host} {}", key.kind.as_str()),
        Touch::Group { host, group } => format!("{host} {}", group.0.as_u128()),
        other => panic!("{other:?}"),
    };
    out.into_iter().map(text).collect()
}

#[test]
fn whom_a_port_touches_by_its_groups() {
    let open = Port { port_security_enabled: false, ..port("a", &[]) };
    let renamed = Port { dns_name: "other".into(), ..port("a", &[ONE]) };
    let moved_addresses = Port { fixed_ips: vec![], ..port("a", &[ONE]) };
    let pair = AddressPair { mac_address: wire::Mac::ZERO, ip_address: "10.9.0.1/24".into() };
    let paired = Port { allowed_address_pairs: vec![pair], ..port("a", &[ONE]) };
    let trusted = Port { device_owner: "network:dhcp".into(), ..port("a", &[ONE]) };
    let older = Port { group_ids: None, ..port("a", &[]) };
    type Case<'a> = (&'a str, Option<&'a Port>, Option<&'a Port>, &'a [&'a str]);
    let cases: [Case<'_>; 14] = [
        ("made", None, Some(&port("a", &[ONE])), &["namers of 1 member", "a 1"]),
        ("made nowhere", None, Some(&port("", &[ONE])), &["namers of 1 member"]),
        ("made without", None, Some(&port("a", &[])), &[]),
        ("made open", None, Some(&open), &[]),
        ("made for a service", None, Some(&trusted), &[]),
        ("renamed", Some(&port("a", &[ONE])), Some(&renamed), &[]),
        ("other addresses", Some(&port("a", &[ONE])), Some(&moved_addresses), &["namers of 1 member"]),
        ("a pair more", Some(&port("a", &[ONE])), Some(&paired), &["namers of 1 member"]),
        ("moved", Some(&port("a", &[ONE])), Some(&port("b", &[ONE])), &["a member", "a 1", "b 1"]),
        ("bound", Some(&port("", &[ONE])), Some(&port("a", &[ONE])), &["a 1"]),
        (
            "a group more",
            Some(&port("a", &[ONE])),
            Some(&port("a", &[ONE, TWO])),
            &["namers of 1 member", "namers of 2 member", "a 2"],
        ),
        ("gone", Some(&port("a", &[ONE])), None, &["namers of 1 member", "a member", "a 1"]),
        ("from before groups", Some(&older), Some(&port("a", &[ONE])), &["namers of 1 member", "a 1"]),
        ("opened", Some(&port("a", &[ONE])), Some(&open), &["namers of 1 member", "a member", "a 1"]),
    ];
    for (what, before, after, want) in cases {
        assert_eq!(touches(before, after), want, "{what}");
    }
}

#[test]
fn a_member_is_known_by_its_addresses_and_pairs() {
    let pair = AddressPair { mac_address: wire::Mac::ZERO, ip_address: "10.9.0.1/24".into() };
    let port = Port { allowed_address_pairs: vec![pair], ..port("", &[ONE]) };
    let member = member(&port).expect("a member");
    let nets: Vec<String> = member.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(nets, ["10.0.0.5/32", "10.9.0.0/24"]);
}
