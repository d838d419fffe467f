//! Where instances reach their host's gateways: two addresses beside those of a network's DHCP, in its
//! namespace, from which nothing leads on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::desired::Dhcp;

use crate::leg::Leg;
use crate::names;
use crate::op::{Of, Sysctl};
use crate::router::Room;

/// Where instances ask for what is theirs to know, wherever they are.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The same on a link without IPv4.
pub const ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);

/// The leg answers for the gateways too.
pub(crate) fn settle(leg: &mut Leg) {
    let v4 = Ipv4Net::new_assert(ADDRESS, 32);
    let v6 = Ipv6Net::new_assert(ADDRESS_V6, 64);
    leg.addresses.extend([IpNet::V4(v4), IpNet::V6(v6)]);
}

/// Whatever the host's own namespace does: nothing is passed on, and nobody on the link tells of routes.
pub(crate) fn room(dhcp: &Dhcp, has_ipv6: bool) -> Room {
    let mut room = Room::default();
    for setting in [Sysctl::Ipv4Forward, Sysctl::Ipv6Forward, Sysctl::AcceptRa(Of::Default)] {
        room.sysctls.insert(setting, 0);
    }
    // A device that is too small for IPv6 has no such setting.
    if has_ipv6 {
        room.sysctls.insert(Sysctl::AcceptRa(Of::Device(names::dhcp_device(dhcp.port_id))), 0);
    }
    room
}

/// Whether an address of a namespace's device is one of these, and not of the kernel's making.
pub fn is_one(ip: IpAddr) -> bool {
    ip == IpAddr::V4(ADDRESS) || ip == IpAddr::V6(ADDRESS_V6)
}
