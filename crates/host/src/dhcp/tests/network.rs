//! One network with two IPv4 subnets and four IPv6 ones, and its ports.

use std::net::{IpAddr, Ipv6Addr};

use model::desired::{self, DhcpOption, DhcpSubnet, HostRoute, Ipv6Mode, Lease, LeaseAddress};
use model::{NetworkId, PortId, SubnetId};
use uuid::Uuid;
use wire::Mac;

use crate::dhcp::Network;

pub const SERVER: Mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 2]);
/// Has 10.0.0.5 and 2001:db8:3::5 (stateful).
pub const ALICE: Mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 5]);
/// Has 10.1.0.6 on the subnet without a gateway.
pub const BOB: Mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 6]);
/// Has no lease.
pub const MALLORY: Mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 0x66]);

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub fn subnet(id: u128, cidr: &str) -> DhcpSubnet {
    DhcpSubnet {
        id: SubnetId(Uuid::from_u128(id)),
        cidr: cidr.parse().expect("a prefix"),
        gateway_ip: None,
        dns_nameservers: Vec::new(),
        host_routes: Vec::new(),
        ipv6_ra_mode: None,
        ipv6_address_mode: None,
    }
}

pub fn subnet6(id: u128, cidr: &str, mode: Ipv6Mode) -> DhcpSubnet {
    DhcpSubnet { ipv6_ra_mode: Some(mode), ipv6_address_mode: Some(mode), ..subnet(id, cidr) }
}

pub fn part() -> desired::Dhcp {
    let route = HostRoute { destination: "10.9.0.0/16".parse().expect("a prefix"), nexthop: ip("10.0.0.9") };
    desired::Dhcp {
        network_id: NetworkId(Uuid::from_u128(1)),
        mtu_bytes: 1450,
        port_id: PortId(Uuid::from_u128(2)),
        mac: SERVER,
        addresses: ["10.0.0.2/24", "10.1.0.2/16", "2001:db8:3::2/64"]
            .map(|text| text.parse().expect("an address"))
            .to_vec(),
        dns_domain: Some("cloud.example".into()),
        subnets: vec![
            DhcpSubnet {
                gateway_ip: Some(ip("10.0.0.1")),
                dns_nameservers: vec![ip("10.0.0.53"), ip("9.9.9.9")],
                host_routes: vec![route],
                ..subnet(10, "10.0.0.0/24")
            },
            subnet(11, "10.1.0.0/16"),
            DhcpSubnet {
                dns_nameservers: vec![ip("2001:db8::53")],
                ..subnet6(12, "2001:db8:1::/64", Ipv6Mode::Slaac)
            },
            subnet6(13, "2001:db8:2::/64", Ipv6Mode::Dhcpv6Stateless),
            DhcpSubnet {
                dns_nameservers: vec![ip("2001:db8::53"), ip("2001:db8::54")],
                ..subnet6(14, "2001:db8:3::/64", Ipv6Mode::Dhcpv6Stateful)
            },
        ],
    }
}

pub fn lease(mac: Mac, addresses: &[(u128, &str)]) -> Lease {
    let address = |(subnet, text): &(u128, &str)| LeaseAddress {
        subnet_id: SubnetId(Uuid::from_u128(*subnet)),
        ip: ip(text),
    };
    Lease {
        port_id: PortId(Uuid::from_u128(u128::from(mac.0[5]))),
        network_id: NetworkId(Uuid::from_u128(1)),
        mac,
        hostname: format!("host-{}", mac.0[5]),
        addresses: addresses.iter().map(address).collect(),
        options: Vec::new(),
        instance: "instance".into(),
        project_id: "project".into(),
        orders: Vec::new(),
    }
}

pub fn alice() -> Lease {
    lease(ALICE, &[(10, "10.0.0.5"), (14, "2001:db8:3::5")])
}

pub fn network() -> Network {
    let mut network = Network::new(&part());
    network.set_lease(&alice());
    network.set_lease(&lease(BOB, &[(11, "10.1.0.6")]));
    network
}

/// The network, with extra options for Alice: `name=value`, for IPv6 if it begins with `6:`.
pub fn network_with(options: &[&str]) -> Network {
    let mut network = network();
    network.set_lease(&Lease { options: options.iter().map(|text| option(text)).collect(), ..alice() });
    network
}

pub fn option(text: &str) -> DhcpOption {
    let (ip_version, text) = text.strip_prefix("6:").map_or((4, text), |rest| (6, rest));
    let (name, value) = text.split_once('=').expect("name=value");
    DhcpOption { name: name.into(), value: value.into(), ip_version }
}

pub fn link_local(mac: Mac) -> Ipv6Addr {
    wire::ipv6::link_local(mac)
}
