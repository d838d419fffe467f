//! A port as its DHCP client sees it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::desired::{Ipv6Mode, Lease, LeaseAddress};
use model::{PortId, SubnetId};

use super::options::{Extra, Extras};
use super::subnet::{Subnet4, Subnet6};

/// A port, with its extra options read.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub port: PortId,
    pub hostname: String,
    pub options4: Vec<Extra>,
    pub options6: Vec<Extra>,
    addresses: Vec<LeaseAddress>,
}

impl Client {
    pub fn new(lease: &Lease) -> Client {
        let extras = Extras::read(&lease.options);
        Client {
            port: lease.port_id,
            hostname: lease.hostname.clone(),
            options4: extras.v4,
            options6: extras.v6,
            addresses: lease.addresses.clone(),
        }
    }

    /// The port's IPv4 addresses, each with its subnet, as far as they are served.
    pub fn bindings4<'a>(&self, subnets: &'a [Subnet4]) -> Vec<(&'a Subnet4, Ipv4Addr)> {
        self.bindings(|id, ip| {
            let IpAddr::V4(ip) = ip else { return None };
            let subnet = subnets.iter().find(|subnet| subnet.id == id)?;
            subnet.net.contains(&ip).then_some((subnet, ip))
        })
    }

    /// The port's IPv6 addresses, each with its subnet; those that DHCPv6 assigns, or all.
    pub fn bindings6<'a>(&self, subnets: &'a [Subnet6], stateful_only: bool) -> Vec<(&'a Subnet6, Ipv6Addr)> {
        self.bindings(|id, ip| {
            let IpAddr::V6(ip) = ip else { return None };
            let subnet = subnets.iter().find(|subnet| subnet.id == id)?;
            let stateful = subnet.address_mode == Some(Ipv6Mode::Dhcpv6Stateful);
            (subnet.net.contains(&ip) && (stateful || !stateful_only)).then_some((subnet, ip))
        })
    }

    fn bindings<T>(&self, known: impl Fn(SubnetId, IpAddr) -> Option<T>) -> Vec<T> {
        self.addresses.iter().filter_map(|address| known(address.subnet_id, address.ip)).collect()
    }
}
