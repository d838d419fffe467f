//! Settings of a device that come with the link.

use host::op::Sysctl;
use nix::libc;

use super::{CONF_DISABLE_IPV6, INET6_CONF, setting};
use crate::netlink::attributes;

const INET_CONF: u16 = 1;

/// Places among a device's IPv4 settings.
const CONF_PROXY_ARP: usize = 2;
const CONF_SEND_REDIRECTS: usize = 5;
const CONF_RP_FILTER: usize = 7;
const CONF_ARP_ANNOUNCE: usize = 17;
const CONF_ARP_IGNORE: usize = 18;
/// Places among its IPv6 settings.
const CONF_ACCEPT_RA: usize = 3;
const CONF_PROXY_NDP: usize = 22;
const CONF_ACCEPT_DAD: usize = 27;

/// Settings of a device that are on our list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conf {
    proxy_arp: u32,
    proxy_ndp: u32,
    send_redirects: u32,
    rp_filter: u32,
    arp_announce: u32,
    arp_ignore: u32,
    accept_ra: u32,
    disable_ipv6: u32,
    accept_dad: u32,
}

pub(super) fn parse(spec: &[u8]) -> Conf {
    let values = |family: i32, kind: u16| {
        let spec = attributes(spec).find(|(of, _)| *of == family as u16).map_or(&[][..], |(_, spec)| spec);
        attributes(spec).find(|(of, _)| *of == kind).map_or(&[][..], |(_, values)| values)
    };
    let (ipv4, ipv6) = (values(libc::AF_INET, INET_CONF), values(libc::AF_INET6, INET6_CONF));
    Conf {
        proxy_arp: setting(ipv4, CONF_PROXY_ARP),
        proxy_ndp: setting(ipv6, CONF_PROXY_NDP),
        send_redirects: setting(ipv4, CONF_SEND_REDIRECTS),
        rp_filter: setting(ipv4, CONF_RP_FILTER),
        arp_announce: setting(ipv4, CONF_ARP_ANNOUNCE),
        arp_ignore: setting(ipv4, CONF_ARP_IGNORE),
        accept_ra: setting(ipv6, CONF_ACCEPT_RA),
        disable_ipv6: setting(ipv6, CONF_DISABLE_IPV6),
        accept_dad: setting(ipv6, CONF_ACCEPT_DAD),
    }
}

impl Conf {
    /// The value of a device's setting; 0 of one that is not a device's.
    pub const fn of(&self, name: &Sysctl) -> u32 {
        match name {
            Sysctl::ProxyArp(_) => self.proxy_arp,
            Sysctl::ProxyNdp(_) => self.proxy_ndp,
            Sysctl::SendRedirects(_) => self.send_redirects,
            Sysctl::RpFilter(_) => self.rp_filter,
            Sysctl::ArpAnnounce(_) => self.arp_announce,
            Sysctl::ArpIgnore(_) => self.arp_ignore,
            Sysctl::AcceptRa(_) => self.accept_ra,
            Sysctl::DisableIpv6(_) => self.disable_ipv6,
            Sysctl::AcceptDad(_) => self.accept_dad,
            // Not among the settings that a link is told with.
            Sysctl::ProxyDelay(_)
            | Sysctl::AddrGenMode(_)
            | Sysctl::Ipv4Forward
            | Sysctl::Ipv6Forward
            | Sysctl::Ipv4NonlocalBind
            | Sysctl::Ipv6NonlocalBind => 0,
        }
    }
}
