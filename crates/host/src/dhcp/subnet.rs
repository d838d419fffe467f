//! What DHCP and router advertisements say about a subnet, sorted by IP version.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::SubnetId;
use model::desired::{self, DhcpSubnet, Ipv6Mode, RouterSubnet};

/// An IPv4 subnet.
#[derive(Clone, Debug)]
pub(super) struct Subnet4 {
    pub id: SubnetId,
    pub net: Ipv4Net,
    /// The DHCP port's address in the subnet: names the server and is the source of its answers.
    pub server: Ipv4Addr,
    pub gateway: Option<Ipv4Addr>,
    pub dns: Vec<Ipv4Addr>,
    /// Without a default route.
    pub routes: Vec<(Ipv4Net, Ipv4Addr)>,
    /// A router for those who know of no routes, where there is no gateway.
    pub last_resort: Option<Ipv4Addr>,
}

impl Subnet4 {
    /// The IPv4 subnets in which the DHCP port has an address; others cannot be served.
    pub fn all(part: &desired::Dhcp) -> Vec<Subnet4> {
        part.subnets.iter().filter_map(|subnet| Subnet4::new(part, subnet)).collect()
    }

    fn new(part: &desired::Dhcp, subnet: &DhcpSubnet) -> Option<Subnet4> {
        let IpNet::V4(net) = subnet.cidr else { return None };
        let server = part.addresses.iter().find_map(|own| match own.addr() {
            IpAddr::V4(ip) if net.contains(&ip) => Some(ip),
            _ => None,
        })?;
        let mut gateway = v4(subnet.gateway_ip);
        let mut routes = Vec::new();
        for route in &subnet.host_routes {
            let (IpNet::V4(to), IpAddr::V4(via)) = (route.destination, route.nexthop) else {
                continue;
            };
            // As in Neutron, a default route counts only where there is no gateway.
            if to.prefix_len() > 0 {
                routes.push((to.trunc(), via));
            } else if gateway.is_none() {
                gateway = Some(via);
            }
        }
        let dns = subnet.dns_nameservers.iter().filter_map(|ip| v4(Some(*ip))).collect();
        Some(Subnet4 { id: subnet.id, net: net.trunc(), server, gateway, dns, routes, last_resort: None })
    }
}

/// An IPv6 subnet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Subnet6 {
    pub id: SubnetId,
    pub net: Ipv6Net,
    pub dns: Vec<Ipv6Addr>,
    pub ra_mode: Option<Ipv6Mode>,
    pub address_mode: Option<Ipv6Mode>,
}

impl Subnet6 {
    /// The IPv6 subnets.
    pub fn all(part: &desired::Dhcp) -> Vec<Subnet6> {
        part.subnets.iter().filter_map(Subnet6::new).collect()
    }

    fn new(subnet: &DhcpSubnet) -> Option<Subnet6> {
        let IpNet::V6(net) = subnet.cidr else { return None };
        Some(Subnet6 {
            id: subnet.id,
            net: net.trunc(),
            dns: subnet.dns_nameservers.iter().filter_map(v6).collect(),
            ra_mode: subnet.ipv6_ra_mode,
            address_mode: subnet.ipv6_address_mode,
        })
    }

    /// The IPv6 subnets of a router's interface.
    pub fn of_router(subnets: &[RouterSubnet]) -> Vec<Subnet6> {
        let subnet = |subnet: &RouterSubnet| {
            let IpNet::V6(net) = subnet.cidr else { return None };
            Some(Subnet6 {
                id: subnet.id,
                net: net.trunc(),
                dns: subnet.dns_nameservers.iter().filter_map(v6).collect(),
                ra_mode: subnet.ipv6_ra_mode,
                address_mode: None,
            })
        };
        subnets.iter().filter_map(subnet).collect()
    }
}

const fn v6(ip: &IpAddr) -> Option<Ipv6Addr> {
    match ip {
        IpAddr::V6(ip) if !ip.is_unspecified() => Some(*ip),
        _ => None,
    }
}

/// An IPv4 address that says something: Neutron takes `0.0.0.0` for "none".
fn v4(ip: Option<IpAddr>) -> Option<Ipv4Addr> {
    match ip {
        Some(IpAddr::V4(ip)) if !ip.is_unspecified() => Some(ip),
        _ => None,
    }
}
