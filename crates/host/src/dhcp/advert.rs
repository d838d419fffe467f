//! Router advertisements (RFC 4861 section 6.2, RFC 4862, RFC 8106).
//!
//! They tell prefixes, MTU and name servers, of a network's DHCP port and of a router's legs. The
//! DHCP port is no router: it says so by a lifetime of zero, and no host takes a default route from
//! it.

use std::net::Ipv6Addr;

use model::desired::Ipv6Mode;
use wire::icmpv6::router::{Advertisement, Solicitation};
use wire::icmpv6::{self, NdOption, PrefixInfo};
use wire::{Mac, ipv6};

use super::subnet::Subnet6;
use super::{LEASE_S, frame};

/// Neutron's radvd tells prefixes preferred for four hours (RFC 4861 says a week).
const PREFERRED_S: u32 = 14_400;
/// Three times the longest interval between advertisements (RFC 8106 section 5.1).
const RDNSS_S: u32 = 1_800;
/// With these limits an advertisement fits the least IPv6 MTU, 1280 bytes.
const MAX_PREFIXES: usize = 33;
const MAX_SERVERS: usize = 8;

/// Who advertises, and what.
pub(super) struct Advertiser<'a> {
    pub mac: Mac,
    pub mtu_bytes: u32,
    /// How long hosts may use it as default router; zero of none.
    pub router_lifetime_s: u16,
    pub subnets: &'a [Subnet6],
}

/// The answer to a router solicitation: to the asker alone if it has an address already.
pub(super) fn answer(by: &Advertiser<'_>, from: Mac, packet: ipv6::View<'_>) -> Option<Vec<u8>> {
    let (src, dst) = (packet.src(), packet.dst());
    let ours = dst == ipv6::ALL_ROUTERS || dst == ipv6::link_local(by.mac);
    if !ours || packet.hop_limit() != icmpv6::HOP_LIMIT || src.is_multicast() {
        return None;
    }
    Solicitation::parse(packet.payload(), src, dst).ok()?;
    if src.is_unspecified() { unsolicited(by) } else { advertise(by, (from, src)) }
}

/// An advertisement to all nodes.
pub(super) fn unsolicited(by: &Advertiser<'_>) -> Option<Vec<u8>> {
    advertise(by, (ipv6::multicast_mac(ipv6::ALL_NODES), ipv6::ALL_NODES))
}

fn advertise(by: &Advertiser<'_>, to: (Mac, Ipv6Addr)) -> Option<Vec<u8>> {
    let told: Vec<_> = by.subnets.iter().filter(|subnet| subnet.ra_mode.is_some()).collect();
    if told.is_empty() {
        return None;
    }
    let managed = told.iter().any(|subnet| subnet.ra_mode == Some(Ipv6Mode::Dhcpv6Stateful));
    let other = told.iter().any(|subnet| subnet.ra_mode != Some(Ipv6Mode::Slaac));
    let router_lifetime_s = by.router_lifetime_s;
    let head = Advertisement { hop_limit: 64, managed, other, router_lifetime_s, ..Advertisement::default() };

    let mut servers: Vec<[u8; 16]> = Vec::new();
    for ip in told.iter().flat_map(|subnet| &subnet.dns) {
        if servers.len() < MAX_SERVERS && !servers.contains(&ip.octets()) {
            servers.push(ip.octets());
        }
    }
    let mut options = vec![NdOption::SourceLink(by.mac)];
    if by.mtu_bytes >= 1280 {
        options.push(NdOption::Mtu(by.mtu_bytes));
    }
    options.extend(told.iter().take(MAX_PREFIXES).map(|subnet| NdOption::Prefix(prefix(subnet))));
    if !servers.is_empty() {
        options.push(NdOption::Rdnss { lifetime_s: RDNSS_S, servers: &servers });
    }

    let src = ipv6::link_local(by.mac);
    let mut message = Vec::with_capacity(128);
    head.emit(&options, src, to.1, &mut message);
    frame::discovery((by.mac, src), to, &message)
}

fn prefix(subnet: &Subnet6) -> PrefixInfo {
    PrefixInfo {
        prefix: subnet.net.network(),
        prefix_len: subnet.net.prefix_len(),
        on_link: true,
        autonomous: subnet.ra_mode != Some(Ipv6Mode::Dhcpv6Stateful),
        valid_s: LEASE_S,
        preferred_s: PREFERRED_S,
    }
}
